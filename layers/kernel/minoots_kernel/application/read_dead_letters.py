"""Read dead letters: one by its id, or a page of a tenant's."""

from __future__ import annotations

from dataclasses import dataclass

from minoots_kernel.application.ports import DeadLetterStore, Page
from minoots_kernel.domain.dead_letters import ANY_LETTER, DeadLetter, LetterFilter, LetterState
from minoots_kernel.domain.errors import NotFoundError
from minoots_kernel.domain.tenancy import Principal

__all__ = ["GetDeadLetter", "ListDeadLetters"]

MAX_ID = 129
"""Longest id of a letter: a timer's, a dot, and an action's."""


@dataclass(frozen=True, slots=True)
class GetDeadLetter:
    """Read one dead letter."""

    store: DeadLetterStore

    def __call__(self, principal: Principal, letter_id: str) -> DeadLetter:
        """Return a letter that is dead or was redriven.

        Raises:
            NotFoundError: If the tenant has no such letter, or it was discarded.
        """
        letter = self.store.get(principal.tenant_id, letter_id) if len(letter_id) <= MAX_ID else None
        if letter is None or letter.state is LetterState.DISCARDED:
            raise NotFoundError(f"There is no dead letter '{letter_id[:MAX_ID]}'.")
        principal.check(letter)
        return letter


@dataclass(frozen=True, slots=True)
class ListDeadLetters:
    """List a tenant's dead letters, those of the newest timers first."""

    store: DeadLetterStore

    def __call__(
        self, principal: Principal, *, wanted: LetterFilter = ANY_LETTER, limit: int, position: str | None
    ) -> Page[DeadLetter]:
        """Return a page of those that the principal may read; see `DeadLetterStore.page` for the arguments."""
        return self.store.page(
            principal.tenant_id, wanted=wanted, limit=limit, position=position, sight=principal.sight()
        )
