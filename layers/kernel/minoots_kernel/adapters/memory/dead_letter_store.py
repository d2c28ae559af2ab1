"""Dead letters in memory."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from threading import Lock

from minoots_kernel.adapters.memory.listing import page_below
from minoots_kernel.application.ports import Page
from minoots_kernel.domain.dead_letters import DeadLetter

__all__ = ["MemoryDeadLetterStore"]


class MemoryDeadLetterStore:
    """Dead letters in dictionaries, with a sorted list per tenant."""

    def __init__(self) -> None:
        self._letters: dict[tuple[str, str], DeadLetter] = {}
        self._ids: defaultdict[str, list[str]] = defaultdict(list)
        self._lock = Lock()

    @property
    def letters(self) -> list[DeadLetter]:
        """Every dead letter, in the order they came."""
        with self._lock:
            return list(self._letters.values())

    def put(self, letter: DeadLetter) -> None:
        """Store a dead letter; storing it again changes nothing."""
        with self._lock:
            if (letter.tenant_id, letter.id) not in self._letters:
                self._letters[letter.tenant_id, letter.id] = letter
                insort(self._ids[letter.tenant_id], letter.id)

    def page(self, tenant_id: str, *, limit: int, position: str | None = None) -> Page[DeadLetter]:
        """List a tenant's dead letters by descending id."""
        with self._lock:
            return page_below(
                self._ids.get(tenant_id, []),
                position,
                limit,
                lambda letter_id: self._letters[tenant_id, letter_id],
                lambda _: True,
            )
