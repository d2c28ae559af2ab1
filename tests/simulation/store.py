"""The table: the truth at once, its stream and its indexes later."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Sequence

from minoots_kernel.adapters.memory import MemoryDeadLetterStore, MemoryTimerStore
from minoots_kernel.application.ports import Page, TimerKey
from minoots_kernel.domain.authority import Sight, Thing
from minoots_kernel.domain.dead_letters import ANY_LETTER, DeadLetter, LetterFilter, LetterState
from minoots_kernel.domain.events import TimerChange
from minoots_kernel.domain.heartbeats import beaten
from minoots_kernel.domain.timer import Status, Timer
from minoots_kernel.domain.timer_filter import EVERY, TimerFilter
from tests.simulation.crossing import Crossing
from tests.simulation.faults import Fault
from tests.simulation.journal import Wrote
from tests.simulation.loop import Task

__all__ = ["SimulatedDeadLetters", "SimulatedStore"]

MAX_LAG_MS = 90_000


class SimulatedStore:
    """Timers of the memory adapter. Each write comes by the stream later; what lists and indexes show may be stale.

    Attributes:
        truth: The timers as they stand.
        shown: The timers as lists and the sweep's index show them.
        streams: Told of each change.
    """

    def __init__(self, cross: Crossing, name: Callable[[str], str]) -> None:
        self.truth, self.shown = MemoryTimerStore(), MemoryTimerStore()
        self.streams: list[Callable[[TimerChange], None]] = []
        self.by_id: dict[str, Timer] = {}
        self._cross, self._name = cross, name
        self._behind: defaultdict[str, deque[tuple[int, TimerChange]]] = defaultdict(deque)

    @property
    def check_shards(self) -> int:
        """How many shards the sweep's index has."""
        return self.truth.check_shards

    def create(self, timer: Timer) -> None:
        """Store a new timer."""
        task = self._cross.task
        self._cross("TimerStore.create", self._name(timer.id), lambda: self._write(task, None, timer))

    def replace(self, before: Timer, after: Timer) -> None:
        """Replace a timer if it still stands at the version of `before`."""
        task = self._cross.task
        about = f"{self._name(after.id)} {after.status} v{after.version}"
        self._cross(
            "TimerStore.replace",
            about,
            lambda: self._write(task, before, after),
            overwritten=lambda: self.by_id[after.id] is not after,
        )
        task.seen[after.id] = after

    def beat(self, key: TimerKey, now_ms: int) -> Timer | None:
        """Push a heartbeat timer out; none if there is nothing to push."""
        task = self._cross.task

        def push() -> Timer | None:
            stood = self.truth.get(key)
            after = None if stood is None else beaten(stood, now_ms)
            if after is not None:
                self._write(task, stood, after)
            return after

        return self._cross("TimerStore.beat", self._name(key.timer_id), push, repeat=push)

    def get(self, key: TimerKey) -> Timer | None:
        """Return the timer as it stands."""
        task = self._cross.task
        found = self._cross("TimerStore.get", self._name(key.timer_id), lambda: self.truth.get(key))
        task.seen[key.timer_id] = found
        return found

    def get_many(self, keys: Sequence[TimerKey]) -> list[Timer]:
        """Return those of the timers that exist; of none, without a call."""
        if not keys:
            return []
        task = self._cross.task
        about = " ".join(self._name(key.timer_id) for key in keys)
        found = self._cross("TimerStore.get_many", about, lambda: self.truth.get_many(keys))
        task.listed.update({timer.id: timer for timer in found})
        task.seen.update(task.listed)
        return found

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
        """List a tenant's timers as they are shown."""
        return self._cross(
            "TimerStore.page",
            tenant_id,
            lambda: self.shown.page(
                tenant_id,
                statuses=statuses,
                limit=limit,
                position=position,
                wanted=wanted,
                oldest_first=oldest_first,
                sight=sight,
            ),
        )

    def due_for_check(
        self, shard: int, until_ms: int, limit: int, position: str | None = None, *, since_ms: int = 0
    ) -> Page[TimerKey]:
        """List timers whose check is due as the index shows them."""
        return self._cross(
            "TimerStore.due_for_check",
            f"shard {shard}",
            lambda: self.shown.due_for_check(shard, until_ms, limit, position, since_ms=since_ms),
        )

    def soonest_check_ms(self) -> int | None:
        """Return when the earliest check is due, by the truth or by what is shown."""
        timers = [*self.by_id.values(), *(self.shown.timers if any(self._behind.values()) else ())]
        return min((at for timer in timers if (at := timer.next_check_at_ms) is not None), default=None)

    def catch_up(self) -> None:
        """Show everything as it stands."""
        for timer_id, behind in self._behind.items():
            while behind:
                self._show_next(timer_id)

    def _write(self, task: Task, before: Timer | None, after: Timer) -> None:
        stood = self.by_id.get(after.id)
        if before is None:
            self.truth.create(after)
        else:
            self.truth.replace(before, after)
        self.by_id[after.id] = after
        task.wrote.append(self._cross.journal.add(Wrote, task, stood, before, after))
        change = TimerChange(before, after)
        self._show_later(change)
        for stream in self.streams:
            stream(change)

    def _show_later(self, change: TimerChange) -> None:
        loop, timer_id = self._cross.loop, change.after.id
        behind, when_ms = self._behind[timer_id], loop.now_ms
        if self._cross.fates.strikes(Fault.INDEX_STALE, "index", self._name(timer_id)):
            when_ms += 1 + self._cross.chance.below(MAX_LAG_MS, "index lag", timer_id)
        if not behind and when_ms == loop.now_ms:
            self._show(change)
            return
        when_ms = max(when_ms, behind[-1][0] if behind else 0)
        behind.append((when_ms, change))
        loop.at(when_ms, lambda: self._show_next(timer_id))

    def _show_next(self, timer_id: str) -> None:
        if self._behind[timer_id]:
            self._show(self._behind[timer_id].popleft()[1])

    def _show(self, change: TimerChange) -> None:
        if change.before is None:
            self.shown.create(change.after)
        else:
            self.shown.replace(change.before, change.after)


class SimulatedDeadLetters:
    """Dead letters of the memory adapter."""

    def __init__(self, cross: Crossing) -> None:
        self.truth = MemoryDeadLetterStore()
        self._cross = cross

    def put(self, letter: DeadLetter) -> None:
        """Store a dead letter."""
        self._cross("DeadLetterStore.put", letter.id, lambda: self.truth.put(letter))

    def get(self, tenant_id: str, letter_id: str) -> DeadLetter | None:
        """Return a letter, dead or not."""
        return self._cross("DeadLetterStore.get", letter_id, lambda: self.truth.get(tenant_id, letter_id))

    def mark(self, letter: DeadLetter, state: LetterState, at_ms: int) -> None:
        """Write down what became of a letter."""
        about = f"{letter.id} {state}"
        self._cross("DeadLetterStore.mark", about, lambda: self.truth.mark(letter, state, at_ms))

    def page(
        self,
        tenant_id: str,
        *,
        wanted: LetterFilter = ANY_LETTER,
        limit: int,
        position: str | None = None,
        sight: Sight[DeadLetter] | None = None,
    ) -> Page[DeadLetter]:
        """List a tenant's dead letters."""
        return self._cross(
            "DeadLetterStore.page",
            tenant_id,
            lambda: self.truth.page(tenant_id, wanted=wanted, limit=limit, position=position, sight=sight),
        )
