"""The machine's clock."""

from __future__ import annotations

import time

__all__ = ["SystemClock"]


class SystemClock:
    """Epoch milliseconds by the operating system."""

    def now_ms(self) -> int:
        """Return epoch milliseconds."""
        return time.time_ns() // 1_000_000

    def sleep_ms(self, duration_ms: int) -> None:
        """Wait; a duration of zero or less returns at once."""
        if duration_ms > 0:
            time.sleep(duration_ms / 1000)  # noqa: TID251 - this is the clock that everybody else asks
