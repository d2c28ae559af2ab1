"""The audit in DynamoDB: an item for each entry, spread over a tenant's eight partitions as timers are.

An entry's id is made of what it tells, so that what is told twice is written twice the same. Entries that are written
one at a time are written where nothing stands; the stream's are written in batches, which know no conditions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from minoots_kernel.adapters.dynamodb.keys import DAY_S, Item, item_key, shard_of, tenant_of
from minoots_kernel.adapters.dynamodb.listing import MergedListing
from minoots_kernel.adapters.dynamodb.table import ConditionFailedError, Table
from minoots_kernel.application.ports import Page
from minoots_kernel.domain.audit import ANY_ENTRY, AuditEntry, AuditFilter
from minoots_kernel.domain.errors import DependencyUnavailableError
from minoots_kernel.domain.timer import Via

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

__all__ = ["DynamoAuditStore"]

MAX_TRIES: Final = 5

_TEXTS: Final = ("subject", "action", "keyId", "ip", "requestId", "issuer")


class DynamoAuditStore:
    """The audit items of a table.

    Args:
        client: Client of DynamoDB.
        table: The table's name.
        kept_days: How long an entry is kept.
    """

    def __init__(self, client: DynamoDBClient, table: str, *, kept_days: int) -> None:
        self._table = Table(client, table)
        self._entries = MergedListing(self._table, "A")
        self._kept_s = kept_days * DAY_S

    def add(self, entries: Sequence[AuditEntry]) -> None:
        """Write entries; see the port."""
        if len(entries) == 1:
            try:
                self._table.put_new(self._to_item(entries[0]))
            except ConditionFailedError:
                return  # written before
            return
        # A batch may not have two items of one key.
        waiting = list({(entry.tenant_id, entry.id): self._to_item(entry) for entry in entries}.values())
        for _ in range(MAX_TRIES + len(waiting) // 25):
            if not waiting:
                return
            batch, waiting = waiting[:25], waiting[25:]
            waiting += self._table.put_many(batch)
        if waiting:
            raise DependencyUnavailableError("The table leaves entries of the audit unwritten.")

    def page(
        self, tenant_id: str, *, wanted: AuditFilter = ANY_ENTRY, limit: int, position: str | None = None
    ) -> Page[AuditEntry]:
        """List a tenant's entries, the latest first; see the port."""
        items, following = self._entries.page(
            tenant_id,
            limit,
            position or wanted.position,
            wanted=lambda item: wanted.matches(_from_item(item)),
            few=wanted != ANY_ENTRY,
        )
        if following is not None and wanted.ends_before(following):
            following = None
        return Page(tuple(map(_from_item, items)), following)

    def _to_item(self, entry: AuditEntry) -> Item:
        via = entry.via
        texts = dict(
            zip(_TEXTS, (via.subject, via.action, via.key_id, via.ip, via.request_id, via.issuer), strict=True)
        )
        texts |= {"thingId": entry.thing_id, "reason": entry.reason, "userAgent": entry.user_agent}
        numbers = {"version": entry.version, "count": entry.count if entry.count > 1 else None}
        return {
            **item_key(f"A#{entry.tenant_id}#{shard_of(entry.id)}", entry.id),
            "kind": {"S": "audit"},
            "at": {"N": str(entry.at_ms)},
            "outcome": {"S": entry.outcome},
            "thing": {"S": entry.thing_type},
            "expiresAt": {"N": str(entry.at_ms // 1000 + self._kept_s)},
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
