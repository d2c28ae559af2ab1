"""Inboxes in DynamoDB: an item a message, until it is acknowledged.

An inbox is one partition, in the order of firing. A lease is a conditional write on the message's `version`, which
counts its leases and returns: of two who take at once one wins, and a receipt is worth something as long as the version
that it names stands. `visibleAt` is when the message can be leased again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from minoots_kernel.adapters.dynamodb.compact_json import compact
from minoots_kernel.adapters.dynamodb.keys import Item, item_key
from minoots_kernel.adapters.dynamodb.table import ConditionFailedError, Table
from minoots_kernel.domain.errors import LeaseLostError
from minoots_kernel.domain.inbox import InboxMessage, LeasedMessage, Receipt

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

__all__ = ["DynamoInboxStore"]

READ_AT_A_TIME: Final = 25
MAX_READS: Final = 8
"""Most reads for one look at an inbox. Messages that others have lie in the way of those that nobody has; a reader who
has more of them than these reads reach over waits until some are acknowledged."""

LOST: Final = "The message is not yours any more: its lease ran out and somebody else has it, or it is done."


class DynamoInboxStore:
    """The inbox items of a table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)

    def put(self, message: InboxMessage) -> None:
        """Put a message into its inbox; one that is there already stays as it is."""
        try:
            self._table.put_new(_to_item(message))
        except ConditionFailedError:
            return

    def take(self, tenant_id: str, agent: str, *, limit: int, until_ms: int, now_ms: int) -> list[LeasedMessage]:
        """Lease messages that nobody has, the oldest firings first; see the port."""
        taken: list[LeasedMessage] = []
        last: Item | None = None
        for _ in range(MAX_READS):
            arguments = {"ExclusiveStartKey": last} if last else {}
            items, last = self._table.query(
                KeyConditionExpression="pk = :pk",
                FilterExpression="visibleAt <= :now AND expiresAt > :second",
                ExpressionAttributeValues={
                    ":pk": {"S": _partition(tenant_id, agent)},
                    ":now": {"N": str(now_ms)},
                    ":second": {"N": str(now_ms // 1000)},
                },
                Limit=READ_AT_A_TIME,
                **arguments,
            )
            for item in items:
                if len(taken) == limit:
                    return taken
                leased = self._lease(item, tenant_id, agent, until_ms)
                taken += [leased] if leased else []
            if last is None:
                break
        return taken

    def acknowledge(self, tenant_id: str, agent: str, receipt: Receipt) -> None:
        """Take a message out for good; that it is gone already is no error.

        Raises:
            LeaseLostError: If the receipt is not the latest lease's.
        """
        key = _key(tenant_id, agent, receipt.fired_at_ms, receipt.id)
        try:
            self._table.remove(key, version=receipt.lease)
        except ConditionFailedError as error:
            if self._table.get(key) is not None:
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
    )
