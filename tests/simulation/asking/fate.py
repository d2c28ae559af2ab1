"""Time, and what becomes of each call of a port: it may stall while all else goes on, crash, or go unanswered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import Any, Final

from minoots_kernel.adapters.memory import VirtualClock
from minoots_kernel.domain.errors import DependencyUnavailableError, VersionMismatchError
from minoots_kernel.domain.timer import Timer
from tests.unit.application.world import Crash

__all__ = ["KINDS", "Calls", "Kind", "Time", "Write"]

STALLS_MS: Final = (20, 500, 4_000, 20_000)
DEEPEST: Final = 3
"""Strands that may stall at once, one within the other."""


@dataclass(frozen=True)
class Kind:
    """What may go wrong in a history, as shares of the calls, or of the things.

    Attributes:
        lost: Of messages, and of executions.
        copies: Of messages: they come once more, later.
        late: Of messages, executions and agents.
        stalls: Of calls.
        fails: Of calls: the process crashes, or the port does not answer.
        unsure: Of writes: the client repeats one that was made, and is refused for what came upon it.
        put_off: Of attempts that nobody else sends.
    """

    name: str
    lost: float = 0
    copies: float = 0
    late: float = 0
    stalls: float = 0
    fails: float = 0
    unsure: float = 0
    put_off: float = 0


KINDS: Final = (
    Kind("calm"),
    Kind("copies", copies=0.6),
    Kind("copies", copies=0.8),
    Kind("late", copies=0.25, late=0.25),
    Kind("put off", copies=0.1, late=0.1, put_off=0.7),
    Kind("crossing", copies=0.15, late=0.15, stalls=0.12, unsure=0.08, put_off=0.3),
    Kind("failing", copies=0.1, late=0.1, fails=0.02),
    Kind("rough", lost=0.1, copies=0.2, late=0.2, stalls=0.02, fails=0.01, unsure=0.02, put_off=0.1),
)


@dataclass(frozen=True)
class Write:
    """A write of the timer: when, by whom, on top of what, and what it became."""

    at_ms: int
    by: object
    before: Timer
    after: Timer


class Time:
    """Virtual time, and what is to happen in it."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.pump: Callable[[], None] = lambda: None
        self.next_message_ms: Callable[[], int | None] = lambda: None
        self._heap: list[tuple[int, int, Callable[[], object]]] = []
        self._count = 0

    def at(self, delay_ms: int, action: Callable[[], object]) -> None:
        self._count += 1
        heappush(self._heap, (self.clock.now_ms() + delay_ms, self._count, action))

    def pass_until(self, until_ms: int, *, over: Callable[[], bool] = lambda: False) -> None:
        """Let happen what happens until then; within a call, it happens while that call stalls."""
        while not over():
            times = [at_ms for at_ms in (self.next_message_ms(), self._heap[0][0] if self._heap else None) if at_ms]
            next_ms = min(times, default=until_ms)
            if next_ms > until_ms:
                break
            self.clock.advance_to(next_ms)
            self.pump()
            while self._heap and self._heap[0][0] <= self.clock.now_ms() and not over():
                heappop(self._heap)[2]()
        self.clock.advance_to(until_ms if not over() else 0)


class Calls:
    """Decides the fate of each call, and keeps an account of the writes.

    Attributes:
        over: Whether nothing goes wrong any more.
        strand: Who calls.
        writes: Every write of the timer.
        struck: How many calls met with anything.
        meanwhile: What may happen at the very moment at which a call stalls, of all that could.
    """

    def __init__(self, kind: Kind, rng: Random, time: Callable[[], Time]) -> None:
        self.kind, self.rng, self._time = kind, rng, time
        self.over = False
        self.strand: object = None
        self.writes: list[Write] = []
        self.struck = 0
        self.meanwhile: tuple[Callable[[], None], ...] = ()
        self._depth = 0

    def around(self, port: Any) -> Any:
        return _Port(self, port)

    @contextmanager
    def by(self, who: object) -> Iterator[None]:
        before, self.strand = self.strand, who
        try:
            yield
        finally:
            self.strand = before

    def happens(self, share: float) -> bool:
        return share > 0 and not self.over and self.rng.random() < share

    def stall(self, for_ms: int) -> None:
        """Let everybody else go on while this call takes its time."""
        if self._depth >= DEEPEST:
            return
        self._depth += 1
        strand, time = self.strand, self._time()
        try:
            if self.meanwhile and self.happens(0.7):
                self.rng.choice(self.meanwhile)()
            time.pass_until(time.clock.now_ms() + for_ms)
        finally:
            self._depth, self.strand = self._depth - 1, strand

    def call(self, name: str, function: Callable[..., Any], arguments: Any, named: Any) -> Any:
        # Most of all writes: it is between the read and the write that others come first.
        if self.happens(self.kind.stalls * (3 if name == "replace" else 1)):
            self.struck += 1
            self.stall(self.rng.choice(STALLS_MS))
        fails = self.happens(self.kind.fails)
        after, error = self.rng.random() < 0.5, self.rng.choice((Crash(), DependencyUnavailableError("no answer")))
        self.struck += fails
        if fails and not after:
            raise error
        result = function(*arguments, **named)
        if name == "replace":
            self.writes.append(Write(self._time().clock.now_ms(), self.strand, *arguments))
            if self.happens(self.kind.unsure):
                self._repeat(arguments[1])
        if fails:
            raise error
        return result

    def _repeat(self, after: Timer) -> None:
        """The answer of a write is lost; its client makes it again, and is refused for what came upon it meanwhile."""
        self.struck += 1
        self.stall(self.rng.choice(STALLS_MS))
        if self.writes[-1].after is not after:
            raise VersionMismatchError("changed by another request", unsure=True)


class _Port:
    def __init__(self, calls: Calls, port: Any) -> None:
        self._calls, self._port = calls, port

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._port, name)
        if not callable(value) or name == "due_for_check":
            return value
        return lambda *arguments, **named: self._calls.call(name, value, arguments, named)
