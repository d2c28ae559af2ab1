"""The audit in memory."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from threading import Lock

from minoots_kernel.adapters.memory.listing import page_below
from minoots_kernel.application.ports import Clock, Page
from minoots_kernel.domain.audit import ANY_ENTRY, AuditEntry, AuditFilter

__all__ = ["MemoryAuditStore"]


class MemoryAuditStore:
    """Entries by tenant and id.

    Args:
        clock: What time it is; it is compared with their ends.
        kept_days: How long an entry is kept of a tenant that says nothing else.
    """

    def __init__(self, clock: Clock, *, kept_days: int = 400) -> None:
        self._clock = clock
        self._kept_days = kept_days
        self._entries: dict[tuple[str, str], AuditEntry] = {}
        self._ids: dict[str, list[str]] = {}
        self._lock = Lock()

    def add(self, entries: Sequence[AuditEntry]) -> None:
        """Write entries; see the port."""
        with self._lock:
            for entry in entries:
                if (entry.tenant_id, entry.id) not in self._entries:
                    self._entries[entry.tenant_id, entry.id] = entry
                    insort(self._ids.setdefault(entry.tenant_id, []), entry.id)

    def page(
        self, tenant_id: str, *, wanted: AuditFilter = ANY_ENTRY, limit: int, position: str | None = None
    ) -> Page[AuditEntry]:
        """List a tenant's entries, the latest first; see the port."""
        now_s = self._clock.now_ms() // 1000
        with self._lock:
            page = page_below(
                self._ids.get(tenant_id, []),
                position or wanted.position,
                limit,
                lambda entry_id: self._entries[tenant_id, entry_id],
                lambda entry: now_s < entry.ends_at_s(self._kept_days) and wanted.matches(entry),
            )
        return page if page.next_position and not wanted.ends_before(page.next_position) else Page(page.items)
