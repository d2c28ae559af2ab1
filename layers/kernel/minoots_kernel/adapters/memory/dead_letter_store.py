"""Dead letters in memory."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from dataclasses import replace
from threading import Lock

from minoots_kernel.adapters.memory.listing import page_below
from minoots_kernel.application.ports import Page
from minoots_kernel.domain.authority import Sight
from minoots_kernel.domain.dead_letters import ANY_LETTER, DeadLetter, LetterFilter, LetterState, follows

__all__ = ["MemoryDeadLetterStore"]


class MemoryDeadLetterStore:
    """Dead letters in dictionaries, with a sorted list per tenant."""

    def __init__(self) -> None:
        self._letters: dict[tuple[str, str], DeadLetter] = {}
        self._ids: defaultdict[str, list[str]] = defaultdict(list)
        self._lock = Lock()

    @property
    def letters(self) -> list[DeadLetter]:
        """Every letter that is dead, in the order they came."""
        with self._lock:
            return [letter for letter in self._letters.values() if letter.state is LetterState.DEAD]

    def put(self, letter: DeadLetter) -> bool:
        """Store a dead letter, in the place of one of an earlier death; see the port."""
        key = (letter.tenant_id, letter.id)
        with self._lock:
            earlier = self._letters.get(key)
            later = letter if earlier is None else follows(letter, earlier)
            if later is None:
                return False
            if earlier is None:
                insort(self._ids[letter.tenant_id], letter.id)
            self._letters[key] = later
            return True

    def get(self, tenant_id: str, letter_id: str) -> DeadLetter | None:
        """Return a letter, dead or not; see the port."""
        return self._letters.get((tenant_id, letter_id))

    def mark(self, letter: DeadLetter, state: LetterState, at_ms: int) -> None:
        """Write down what became of a letter that was dead; see the port."""
        key = (letter.tenant_id, letter.id)
        with self._lock:
            stored = self._letters.get(key)
            if stored is None or stored.state is not LetterState.DEAD or stored.death != letter.death:
                return
            marked = replace(stored, state=state, changed_at_ms=at_ms)
            if state is LetterState.DISCARDED:
                marked = replace(marked, request={}, reason="", attempts=(), labels={})
            self._letters[key] = marked

    def page(
        self,
        tenant_id: str,
        *,
        wanted: LetterFilter = ANY_LETTER,
        limit: int,
        position: str | None = None,
        sight: Sight[DeadLetter] | None = None,
    ) -> Page[DeadLetter]:
        """List a tenant's letters that are dead, by descending id."""
        with self._lock:
            return page_below(
                self._ids.get(tenant_id, []),
                position,
                limit,
                lambda letter_id: self._letters[tenant_id, letter_id],
                lambda letter: wanted.matches(letter) and (sight is None or bool(sight([letter]))),
            )
