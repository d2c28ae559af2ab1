"""The SDK's one view of time, so that tests can turn the clock by hand."""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """What the client and the CLI ask of time."""

    def now_ms(self) -> int:
        """Return the wall clock, epoch milliseconds."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds since some fixed point; it never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds."""
        ...


class SystemClock:
    """The machine's own clock: the only place of the SDK that asks it."""

    def now_ms(self) -> int:
        """Return the wall clock, epoch milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Return seconds since some fixed point; it never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds."""
        time.sleep(seconds)  # noqa: TID251 - this class is the injected clock
