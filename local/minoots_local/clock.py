"""Time for the whole local stack: one clock, one way to wait, one way to wake who waits."""

import threading
import time
from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# A waiter looks up at least this often, so that a wall clock set forward (a laptop that slept)
# is noticed: waits are measured on the monotonic clock, due times on the wall clock.
LONGEST_NAP_S = 5.0

NothingBefore = Callable[[], float]
"""Tells up to when (epoch milliseconds) a waiter is known to find nothing to do, as everything stands now."""


class Clock(Protocol):
    """Tells the time and waits for it; the only source of either in the local stack.

    A clock that can be set forward has to know when everybody is waiting, hence `notify` and `hand_over`: whoever gives
    another thread something to do says so here, before its own work ends.
    """

    def now_ms(self) -> float:
        """Epoch milliseconds, with fractions."""
        ...

    def wait(
        self, condition: threading.Condition, until_ms: float | None, nothing_before: NothingBefore | None = None
    ) -> None:
        """Wait, holding `condition`, for a notification or for `until_ms` (None: no bound).

        May return early for no reason; callers look again. A clock that is set forward may pass `until_ms` over, up to
        what `nothing_before` answers at that moment.
        """
        ...

    def notify(self, condition: threading.Condition) -> None:
        """Wake, holding `condition`, everybody who waits on it."""
        ...

    def hand_over(self, work: Callable[P, T]) -> Callable[P, T]:
        """Return the same work for another thread to do: under way from now until it has returned."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> float:
        """Epoch milliseconds, with fractions."""
        return time.time() * 1000.0  # noqa: TID251 - this is the injected Clock

    def wait(
        self, condition: threading.Condition, until_ms: float | None, nothing_before: NothingBefore | None = None
    ) -> None:
        """Wait on the monotonic clock, in naps of a few seconds at most."""
        del nothing_before  # real time passes nothing over
        nap_s = LONGEST_NAP_S
        if until_ms is not None:
            nap_s = min(nap_s, max(0.0, (until_ms - self.now_ms()) / 1000.0))
        condition.wait(nap_s)

    def notify(self, condition: threading.Condition) -> None:
        """Wake everybody who waits on a condition."""
        condition.notify_all()

    def hand_over(self, work: Callable[P, T]) -> Callable[P, T]:
        """The work itself: nobody asks what is under way."""
        return work


class Bell:
    """Wakes one waiting thread, and remembers a ring that nobody was waiting for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._condition = threading.Condition()
        self._rung = False

    def ring(self) -> None:
        """Wake the waiter now, or make its next wait return at once."""
        with self._condition:
            self._rung = True
            self._clock.notify(self._condition)

    def wait(self, until_ms: float | None = None, nothing_before: NothingBefore | None = None) -> None:
        """Return when the bell was rung, when `until_ms` has come, or early for no reason."""
        with self._condition:
            if not self._rung:
                self._clock.wait(self._condition, until_ms, nothing_before)
            self._rung = False


def take_time(clock: Clock, duration_ms: float) -> None:
    """Return when a duration has passed."""
    if duration_ms <= 0:
        return
    until_ms = clock.now_ms() + duration_ms
    condition = threading.Condition()
    with condition:
        while clock.now_ms() < until_ms:
            clock.wait(condition, until_ms)


def next_of_period(next_ms: float, period_ms: float, first_ms: float) -> float:
    """The first of a row of instants (`next_ms`, a period on, …) that is not before `first_ms`, even if infinite."""
    if first_ms <= next_ms or first_ms == float("inf"):
        return max(next_ms, first_ms)
    return next_ms + -((next_ms - first_ms) // period_ms) * period_ms
