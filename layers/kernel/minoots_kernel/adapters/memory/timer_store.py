"""Timers in memory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Sequence
from threading import RLock
from typing import Final
from zlib import crc32

from minoots_kernel.adapters.memory.listing import page_below
from minoots_kernel.application.ports import Page, TimerKey
from minoots_kernel.domain.authority import Sight, Thing
from minoots_kernel.domain.errors import AlreadyExistsError, MinootsError, VersionMismatchError
from minoots_kernel.domain.heartbeats import beaten
from minoots_kernel.domain.things import thing_of
from minoots_kernel.domain.timer import Status, Timer
from minoots_kernel.domain.timer_filter import EVERY, TimerFilter

__all__ = ["MemoryTimerStore"]

CHECK_SHARDS: Final = 8

_Check = tuple[int, str, str]


class MemoryTimerStore:
    """Timers in dictionaries, with a sorted list per tenant and per shard of the sweep's index."""

    def __init__(self) -> None:
        self._timers: dict[TimerKey, Timer] = {}
        self._ids: defaultdict[str, list[str]] = defaultdict(list)
        self._checks: list[list[_Check]] = [[] for _ in range(CHECK_SHARDS)]
        self._lock = RLock()

    @property
    def check_shards(self) -> int:
        """How many shards the sweep's index has."""
        return CHECK_SHARDS

    @property
    def timers(self) -> list[Timer]:
        """Every timer as it stands."""
        with self._lock:
            return list(self._timers.values())

    def create(self, timer: Timer) -> None:
        """Store a new timer.

        Raises:
            AlreadyExistsError: If the id is taken.
        """
        key = TimerKey(timer.tenant_id, timer.id)
        with self._lock:
            if key in self._timers:
                raise AlreadyExistsError(f"There is a timer '{timer.id}' already.")
            self._timers[key] = timer
            insort(self._ids[timer.tenant_id], timer.id)
            self._index(None, timer)

    def create_many(self, timers: Sequence[Timer]) -> dict[str, MinootsError]:
        """Store new timers; see the port."""
        for timer in timers:
            self.create(timer)
        return {}

    def get(self, key: TimerKey) -> Timer | None:
        """Return the timer as it stands, or none."""
        return self._timers.get(key)

    def get_many(self, keys: Sequence[TimerKey]) -> list[Timer]:
        """Return those of the timers that exist."""
        found = [self._timers.get(key) for key in keys]
        return [timer for timer in found if timer is not None]

    def replace(self, before: Timer, after: Timer) -> None:
        """Replace a timer if it still stands at the version of `before`.

        Raises:
            VersionMismatchError: If another write came first, or the timer is gone.
        """
        key = TimerKey(before.tenant_id, before.id)
        with self._lock:
            stored = self._timers.get(key)
            if stored is None or stored.version != before.version:
                raise VersionMismatchError(f"The timer '{before.id}' was changed by another request.")
            self._timers[key] = after
            self._index(stored, after)

    def beat(self, key: TimerKey, now_ms: int) -> Timer | None:
        """Push a heartbeat timer out; none if there is nothing to push."""
        with self._lock:
            stored = self._timers.get(key)
            after = None if stored is None else beaten(stored, now_ms)
            if after is not None:
                self._timers[key] = after
            return after

    def page(
        self,
        tenant_id: str,
        *,
        statuses: frozenset[Status],
        limit: int,
        position: str | None = None,
        wanted: TimerFilter = EVERY,
        oldest_first: bool = False,
        sight: Sight[Thing] | None = None,
    ) -> Page[Timer]:
        """List a tenant's timers; see the port."""
        with self._lock:
            return page_below(
                self._ids.get(tenant_id, []),
                position,
                limit,
                lambda timer_id: self._timers[TimerKey(tenant_id, timer_id)],
                lambda timer: (
                    (not statuses or timer.status in statuses)
                    and wanted.matches(timer)
                    and (sight is None or bool(sight([thing_of(timer)])))
                ),
                ascending=oldest_first,
            )

    def due_for_check(
        self, shard: int, until_ms: int, limit: int, position: str | None = None, *, since_ms: int = 0
    ) -> Page[TimerKey]:
        """List timers whose check is due, the earliest first; see the port."""
        with self._lock:
            checks = self._checks[shard]
            first = bisect_left(checks, since_ms, key=lambda check: check[0])
            start = bisect_right(checks, _from_position(position)) if position else first
            end = bisect_right(checks, until_ms, key=lambda check: check[0])
            found = checks[start : min(end, start + limit)]
            keys = tuple(TimerKey(tenant_id, timer_id) for _, tenant_id, timer_id in found)
            more = start + len(found) < end
            return Page(keys, " ".join(map(str, found[-1])) if more and found else None)

    def _index(self, before: Timer | None, after: Timer) -> None:
        checks = self._checks[crc32(after.id.encode()) % CHECK_SHARDS]
        if before is not None and before.next_check_at_ms is not None:
            entry = (before.next_check_at_ms, before.tenant_id, before.id)
            del checks[bisect_right(checks, entry) - 1]
        if after.next_check_at_ms is not None:
            insort(checks, (after.next_check_at_ms, after.tenant_id, after.id))


def _from_position(position: str) -> _Check:
    at_ms, tenant_id, timer_id = position.split(" ")
    return int(at_ms), tenant_id, timer_id
