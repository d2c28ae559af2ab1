"""What the use cases need of the audit; as `application.ports`, of which these are a part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from minoots_kernel.application.ports import Page
from minoots_kernel.domain.audit import ANY_ENTRY, AuditEntry, AuditFilter

__all__ = ["AuditStore"]


class AuditStore(Protocol):
    """The audit of tenants. What was written is never changed, and is not there any more when its time is over."""

    def add(self, entries: Sequence[AuditEntry]) -> None:
        """Write entries, any number; those that were written before are left as they are, or written again the same."""
        ...

    def page(
        self, tenant_id: str, *, wanted: AuditFilter = ANY_ENTRY, limit: int, position: str | None = None
    ) -> Page[AuditEntry]:
        """List a tenant's entries, the latest first, eventually consistent; as `TimerStore.page`."""
        ...
