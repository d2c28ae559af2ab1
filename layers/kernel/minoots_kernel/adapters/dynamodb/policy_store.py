"""Policies in DynamoDB: a version is an item, written once, and the one of the highest number is in force.

So a change is one conditional write, and the latest is found by reading a tenant's partition backwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minoots_kernel.adapters.dynamodb.keys import Item, item_key
from minoots_kernel.adapters.dynamodb.table import ConditionFailedError, Table
from minoots_kernel.application.ports import Page
from minoots_kernel.domain.errors import InvalidTimerError, VersionMismatchError
from minoots_kernel.domain.policies import PolicyVersion

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

__all__ = ["DynamoPolicyStore"]


class DynamoPolicyStore:
    """The policy items of a table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)

    def latest(self, tenant_id: str) -> PolicyVersion | None:
        """Return the latest version, strongly consistent; none if there is none."""
        items, _ = self._backwards(tenant_id, 1, ConsistentRead=True)
        return _from_item(tenant_id, items[0]) if items else None

    def get(self, tenant_id: str, version: int) -> PolicyVersion | None:
        """Return a version, or none."""
        item = self._table.get(_key(tenant_id, version))
        return None if item is None else _from_item(tenant_id, item)

    def put(self, policies: PolicyVersion) -> None:
        """Store the version that follows the latest; see the port."""
        latest = self.latest(policies.tenant_id)
        if policies.version > (latest.version if latest else 0) + 1:
            raise VersionMismatchError("The policies were changed by another request.")
        try:
            self._table.put_new(_to_item(policies))
        except ConditionFailedError as error:
            if error.sure or self.get(policies.tenant_id, policies.version) != policies:
                raise VersionMismatchError("The policies were changed by another request.") from error

    def page(self, tenant_id: str, *, limit: int, position: str | None = None) -> Page[PolicyVersion]:
        """List a tenant's versions, the latest first; see the port."""
        if position is not None and not (position.isascii() and position.isdigit()):
            raise InvalidTimerError("The cursor is not one of this listing.", (("cursor", "leave it out to begin"),))
        begin: dict[str, Any] = {} if position is None else {"ExclusiveStartKey": _key(tenant_id, int(position))}
        items, last = self._backwards(tenant_id, limit, **begin)
        versions = tuple(_from_item(tenant_id, item) for item in items)
        return Page(versions, str(int(last["sk"]["S"])) if last else None)

    def _backwards(self, tenant_id: str, limit: int, **arguments: Any) -> tuple[list[Item], Item | None]:
        return self._table.query(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"L#{tenant_id}"}},
            ScanIndexForward=False,
            Limit=limit,
            **arguments,
        )


def _key(tenant_id: str, version: int) -> Item:
    return item_key(f"L#{tenant_id}", f"{version:010d}")


def _to_item(policies: PolicyVersion) -> Item:
    item: Item = {
        **_key(policies.tenant_id, policies.version),
        "kind": {"S": "policies"},
        "createdAt": {"N": str(policies.created_at_ms)},
        "createdBy": {"S": policies.created_by},
    }
    return item if policies.text is None else {**item, "policies": {"S": policies.text}}


def _from_item(tenant_id: str, item: Item) -> PolicyVersion:
    return PolicyVersion(
        tenant_id=tenant_id,
        version=int(item["sk"]["S"]),
        text=item["policies"]["S"] if "policies" in item else None,
        created_at_ms=int(item["createdAt"]["N"]),
        created_by=item["createdBy"]["S"],
    )
