"""Due times: what holds for each, whoever sets it."""

from __future__ import annotations

from typing import Final

from minoots_contract.instants import MAX_INSTANT_MS
from minoots_kernel.domain.errors import InvalidTimerError

__all__ = ["CHECK_AFTER_MS", "check_at", "within_calendar"]

CHECK_AFTER_MS: Final = 30_000
"""How long after its due time the sweep looks at a timer. With the sweep's period of a minute it bounds the lateness
that a lost wake-up can cause."""


def check_at(fire_at_ms: int, now_ms: int) -> int:
    """Return when the sweep is to look at a timer that is due at this time, or was, epoch milliseconds."""
    return max(fire_at_ms, now_ms) + CHECK_AFTER_MS


def within_calendar(fire_at_ms: int, field: str) -> int:
    """Return a due time, epoch milliseconds, if it can be written.

    Raises:
        InvalidTimerError: If it lies past the calendar's end; it names the wire field that led there.
    """
    if fire_at_ms > MAX_INSTANT_MS:
        raise InvalidTimerError("The due time is too far.", ((field, "the due time lies after the year 9999"),))
    return fire_at_ms
