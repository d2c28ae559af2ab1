"""The audit in DynamoDB: an item for each entry, spread over a tenant's eight partitions as timers are.

An entry's id is made of what it tells, so that what is told twice is one item. Each is put on condition that nothing
stands there, one by one: `BatchWriteItem` knows no conditions, and whoever may call it may delete.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from minoots_kernel.adapters.dynamodb.keys import Item, item_key, shard_of, tenant_of
from minoots_kernel.adapters.dynamodb.listing import MergedListing
from minoots_kernel.adapters.dynamodb.table import ConditionFailedError, Table
from minoots_kernel.application.ports import Clock, Page
from minoots_kernel.domain.audit import ANY_ENTRY, AuditEntry, AuditFilter
from minoots_kernel.domain.timer import Via

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

__all__ = ["DynamoAuditStore"]

WRITERS: Final = 8
"""How many entries are written at a time, of those that come together."""

_TEXTS: Final = ("subject", "action", "keyId", "ip", "requestId", "issuer")


class DynamoAuditStore:
    """The audit items of a table.

    Args:
        client: Client of DynamoDB.
        table: The table's name.
        kept_days: How long an entry is kept of a tenant that says nothing else.
        clock: What time it is: the table takes its time to delete what has ended.
    """

    def __init__(self, client: DynamoDBClient, table: str, *, kept_days: int, clock: Clock) -> None:
        self._clock = clock
        self._table = Table(client, table)
        self._entries = MergedListing(self._table, "A")
        self._kept_days = kept_days
        self._pool = ThreadPoolExecutor(WRITERS, thread_name_prefix="audit")  # starts its threads when needed

    def add(self, entries: Sequence[AuditEntry]) -> None:
        """Write entries; see the port."""
        if len(entries) == 1:
            self._add(entries[0])
            return
        for _ in self._pool.map(self._add, entries):
            pass  # raises what one raised, once all that were begun have ended

    def page(
        self, tenant_id: str, *, wanted: AuditFilter = ANY_ENTRY, limit: int, position: str | None = None
    ) -> Page[AuditEntry]:
        """List a tenant's entries, the latest first; see the port."""
        now_s = self._clock.now_ms() // 1000
        items, following = self._entries.page(
            tenant_id,
            limit,
            position or wanted.position,
            wanted=lambda items: [
                item for item in items if now_s < int(item["expiresAt"]["N"]) and wanted.matches(_from_item(item))
            ],
            few=wanted != ANY_ENTRY,
        )
        if following is not None and wanted.ends_before(following):
            following = None
        return Page(tuple(map(_from_item, items)), following)

    def _add(self, entry: AuditEntry) -> None:
        try:
            self._table.put_new(self._to_item(entry))
        except ConditionFailedError:
            return  # written before

    def _to_item(self, entry: AuditEntry) -> Item:
        via = entry.via
        texts = dict(
            zip(_TEXTS, (via.subject, via.action, via.key_id, via.ip, via.request_id, via.issuer), strict=True)
        )
        texts |= {"thingId": entry.thing_id, "reason": entry.reason, "userAgent": entry.user_agent}
        numbers = {
            "version": entry.version,
            "count": entry.count if entry.count > 1 else None,
            "keptDays": via.kept_days,
        }
        return {
            **item_key(f"A#{entry.tenant_id}#{shard_of(entry.id)}", entry.id),
            "kind": {"S": "audit"},
            "at": {"N": str(entry.at_ms)},
            "outcome": {"S": entry.outcome},
            "thing": {"S": entry.thing_type},
            "expiresAt": {"N": str(entry.ends_at_s(self._kept_days))},
            **{name: {"S": text} for name, text in texts.items() if text},
            **{name: {"N": str(number)} for name, number in numbers.items() if number is not None},
        }


def _from_item(item: Item) -> AuditEntry:
    outcome: Any = item["outcome"]["S"]
    return AuditEntry(
        tenant_id=tenant_of(item["pk"]["S"]),
        id=item["sk"]["S"],
        at_ms=int(item["at"]["N"]),
        via=Via(
            action=_text(item, "action") or "",
            subject=_text(item, "subject") or "",
            key_id=_text(item, "keyId"),
            ip=_text(item, "ip"),
            request_id=_text(item, "requestId") or "",
            issuer=_text(item, "issuer"),
            kept_days=int(item["keptDays"]["N"]) if "keptDays" in item else None,
        ),
        outcome=outcome,
        thing_type=item["thing"]["S"],
        thing_id=_text(item, "thingId") or "",
        version=int(item["version"]["N"]) if "version" in item else None,
        reason=_text(item, "reason"),
        user_agent=_text(item, "userAgent"),
        count=int(item["count"]["N"]) if "count" in item else 1,
    )


def _text(item: Item, name: str) -> str | None:
    return str(item[name]["S"]) if name in item else None
