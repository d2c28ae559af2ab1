"""Parked stream records in DynamoDB."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from minoots_kernel.adapters.dynamodb.compact_json import compact
from minoots_kernel.adapters.dynamodb.keys import DAY_S, Item, item_key
from minoots_kernel.adapters.dynamodb.table import ConditionFailedError, Table
from minoots_kernel.application.parking_ports import ParkedRecord
from minoots_kernel.application.ports import Clock, Page

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

__all__ = ["DynamoParkedRecordStore"]

RETENTION_S: Final = 400 * DAY_S


class DynamoParkedRecordStore:
    """The parked record items of a table, one partition per consumer."""

    def __init__(self, client: DynamoDBClient, table: str, clock: Clock) -> None:
        self._table = Table(client, table)
        self._clock = clock

    def put(self, consumer: str, record: dict[str, Any], reason: str) -> None:
        """Keep a record; keeping it again changes nothing."""
        text = compact(record)
        # A record without an id is broken beyond our stream's form; its content then names it.
        identifier = record.get("eventID") or blake2b(text.encode(), digest_size=16).hexdigest()
        now_ms = self._clock.now_ms()
        item = {
            **_key(consumer, str(identifier)),
            "kind": {"S": "parkedRecord"},
            "record": {"S": text},
            "reason": {"S": reason},
            "parkedAt": {"N": str(now_ms)},
            "expiresAt": {"N": str(now_ms // 1000 + RETENTION_S)},
        }
        try:
            self._table.put_new(item)
        except ConditionFailedError:
            return

    def page(self, consumer: str, *, limit: int, position: str | None = None) -> Page[ParkedRecord]:
        """List a consumer's records; see the port."""
        arguments = {"ExclusiveStartKey": _key(consumer, position)} if position else {}
        items, last = self._table.query(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": _key(consumer, "")["pk"]},
            Limit=limit,
            **arguments,
        )
        found = (
            ParkedRecord(consumer, item["sk"]["S"], json.loads(item["record"]["S"]), item["reason"]["S"])
            for item in items
        )
        return Page(tuple(found), last["sk"]["S"] if last else None)

    def remove(self, record: ParkedRecord) -> None:
        """Forget a record; see the port."""
        self._table.delete(_key(record.consumer, record.id))


def _key(consumer: str, identifier: str) -> Item:
    return item_key(f"X#{consumer}", identifier)
