"""The way through every port: the strand that calls lets others go on, and the call meets its fate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NoReturn, TypeVar

from greenlet import GreenletExit

from minoots_kernel.domain.errors import DependencyUnavailableError, VersionMismatchError
from tests.simulation.chance import Chance
from tests.simulation.faults import Fates, Fault
from tests.simulation.journal import Called, Journal
from tests.simulation.loop import Loop, Task
from tests.simulation.matrix import KINDS

__all__ = ["Crossing"]

T = TypeVar("T")
CRASHES = frozenset({Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.CRASH_DURING})
MAX_SLOW_MS = 90_000
MAX_LATE_MS = 60_000
MAX_REPEAT_MS = 10_000


def _unavailable() -> Exception:
    return DependencyUnavailableError("no answer")


@dataclass(frozen=True, slots=True)
class _Call(Generic[T]):
    """A call that meets a fault; the word decides how exactly."""

    task: Task
    effect: Callable[[], T]
    part: Callable[[], T] | None
    overwritten: Callable[[], bool] | None
    repeat: Callable[[], T] | None
    error: Callable[[], Exception]
    word: int


class Crossing:
    """Carries calls from strands to ports.

    Attributes:
        calls: How often each use case made each call.
        late: Calls whose answer was lost and that have yet to be done.
    """

    def __init__(self, loop: Loop, chance: Chance, fates: Fates, journal: Journal, latency_ms: int) -> None:
        self.loop, self.chance, self.fates, self.journal = loop, chance, fates, journal
        self.calls: Counter[tuple[str, str]] = Counter()
        self.late = 0
        self._latency_ms = latency_ms

    @property
    def task(self) -> Task:
        """The strand whose turn it is."""
        task = self.loop.current
        assert task is not None, "ports are called from strands only"
        if task.invocation.over:
            raise GreenletExit  # its process is gone: what it does while it ends has no effect
        return task

    def __call__(
        self,
        call: str,
        about: str,
        effect: Callable[[], T],
        *,
        part: Callable[[], T] | None = None,
        overwritten: Callable[[], bool] | None = None,
        repeat: Callable[[], T] | None = None,
        error: Callable[[], Exception] = _unavailable,
    ) -> T:
        """Make a call.

        Args:
            call: Which, as the matrix names it.
            about: What it is about, for people.
            effect: Does it.
            part: Does a part of it, and says what is left over.
            overwritten: Tells whether another write has come on top of this one.
            repeat: Does it a second time, of a call that its client repeats and whose second answer counts.
            error: What the caller gets when it does not learn how the call ended.
        """
        task = self.task
        self.calls[task.use_case, call] += 1
        drawn = self.chance.draw(f"{task.use_case}/{call}", task.subject)
        word = drawn[0]
        fault = self.fates.of_call(task.use_case, call, KINDS[call], task.subject, drawn, self.loop.now_ms)
        self.loop.pause(1 + (word >> 28) % self._latency_ms, word >> 56)
        if fault is not None:
            self.journal.add(Called, task, call, fault, about)
            return self._fail(fault, _Call(task, effect, part, overwritten, repeat, error, word))
        return self._do(task, call, about, effect, word)

    def _do(self, task: Task, call: str, about: str, effect: Callable[[], T], word: int) -> T:
        try:
            result = effect()
        except Exception as problem:
            self.journal.add(Called, task, call, type(problem).__name__, about)
            raise
        self.journal.add(Called, task, call, "", about)
        if word >> 24 & 3 == 0:  # the answer takes its time, too
            self.loop.pause(1 + (word >> 40) % self._latency_ms, word >> 56)
        return result

    def _fail(self, fault: Fault, call: _Call[T]) -> T:
        if fault is Fault.SLOW_CALL:
            return self._slowly(call)
        if fault is Fault.PART_REFUSED and call.part is not None:
            return call.part()
        if fault is Fault.HIDDEN_WRITE:
            return self._repeated(call)
        if fault in {Fault.LATE_EFFECT, Fault.CRASH_DURING}:
            self._do_later(call.effect, _long_tailed(call.word >> 30, MAX_LATE_MS))
        elif fault in {Fault.ANSWER_LOST, Fault.CRASH_AFTER}:
            _unheard(call.effect)
        if fault in CRASHES:
            self._crash(call.task)
        raise call.error()

    def _slowly(self, call: _Call[T]) -> T:
        """Take so long that the function may be ended meanwhile, before or after the call is done."""
        whole_ms = _long_tailed(call.word >> 30, MAX_SLOW_MS)
        done_ms = (call.word >> 40) % whole_ms
        self.loop.pause(done_ms)
        result = call.effect()
        self.loop.pause(whole_ms - done_ms)
        return result

    def _repeated(self, call: _Call[T]) -> T:
        """Write, hear nothing, write again: refused for the first write, which another may have come on top of."""
        result = call.effect()
        self.loop.pause(_long_tailed(call.word >> 30, MAX_REPEAT_MS))
        if call.repeat is not None:
            return call.repeat()
        if call.overwritten is not None and call.overwritten():
            raise VersionMismatchError("The timer was changed by another request.", unsure=True)
        return result

    def _do_later(self, effect: Callable[[], object], delay_ms: int) -> None:
        def do() -> None:
            self.late -= 1
            _unheard(effect)

        self.late += 1
        self.loop.at(self.loop.now_ms + delay_ms, do)

    def _crash(self, task: Task) -> NoReturn:
        self.loop.at(self.loop.now_ms, task.invocation.crash)
        self.loop.wait()
        raise AssertionError("a strand went on after its crash")


def _long_tailed(bits: int, longest_ms: int) -> int:
    """Return a duration of a quarter of a second up to the longest, short ones as likely as ones twice as long."""
    doublings = (longest_ms // 250).bit_length()
    return min(longest_ms, int(250 * 2 ** ((bits & 0xFFFF) / 0x10000 * doublings)))


def _unheard(effect: Callable[[], object]) -> None:
    """Do it; nobody hears how it ended."""
    try:
        effect()
    except Exception:
        return
