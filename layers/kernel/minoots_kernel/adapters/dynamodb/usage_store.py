"""What tenants use, in DynamoDB: each count one conditional update, so that no number of callers passes a limit.

A charge whose answer was lost is made again by the client, and may count twice; a refund does not. So a limit may be
reached early, and never late.
"""

from __future__ import annotations

from collections.abc import Mapping
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

from minoots_kernel.adapters.dynamodb.keys import Item, item_key, partitions
from minoots_kernel.adapters.dynamodb.table import ConditionFailedError, Table
from minoots_kernel.application.identity_ports import TimersUsed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

__all__ = ["DynamoUsageStore"]

KEPT_S: Final = 3_600
"""How long the count of a minute is kept when the minute is over."""

MAX_PAGES: Final = 64
"""Most pages, of a megabyte each, that a count of active timers reads; what lies beyond is taken to be active."""

_ENDED: Final = ("settled", "failed", "cancelled")


class DynamoUsageStore:
    """The usage items of a table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)

    def take_requests(self, tenant_id: str, minute: int, count: int, limit: int) -> int | None:
        """Count requests in a minute, if so many are left; see the port."""
        try:
            item = self._table.update(
                _requests(tenant_id, minute),
                UpdateExpression="ADD used :count SET expiresAt = :ends",
                ConditionExpression="attribute_not_exists(used) OR used <= :room",
                ExpressionAttributeValues={
                    ":count": _value(count),
                    ":room": _value(limit - count),
                    ":ends": _value((minute + 1) * 60 + KEPT_S),
                },
            )
        except ConditionFailedError:
            return None
        return int(item["used"]["N"])

    def requests(self, tenant_id: str, minute: int) -> int:
        """Return how many requests are counted in a minute."""
        item = self._table.get(_requests(tenant_id, minute), consistent=False)
        return 0 if item is None else int(item["used"]["N"])

    def timers(self, tenant_id: str) -> TimersUsed | None:
        """Return what is counted of a tenant's timers; see the port."""
        item = self._table.get(_timers(tenant_id))
        if item is None:
            return None
        names = ("day", "creates", "active", "chargedAt")
        return TimersUsed(*(int(item[name]["N"]) for name in names))

    def charge(self, tenant_id: str, day: int, now_ms: int, *, creates: int, active: int) -> bool:
        """Count one create on the day that is being counted; see the port."""
        return self._count(
            tenant_id,
            "ADD creates :one, active :one SET chargedAt = :now",
            "#day = :day AND creates < :creates AND active < :active",
            {"one": 1, "now": now_ms, "day": day, "creates": creates, "active": active},
        )

    def charge_first(self, tenant_id: str, day: int, now_ms: int, *, active: int) -> bool:
        """Count the first create of a day; see the port."""
        return self._count(
            tenant_id,
            "ADD active :one SET #day = :day, creates = :one, chargedAt = :now",
            "attribute_not_exists(pk) OR (#day < :day AND active < :active)",
            {"one": 1, "now": now_ms, "day": day, "active": active},
        )

    def refund(self, tenant_id: str, day: int) -> None:
        """Take back one create that was counted on a day, and one active timer.

        Once, though the client library sends it again if its answer is lost: the item remembers the last refund.
        """
        values: dict[str, int | str] = {"less": -1, "zero": 0, "day": day, "nonce": token_hex(4)}
        once = "active > :zero AND (attribute_not_exists(refund) OR refund <> :nonce)"
        for counts, when in (("creates :less, active :less", "#day = :day"), ("active :less", "#day > :day")):
            if self._count(tenant_id, f"ADD {counts} SET refund = :nonce", f"{when} AND {once}", values):
                return

    def recount(self, tenant_id: str, seen: TimersUsed, active: int) -> None:
        """Set how many are active, unless one was counted since; see the port."""
        values = {"seen": seen.charged_at_ms, "active": active, "day": seen.day}
        self._count(tenant_id, "SET active = :active", "chargedAt = :seen AND #day = :day", values)

    def count_active(self, tenant_id: str, most: int) -> int:
        """Count a tenant's timers that have not ended, up to a number; see the port."""
        found = pages = 0
        for partition in partitions("T", tenant_id):
            arguments: dict[str, Any] = {}
            while found < most:
                if pages == MAX_PAGES:
                    return most
                pages += 1
                items, last = self._table.query(
                    KeyConditionExpression="pk = :pk",
                    FilterExpression="NOT #status IN (:a, :b, :c)",
                    ProjectionExpression="sk",
                    ExpressionAttributeNames={"#status": "status"},
                    ExpressionAttributeValues={
                        ":pk": {"S": partition},
                        **{f":{letter}": {"S": status} for letter, status in zip("abc", _ENDED, strict=True)},
                    },
                    **arguments,
                )
                found += len(items)
                if last is None:
                    break
                arguments = {"ExclusiveStartKey": last}
        return min(found, most)

    def _count(self, tenant_id: str, expression: str, condition: str, values: Mapping[str, int | str]) -> bool:
        try:
            self._table.update(
                _timers(tenant_id),
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeNames={"#day": "day"},
                ExpressionAttributeValues={f":{name}": _value(value) for name, value in values.items()},
            )
        except ConditionFailedError:
            return False
        return True


def _requests(tenant_id: str, minute: int) -> Item:
    return item_key(f"U#{tenant_id}", f"requests#{minute}")


def _timers(tenant_id: str) -> Item:
    return item_key(f"U#{tenant_id}", "timers")


def _value(value: int | str) -> Item:
    return {"S": value} if isinstance(value, str) else {"N": str(value)}
