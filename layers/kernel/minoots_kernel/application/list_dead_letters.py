"""List the deliveries that failed for good."""

from __future__ import annotations

from dataclasses import dataclass

from minoots_kernel.application.ports import DeadLetterStore, Page
from minoots_kernel.domain.dead_letters import DeadLetter
from minoots_kernel.domain.tenancy import Principal

__all__ = ["ListDeadLetters"]


@dataclass(frozen=True, slots=True)
class ListDeadLetters:
    """List a tenant's dead letters, those of the newest timers first."""

    store: DeadLetterStore

    def __call__(self, principal: Principal, *, limit: int, position: str | None) -> Page[DeadLetter]:
        """Return a page; see `DeadLetterStore.page` for the arguments."""
        return self.store.page(principal.tenant_id, limit=limit, position=position)
