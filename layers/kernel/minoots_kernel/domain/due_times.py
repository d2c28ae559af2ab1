"""Due times: what holds for each, whoever sets it."""

from __future__ import annotations

from typing import Final

from minoots_contract.instants import MAX_INSTANT_MS
from minoots_contract.late_policy import LatePolicy
from minoots_kernel.domain.errors import InvalidTimerError
from minoots_kernel.domain.timer import Timer

__all__ = ["CHECK_AFTER_MS", "asked_at", "check_at", "delay_ms", "kept_policy", "still_in_time", "within_calendar"]

CHECK_AFTER_MS: Final = 30_000
"""How long after its due time the sweep looks at a timer. With the sweep's period it bounds the lateness that a
lost wake-up can cause (ADR 0014)."""


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


def still_in_time(fire_at_ms: int, now_ms: int, allowed: LatePolicy | None, field: str) -> int:
    """Return a due time, epoch milliseconds, if it lies in the future or no further in the past than is allowed.

    Args:
        fire_at_ms: The due time.
        now_ms: The service's clock.
        allowed: The late policy that the caller gave together with the due time, if any.
        field: The wire field that it came in.

    Raises:
        InvalidTimerError: If it lies too far in the past.
    """
    if fire_at_ms > now_ms or (allowed is not None and allowed.tolerates(now_ms - fire_at_ms)):
        return fire_at_ms
    why = "the due time must lie in the future, or no longer ago than a latePolicy given with it allows"
    raise InvalidTimerError("The due time has passed.", ((field, why),))


def kept_policy(policy: LatePolicy | None) -> LatePolicy | None:
    """Return what a timer keeps of a late policy: nothing if it fires however late it is."""
    return None if policy is None or policy.after_ms is None else policy


def delay_ms(timer: Timer, now_ms: int) -> int:
    """Return how long the service has kept a timer waiting, milliseconds.

    From its due time; but from when that was asked for, if it had passed by then: nobody could have been in time.
    """
    return now_ms - max(timer.fire_at_ms, asked_at(timer))


def asked_at(timer: Timer) -> int:
    """Return when a timer's due time was set, epoch milliseconds; heartbeats are not counted."""
    return max((moment.at_ms for moment in timer.timeline if moment.event in _DUE_TIME_EVENTS), default=0)


_DUE_TIME_EVENTS: Final = frozenset({"created", "extended", "rescheduled", "snoozed", "resumed", "fire_requested"})
