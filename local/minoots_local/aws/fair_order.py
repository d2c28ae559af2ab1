"""In which order a standard queue hands over: the oldest first, but those of quiet tenants before those of noisy ones.

Source: "How Amazon SQS fair queues work", SQS Developer Guide. A message's group is its tenant; one without a group is
a tenant by itself. A tenant is noisy with more than a tenth of all messages in flight and at least 30 of them, and
whatever other tenants have is handed over first. SQS also counts a tenant's share of the consumers' recent time, and
calls all this approximate: here the first rule is exact, and there is no second.
"""

import heapq
from collections import Counter
from typing import Protocol

_NOISY_FROM = 30
_NOISY_SHARE = 10


class Queued(Protocol):
    """A message in its place: of `version`, which rises when it moves, so that what was noted before is stale."""

    number: int
    version: int

    @property
    def group(self) -> str | None:
        """The tenant, if it has one."""
        ...


class FairOrder:
    """Messages that can be received, by tenant. An operation is O(log n) in messages, O(n) in tenants that wait."""

    def __init__(self) -> None:
        self._waiting: dict[str | None, list[tuple[int, int, Queued]]] = {}
        self._in_flight: Counter[str] = Counter()
        self._all_in_flight = 0

    def __bool__(self) -> bool:
        """Whether there is one."""
        return self._next_group() is not None

    def push(self, entry: Queued) -> None:
        """Add a message as it stands now."""
        heapq.heappush(self._waiting.setdefault(entry.group, []), (entry.number, entry.version, entry))

    def pop(self) -> Queued | None:
        """Take the next message out; stale ones are dropped on the way."""
        found = self._next_group()
        return None if found is None else heapq.heappop(self._waiting[found[0]])[2]

    def began(self, entry: Queued) -> None:
        """Count a message as in flight."""
        self._all_in_flight += 1
        if entry.group is not None:
            self._in_flight[entry.group] += 1

    def ended(self, entry: Queued) -> None:
        """Count a message as in flight no more."""
        self._all_in_flight -= 1
        if entry.group is not None:
            self._in_flight[entry.group] -= 1
            if not self._in_flight[entry.group]:
                del self._in_flight[entry.group]

    def is_noisy(self, group: str | None) -> bool:
        """Whether a tenant has so much under way that others come first."""
        mine = self._in_flight[group] if group is not None else 0
        return mine >= _NOISY_FROM and mine * _NOISY_SHARE > self._all_in_flight

    def _next_group(self) -> tuple[str | None] | None:
        """The tenant whose oldest message is next, in a tuple because it may be none."""
        best: tuple[bool, int] | None = None
        chosen: tuple[str | None] | None = None
        for group, waiting in list(self._waiting.items()):
            while waiting and waiting[0][1] != waiting[0][2].version:
                heapq.heappop(waiting)
            if not waiting:
                del self._waiting[group]
                continue
            rank = (self.is_noisy(group), waiting[0][0])
            if best is None or rank < best:
                best, chosen = rank, (group,)
        return chosen
