"""Inboxes in DynamoDB: an item a message, until it is acknowledged.

An inbox is one partition, in the order of firing. A lease is a conditional write on the message's `version`, which
counts its leases and returns: of two who take at once one wins, and a receipt is worth something as long as the version
that it names stands. `visibleAt` is when the message can be leased again, `asked` what it was put for. An item with
`done` was taken out, and is kept so that nothing brings it back.

Messages that others have lie in the way of those that nobody has, so a look has an end. Where it ended stands in the
partition's first item, and the next look goes on there: an inbox without such a backlog never has that item.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from minoots_kernel.adapters.dynamodb.compact_json import compact
from minoots_kernel.adapters.dynamodb.keys import Item, item_key
from minoots_kernel.adapters.dynamodb.table import ConditionFailedError, Table
from minoots_kernel.domain.errors import DependencyUnavailableError, LeaseLostError
from minoots_kernel.domain.inbox import Arrival, InboxMessage, LeasedMessage, Occasion, Receipt

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

__all__ = ["DynamoInboxStore"]

READ_AT_A_TIME: Final = 25
MAX_READS: Final = 8
"""Most reads for one look at an inbox: of 200 items."""

MAX_TRIES: Final = 5
NEVER_MS: Final = 9_999_999_999_999
MARK: Final = "#"
"""The sort key of the item that says where the last look ended: before any message's, which begins with a digit."""

MARK_KEPT_S: Final = 86_400

LOST: Final = "The message is not yours any more: its lease ran out and somebody else has it, or it is done."


class DynamoInboxStore:
    """The inbox items of a table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)

    def put(self, message: InboxMessage) -> None:
        """Put a message into its inbox; see the port."""
        item = _to_item(message)
        key = {"pk": item["pk"], "sk": item["sk"]}
        for _ in range(MAX_TRIES):
            try:
                self._table.put_new(item)
                return
            except ConditionFailedError:
                standing = self._table.get(key)
            if standing is None:
                continue  # taken out just now; whoever puts it twice may bring it back: better twice than not at all
            arrival = message.arrives_at(_occasion(standing), done="done" in standing)
            if arrival is Arrival.STAYS or self._put_over(standing, item, arrival):
                return
        raise DependencyUnavailableError("The inbox changes faster than a message can be put into it.")

    def take(self, tenant_id: str, agent: str, *, limit: int, until_ms: int, now_ms: int) -> list[LeasedMessage]:
        """Lease messages that nobody has, the oldest firings first; see the port."""
        taken: list[LeasedMessage] = []
        for item in self._free(_partition(tenant_id, agent), now_ms):
            leased = self._lease(item, tenant_id, agent, until_ms)
            taken += [leased] if leased else []
            if len(taken) == limit:
                break
        return taken

    def leased(self, tenant_id: str, agent: str, receipt: Receipt) -> InboxMessage | None:
        """Return the message of a lease; none if it is not in the inbox.

        Raises:
            LeaseLostError: If the receipt is not the latest lease's.
        """
        item = self._table.get(_key(tenant_id, agent, receipt.fired_at_ms, receipt.id))
        if item is None or "done" in item:
            return None
        if int(item["version"]["N"]) != receipt.lease:
            raise LeaseLostError(LOST)
        return _from_item(item, tenant_id, agent)

    def acknowledge(self, tenant_id: str, agent: str, receipt: Receipt, *, remember: bool = False) -> None:
        """Take a message out for good; that it is gone already is no error.

        Raises:
            LeaseLostError: If the receipt is not the latest lease's.
        """
        key = _key(tenant_id, agent, receipt.fired_at_ms, receipt.id)
        try:
            if remember:
                self._table.change(key, _taken_out(receipt), version=receipt.lease)
            else:
                self._table.remove(key, version=receipt.lease)
        except ConditionFailedError as error:
            item = self._table.get(key)
            if item is not None and "done" not in item:
                raise LeaseLostError(LOST) from error

    def lease_until(self, tenant_id: str, agent: str, receipt: Receipt, at_ms: int, *, give_back: bool) -> None:
        """Have a leased message come back at a time.

        Raises:
            LeaseLostError: If the message is gone, or the receipt is not the latest lease's.
        """
        changes: dict[str, Any] = {"visibleAt": {"N": str(at_ms)}}
        if give_back:
            changes["version"] = {"N": str(receipt.lease + 1)}
        try:
            key = _key(tenant_id, agent, receipt.fired_at_ms, receipt.id)
            self._table.change(key, changes, version=receipt.lease)
        except ConditionFailedError as error:
            # If it was our own first try that was done, its answer lost, the caller hears of a lost lease for nothing.
            raise LeaseLostError(LOST) from error

    def _put_over(self, standing: Item, item: Item, arrival: Arrival) -> bool:
        """Write a message over the one that stands there; whether that had not changed meanwhile."""
        content = {name: value for name, value in item.items() if name not in {"pk", "sk", *_LEASE}}
        changes: dict[str, Any] = {"ack": None, "done": None, **content}
        if arrival is Arrival.BEGINS:
            changes |= {name: item[name] for name in _LEASE}
            changes["version"] = {"N": str(int(standing["version"]["N"]) + 1)}
        stands = {"version": standing["version"], "asked": standing.get("asked")}
        try:
            self._table.set_where({"pk": item["pk"], "sk": item["sk"]}, changes, stands)
        except ConditionFailedError:
            return False
        return True

    def _free(self, partition: str, now_ms: int) -> Iterator[Item]:
        """Yield messages that can be leased: the oldest, then on from where the last look ended, and round."""
        found, first_end = self._page(partition, None, now_ms)
        mark = next((item["lookedTo"]["S"] for item in found if "lookedTo" in item), None)
        yield from (item for item in found if "lookedTo" not in item)
        reads = 1
        turns: list[tuple[str | None, str | None]] = [(first_end, None)]
        if mark is not None and first_end is not None and mark > first_end:
            turns = [(mark, None), (first_end, mark)]
        for begin, end in turns:
            at = begin
            while at is not None and (end is None or at < end):
                if reads == MAX_READS:
                    self._table.put(_mark(partition, at, now_ms))
                    return
                found, at = self._page(partition, at, now_ms)
                reads += 1
                yield from found
        if mark is not None:
            self._table.delete(item_key(partition, MARK))  # all of it was looked at: nothing is in the way

    def _page(self, partition: str, after: str | None, now_ms: int) -> tuple[list[Item], str | None]:
        """Return what of the next items can be leased, and where they end; none at the end of the inbox."""
        onward = {":after": {"S": after}} if after else {}
        items, last = self._table.query(
            KeyConditionExpression="pk = :pk AND sk > :after" if after else "pk = :pk",
            FilterExpression="(visibleAt <= :now AND expiresAt > :second) OR attribute_exists(lookedTo)",
            ExpressionAttributeValues={
                ":pk": {"S": partition},
                ":now": {"N": str(now_ms)},
                ":second": {"N": str(now_ms // 1000)},
                **onward,
            },
            Limit=READ_AT_A_TIME,
        )
        return items, last["sk"]["S"] if last else None

    def _lease(self, item: Item, tenant_id: str, agent: str, until_ms: int) -> LeasedMessage | None:
        version, received = int(item["version"]["N"]), int(item["received"]["N"]) + 1
        changes: dict[str, Any] = {
            "version": {"N": str(version + 1)},
            "received": {"N": str(received)},
            "visibleAt": {"N": str(until_ms)},
        }
        try:
            self._table.change({"pk": item["pk"], "sk": item["sk"]}, changes, version=version)
        except ConditionFailedError:
            return None  # somebody else's; or ours, its answer lost: then it comes back as any other lease does
        message = _from_item(item, tenant_id, agent)
        receipt = Receipt(message.fired_at_ms, message.id, version + 1, message.acknowledgement is not None)
        return LeasedMessage(message, receipt.to_text(), received, until_ms)


_LEASE: Final = ("version", "received", "visibleAt")


def _taken_out(receipt: Receipt) -> dict[str, Any]:
    """Return what makes of a message a note that it was taken out; its receipt is worth nothing any more."""
    version = {"N": str(receipt.lease + 1)}
    return {"done": {"BOOL": True}, "version": version, "visibleAt": {"N": str(NEVER_MS)}, "payload": None, "ack": None}


def _mark(partition: str, at: str, now_ms: int) -> Item:
    kept_until = {"N": str(now_ms // 1000 + MARK_KEPT_S)}
    return {
        **item_key(partition, MARK),
        "kind": {"S": "inboxMark"},
        "lookedTo": {"S": at},
        "expiresAt": kept_until,
    }


def _occasion(item: Item) -> Occasion:
    life, step, attempt = item["asked"]["S"].split(".") if "asked" in item else (0, 0, 0)
    return Occasion(int(life), int(step), int(attempt))


def _partition(tenant_id: str, agent: str) -> str:
    return f"I#{tenant_id}#{agent}"


def _key(tenant_id: str, agent: str, fired_at_ms: int, message_id: str) -> Item:
    return item_key(_partition(tenant_id, agent), f"{fired_at_ms:013d}#{message_id}")


def _to_item(message: InboxMessage) -> Item:
    asks = {"ack": {"S": compact(message.acknowledgement)}} if message.acknowledgement else {}
    return {
        **asks,
        **_key(message.tenant_id, message.agent, message.fired_at_ms, message.id),
        "kind": {"S": "inboxMessage"},
        "timerId": {"S": message.timer_id},
        "actionId": {"S": message.action_id},
        "actionKind": {"S": message.kind},
        "payload": {"S": compact(message.payload)},
        "asked": {"S": f"{message.occasion.life}.{message.occasion.step}.{message.occasion.attempt}"},
        "version": {"N": "0"},
        "received": {"N": "0"},
        "visibleAt": {"N": "0"},
        "expiresAt": {"N": str(message.forgotten_at_ms // 1000)},
    }


def _from_item(item: Item, tenant_id: str, agent: str) -> InboxMessage:
    fired_at, _, message_id = item["sk"]["S"].partition("#")
    return InboxMessage(
        tenant_id=tenant_id,
        agent=agent,
        id=message_id,
        timer_id=item["timerId"]["S"],
        action_id=item["actionId"]["S"],
        kind=item["actionKind"]["S"],
        fired_at_ms=int(fired_at),
        payload=json.loads(item["payload"]["S"]),
        forgotten_at_ms=int(item["expiresAt"]["N"]) * 1000,
        acknowledgement=json.loads(item["ack"]["S"]) if "ack" in item else None,
        occasion=_occasion(item),
    )
