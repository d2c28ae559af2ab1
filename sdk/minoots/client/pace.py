"""How often to look at a timer that has not ended: rarely while it is far from due, closely around the instant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from minoots_contract.timers import TERMINAL_STATUSES

if TYPE_CHECKING:
    from minoots_contract.timers import TimerReply

__all__ = ["LONGEST_S", "SHORTEST_S", "has_ended", "next_look_s"]

SHORTEST_S: Final = 0.25
"""No timer is looked at more often than this, in seconds."""

LONGEST_S: Final = 30.0
"""A cancel of a far timer is noticed within this, in seconds."""


def has_ended(timer: TimerReply) -> bool:
    """Tell whether the timer has a status that it does not leave by itself."""
    return timer.status in TERMINAL_STATUSES


def next_look_s(timer: TimerReply, *, now_ms: int) -> float:
    """Return the seconds until this timer is worth another look.

    A quarter of the distance to the instant it is near: due, or fired when its actions run. So the last minute costs
    some twenty looks, and actions that take long are asked about ever less often.

    Args:
        timer: As last seen, not ended.
        now_ms: The wall clock, epoch milliseconds.
    """
    if timer.status == "paused":
        return LONGEST_S
    anchor_ms = timer.fire_at if timer.fired_at is None else timer.fired_at
    distance_s = abs(anchor_ms - now_ms) / 1000
    return min(max(distance_s / 4, SHORTEST_S), LONGEST_S)
