"""Time for the whole local stack: one clock, one way to wait."""

import threading
import time
from typing import Protocol

# A waiter looks up at least this often, so that a wall clock set forward (a laptop that slept)
# is noticed: waits are measured on the monotonic clock, due times on the wall clock.
LONGEST_NAP_S = 5.0


class Clock(Protocol):
    """Tells the time and waits for it; the only source of either in the local stack."""

    def now_ms(self) -> float:
        """Epoch milliseconds, with fractions."""
        ...

    def wait(self, condition: threading.Condition, until_ms: float | None) -> None:
        """Wait, holding `condition`, for a notification or for `until_ms` (None: no bound).

        May return early for no reason; callers look again.
        """
        ...


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> float:
        """Epoch milliseconds, with fractions."""
        return time.time() * 1000.0  # noqa: TID251 - this is the injected Clock

    def wait(self, condition: threading.Condition, until_ms: float | None) -> None:
        """Wait on the monotonic clock, in naps of a few seconds at most."""
        nap_s = LONGEST_NAP_S
        if until_ms is not None:
            nap_s = min(nap_s, max(0.0, (until_ms - self.now_ms()) / 1000.0))
        condition.wait(nap_s)


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
            self._condition.notify_all()

    def wait(self, until_ms: float | None = None) -> None:
        """Return when the bell was rung, when `until_ms` has come, or early for no reason."""
        with self._condition:
            if not self._rung:
                self._clock.wait(self._condition, until_ms)
            self._rung = False
