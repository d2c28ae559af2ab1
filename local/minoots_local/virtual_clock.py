"""A clock that can be set forward without passing anything over.

Time runs as ever, plus an offset. `advance` raises the offset in jumps: to the earliest instant that anybody waits
for, and only when the stack is quiet, which is when nothing that was handed over is still under way. So everything
happens in its order, each at its time, and what takes real time (a slow receiver, a busy processor) counts as lateness.

Reading the time: `time_machine` shows this clock to the whole process (`time.time`, `datetime.now`, also to moto and to
libraries), and leaves `time.monotonic` alone, by which sockets and deadlines of real exchanges go. Waiting: everybody
waits through `wait`, so this is the one place that knows for what.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from minoots_local.clock import LONGEST_NAP_S, NothingBefore
from minoots_local.errors import ClockStoppedError

if TYPE_CHECKING:
    import time_machine

P = ParamSpec("P")
T = TypeVar("T")

# Past the instant itself: rounding must not leave its waiters a microsecond to wait.
_JUST_AFTER_MS = 0.001


@dataclass(eq=False, slots=True)
class _Waiter:
    """A thread that waits.

    Attributes:
        holds: What of the work under way is this thread's, and is not while it waits.
        awake: Whether it was notified or has come due, and so is at work though it may not have noticed yet.
    """

    condition: threading.Condition
    until_ms: float
    nothing_before: NothingBefore | None
    holds: int
    awake: bool = False

    @property
    def weight(self) -> int:
        """How much work it is once it is awake; a stranger's thread counts, too, until it has left `wait`."""
        return self.holds or 1

    def due_ms(self) -> float:
        """When it has something to do, as everything stands."""
        return max(self.until_ms, self.nothing_before()) if self.nothing_before else self.until_ms


class _Here(threading.local):
    """What of the work under way is this thread's."""

    holds = 0


class VirtualClock:
    """The machine's clock plus an offset that `advance` raises; one at a time in a process."""

    def __init__(self) -> None:
        # Guards everything below; held for moments, and no other lock is taken while it is.
        self._changed = threading.Condition()
        self._under_way = 0
        # Rises whenever anything begins, wakes or waits: what was found quiet still is if this has not moved.
        self._activity = 0
        self._waiters: dict[int, set[_Waiter]] = {}
        self._here = _Here()
        self._one_advance = threading.Lock()
        self._traveller: time_machine.Traveller | None = None
        self._stopped = False

    @contextlib.contextmanager
    def running(self) -> Iterator["VirtualClock"]:
        """Show this clock to the whole process for as long as the block lasts."""
        import time_machine  # deferred: few want it, and where there is pytest it imports that

        travel = time_machine.travel(time.time(), tick=True)  # noqa: TID251 - this is the injected Clock
        self._traveller = travel.start()
        self.now_ms()  # from here on it ticks
        try:
            yield self
        finally:
            self.stop()
            self._traveller = None
            travel.stop()

    def stop(self) -> None:
        """End an advance that is under way."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def now_ms(self) -> float:
        """Epoch milliseconds, with fractions."""
        return time.time_ns() / 1e6

    def start_at(self, instant_ms: float) -> None:
        """Begin at an instant (epoch milliseconds), unless it has passed; for before anybody waits."""
        self._shift(instant_ms - self.now_ms())

    # Waiting and working.

    def wait(
        self, condition: threading.Condition, until_ms: float | None, nothing_before: NothingBefore | None = None
    ) -> None:
        """Wait for a notification by `notify`, or until this clock shows `until_ms`."""
        until = float("inf") if until_ms is None else until_ms
        waiter = _Waiter(condition, until, nothing_before, self._here.holds)
        with self._changed:
            self._waiters.setdefault(id(condition), set()).add(waiter)
            self._count(-waiter.holds)
            nap_s = self._nap_s(until)
        try:
            condition.wait(nap_s)
        finally:
            with self._changed:
                waiting = self._waiters[id(condition)]
                waiting.remove(waiter)
                if not waiting:
                    del self._waiters[id(condition)]
                self._count(waiter.holds - (waiter.weight if waiter.awake else 0))

    def notify(self, condition: threading.Condition) -> None:
        """Wake everybody who waits on a condition; they are at work from now on, not from when they notice."""
        with self._changed:
            for waiter in self._waiters.get(id(condition), ()):
                self._wake(waiter)
        condition.notify_all()

    def hand_over(self, work: Callable[P, T]) -> Callable[P, T]:
        """Count work as under way from now until it has returned, on whatever thread it is done."""
        with self._changed:
            self._count(1)

        def counted(*args: P.args, **kwargs: P.kwargs) -> T:
            self._here.holds += 1
            try:
                return work(*args, **kwargs)
            finally:
                self._here.holds -= 1
                with self._changed:
                    self._count(-1)

        return counted

    # Setting it forward.

    def advance(self, by_ms: float) -> float:
        """Let so much time pass, as fast as what happens in it can be done.

        Returns:
            The time that it is now, epoch milliseconds.

        Raises:
            ClockStoppedError: The stack stopped meanwhile.
        """
        with self._one_advance:
            target_ms = self.now_ms() + by_ms
            try:
                while True:
                    activity, waiters = self._quiet()
                    if self.now_ms() >= target_ms:
                        return self.now_ms()
                    # Outside the lock: who tells what there is to do may need locks of its own.
                    due_ms = {waiter: waiter.due_ms() for waiter in waiters}
                    self._jump(min([target_ms, *due_ms.values()]), due_ms, activity)
            finally:
                # Everybody naps for as long as it was before the jumps: have them look at the time.
                with self._changed:
                    waiters = self._waiting()
                _ring(waiters)

    def _quiet(self) -> tuple[int, list[_Waiter]]:
        """Wait until nothing is under way; the count of activity then, and who waits.

        Raises:
            ClockStoppedError: The clock stopped.
        """
        while True:
            with self._changed:
                if self._stopped:
                    raise ClockStoppedError
                waiters = self._waiting()
                # Their time has come by itself, but the jumps so far have not shortened their naps.
                overdue = [waiter for waiter in waiters if waiter.until_ms <= self.now_ms()]
                for waiter in overdue:
                    self._wake(waiter)
                if not overdue and not self._under_way:
                    return self._activity, waiters
                if not overdue:
                    self._changed.wait(self._nap_s(min((waiter.until_ms for waiter in waiters), default=float("inf"))))
            _ring(overdue)

    def _waiting(self) -> list[_Waiter]:
        """Who waits and has no reason yet to wake up."""
        return [waiter for waiting in self._waiters.values() for waiter in waiting if not waiter.awake]

    def _nap_s(self, until_ms: float) -> float:
        return min(LONGEST_NAP_S, max(0.0, (until_ms - self.now_ms()) / 1000))

    def _jump(self, instant_ms: float, due_ms: dict[_Waiter, float], activity: int) -> None:
        """Set the clock to an instant, if all is as it was, and wake whose time has come."""
        with self._changed:
            if self._activity != activity:
                return  # something began meanwhile; it may be sooner
            self._shift(instant_ms - self.now_ms())
            now_ms = self.now_ms()
            for waiter, its_ms in due_ms.items():
                waiter.until_ms = its_ms
            woken = [waiter for waiter in due_ms if waiter.until_ms <= now_ms]
            for waiter in woken:
                self._wake(waiter)
        _ring(woken)

    def _shift(self, by_ms: float) -> None:
        if self._traveller is not None and by_ms > 0:
            self._traveller.shift((by_ms + _JUST_AFTER_MS) / 1000)

    def _wake(self, waiter: _Waiter) -> None:
        if not waiter.awake:
            waiter.awake = True
            self._count(waiter.weight)

    def _count(self, change: int) -> None:
        """Note that work began or ended."""
        self._activity += 1
        self._under_way += change
        if not self._under_way:
            self._changed.notify_all()


def _ring(waiters: list[_Waiter]) -> None:
    """Have waiting threads look at what has changed."""
    for waiter in waiters:
        with waiter.condition:
            waiter.condition.notify_all()
