"""The audit in memory."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from threading import Lock

from minoots_kernel.adapters.memory.listing import page_below
from minoots_kernel.application.ports import Page
from minoots_kernel.domain.audit import ANY_ENTRY, AuditEntry, AuditFilter

__all__ = ["MemoryAuditStore"]


class MemoryAuditStore:
    """Entries by tenant and id."""

    def __init__(self) -> None:
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
        with self._lock:
            page = page_below(
                self._ids.get(tenant_id, []),
                position or wanted.position,
                limit,
                lambda entry_id: self._entries[tenant_id, entry_id],
                wanted.matches,
            )
        return page if page.next_position and not wanted.ends_before(page.next_position) else Page(page.items)
