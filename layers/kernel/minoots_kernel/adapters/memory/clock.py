"""A clock that moves only when it is told to."""

from __future__ import annotations

from threading import Lock

__all__ = ["VirtualClock"]


class VirtualClock:
    """Virtual time: sleeping moves it on at once.

    Args:
        now_ms: Where it begins, epoch milliseconds.
    """

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._lock = Lock()

    def now_ms(self) -> int:
        """Return virtual epoch milliseconds."""
        return self._now_ms

    def sleep_ms(self, duration_ms: int) -> None:
        """Move time on; a duration of zero or less leaves it where it is."""
        if duration_ms > 0:
            self.advance(duration_ms)

    def advance(self, duration_ms: int) -> None:
        """Move time on by some milliseconds, or back if they are negative: clocks of machines do that."""
        with self._lock:
            self._now_ms += duration_ms

    def advance_to(self, instant_ms: int) -> None:
        """Move time on to an instant (epoch milliseconds); one that has passed leaves it where it is."""
        with self._lock:
            self._now_ms = max(self._now_ms, instant_ms)
