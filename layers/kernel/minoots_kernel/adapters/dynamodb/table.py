"""The few calls that the stores make of the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from minoots_kernel.adapters.aws import answering, unrepeated
from minoots_kernel.adapters.dynamodb.keys import Item
from minoots_kernel.domain.errors import DependencyUnavailableError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_dynamodb.client import DynamoDBClient

__all__ = ["ConditionFailedError", "Table"]

WHO: Final = "The table"
NEW: Final = "attribute_not_exists(pk)"
MAX_KEYS_A_BATCH: Final = 100
MAX_BATCH_TRIES: Final = 10


class ConditionFailedError(Exception):
    """A conditional write was refused.

    Attributes:
        sure: Whether it was refused at the first try. A refusal at a later one may be our own first try's doing: that
            one was written and only its answer lost.
    """

    def __init__(self, sure: bool) -> None:
        super().__init__("the condition does not hold")
        self.sure = sure


class Table:
    """One table; each method is one call, and a missing answer is `DependencyUnavailableError`."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client = client
        self._name = name
        self._refused = client.exceptions.ConditionalCheckFailedException
        unrepeated(client, "BatchWriteItem")

    def put(self, item: Item) -> None:
        """Write an item over whatever stands there."""
        with answering(WHO):
            self._client.put_item(TableName=self._name, Item=item)

    def put_many(self, items: Sequence[Item]) -> list[Item]:
        """Write items over whatever stands there, and return those that the table had no room to take.

        Args:
            items: At most 25, each with a key of its own.

        Raises:
            DependencyUnavailableError: If there is no answer; each may then be written or not. The call is not made
                again by the client library.
        """
        puts: list[Any] = [{"PutRequest": {"Item": item}} for item in items]
        with answering(WHO):
            reply = self._client.batch_write_item(RequestItems={self._name: puts})
        return [one["PutRequest"]["Item"] for one in reply.get("UnprocessedItems", {}).get(self._name, [])]

    def put_new(self, item: Item) -> None:
        """Write an item where there is none.

        Raises:
            ConditionFailedError: If there is one.
        """
        try:
            with answering(WHO):
                self._client.put_item(TableName=self._name, Item=item, ConditionExpression=NEW)
        except self._refused as error:
            raise ConditionFailedError(_was_first_try(error)) from error

    def change(self, key: Item, changes: dict[str, Any], *, version: int) -> None:
        """Set and remove attributes of an item that stands at a version.

        Args:
            key: The item's key.
            changes: Attributes with their new values; none removes one.
            version: What the attribute `version` has to be.

        Raises:
            ConditionFailedError: If it is not, or there is no such item.
        """
        self._set(key, changes, "#version = :was", {"#version": "version"}, {":was": {"N": str(version)}})

    def put_where(self, item: Item, stands: Mapping[str, Item | None]) -> None:
        """Write an item over one of which some attributes stand as given; none for one that it has not.

        Raises:
            ConditionFailedError: If they do not, or there is no such item.
        """
        condition, names, values = _condition(stands)
        given: dict[str, Any] = {"ExpressionAttributeValues": values} if values else {}
        try:
            with answering(WHO):
                self._client.put_item(
                    TableName=self._name,
                    Item=item,
                    ConditionExpression=condition,
                    ExpressionAttributeNames=names,
                    **given,
                )
        except self._refused as error:
            raise ConditionFailedError(_was_first_try(error)) from error

    def set_where(self, key: Item, changes: dict[str, Any], stands: Mapping[str, Item | None]) -> None:
        """Set and remove attributes of an item of which some attributes stand as given; none for one it has not.

        Raises:
            ConditionFailedError: If they do not, or there is no such item.
        """
        self._set(key, changes, *_condition(stands))

    def set_if_there(self, key: Item, changes: dict[str, Any]) -> None:
        """Set and remove attributes of an item; an attribute without a value is removed.

        Raises:
            ConditionFailedError: If there is no such item.
        """
        self._set(key, changes, "attribute_exists(pk)", {}, {})

    def _set(self, key: Item, changes: dict[str, Any], condition: str, named: dict[str, str], valued: Item) -> None:
        # Every name goes by an alias: `name` and `status` are among the words that expressions reserve.
        names = {f"#{index}": name for index, name in enumerate(changes)}
        values: Item = {}
        sets: list[str] = []
        removes: list[str] = []
        for alias, (index, value) in zip(names, enumerate(changes.values()), strict=True):
            if value is None:
                removes.append(alias)
            else:
                values[f":{index}"] = value
                sets.append(f"{alias} = :{index}")
        clauses = [f"{verb} {', '.join(parts)}" for verb, parts in (("SET", sets), ("REMOVE", removes)) if parts]
        given: dict[str, Any] = {"ExpressionAttributeValues": valued | values} if valued or values else {}
        try:
            with answering(WHO):
                self._client.update_item(
                    TableName=self._name,
                    Key=key,
                    UpdateExpression=" ".join(clauses),
                    ConditionExpression=condition,
                    ExpressionAttributeNames={**names, **named},
                    **given,
                )
        except self._refused as error:
            raise ConditionFailedError(_was_first_try(error)) from error

    def update(self, key: Item, **arguments: Any) -> Item:
        """Update an item by an expression, on a condition, and return it as it stands then.

        Raises:
            ConditionFailedError: If the condition does not hold.
        """
        try:
            with answering(WHO):
                reply = self._client.update_item(TableName=self._name, Key=key, ReturnValues="ALL_NEW", **arguments)
        except self._refused as error:
            raise ConditionFailedError(_was_first_try(error)) from error
        return reply["Attributes"]

    def remove(self, key: Item, *, version: int) -> None:
        """Delete an item that stands at a version.

        Raises:
            ConditionFailedError: If it stands at another, or there is no such item.
        """
        try:
            with answering(WHO):
                self._client.delete_item(
                    TableName=self._name,
                    Key=key,
                    ConditionExpression="#version = :was",
                    ExpressionAttributeNames={"#version": "version"},
                    ExpressionAttributeValues={":was": {"N": str(version)}},
                )
        except self._refused as error:
            raise ConditionFailedError(_was_first_try(error)) from error

    def delete(self, key: Item) -> bool:
        """Remove an item; say whether there was one."""
        with answering(WHO):
            reply = self._client.delete_item(TableName=self._name, Key=key, ReturnValues="ALL_OLD")
        return "Attributes" in reply

    def get(self, key: Item, *, consistent: bool = True) -> Item | None:
        """Return an item, or none."""
        with answering(WHO):
            return self._client.get_item(TableName=self._name, Key=key, ConsistentRead=consistent).get("Item")

    def get_many(self, keys: Iterable[Item]) -> list[Item]:
        """Return those of the items that exist, in no order, strongly consistent."""
        wanted = list(keys)
        found: list[Item] = []
        for _ in range(MAX_BATCH_TRIES + len(wanted) // MAX_KEYS_A_BATCH):
            if not wanted:
                return found
            batch, wanted = wanted[:MAX_KEYS_A_BATCH], wanted[MAX_KEYS_A_BATCH:]
            with answering(WHO):
                reply = self._client.batch_get_item(RequestItems={self._name: {"Keys": batch, "ConsistentRead": True}})
            found += reply["Responses"].get(self._name, [])
            # An answer holds 16 MB at most; what did not fit, or was throttled, comes back to be asked for again.
            left = reply.get("UnprocessedKeys", {}).get(self._name)
            wanted += left["Keys"] if left else []
        raise DependencyUnavailableError(f"{WHO} left keys of a batch unanswered again and again.")

    def query(self, **arguments: Any) -> tuple[list[Item], Item | None]:
        """Run a query.

        Returns:
            The items, and the key of the last one examined if there may be more.
        """
        with answering(WHO):
            reply = self._client.query(TableName=self._name, **arguments)
        return reply["Items"], reply.get("LastEvaluatedKey")


def _condition(stands: Mapping[str, Item | None]) -> tuple[str, dict[str, str], Item]:
    """Return the condition that attributes stand as given, with its names and values."""
    condition, names, values = "attribute_exists(pk)", {}, {}
    for index, (name, value) in enumerate(stands.items()):
        names[f"#was{index}"] = name
        if value is None:
            condition += f" AND attribute_not_exists(#was{index})"
        else:
            values[f":was{index}"] = value
            condition += f" AND #was{index} = :was{index}"
    return condition, names, values


def _was_first_try(error: ClientError) -> bool:
    return error.response.get("ResponseMetadata", {}).get("RetryAttempts", 1) == 0
