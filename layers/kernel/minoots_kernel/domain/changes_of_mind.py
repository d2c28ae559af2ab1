"""What a change of mind makes of a timer that has not fired.

Each change of the due time, and each pause and cancel, raises the generation, so that every wake-up under way is stale.
A timer whose due time moved is `scheduled` again, whatever it was armed with: the stream arms it by the leg that fits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from minoots_kernel.domain.commands import Cancel, Change, Extend, FireNow, Pause, Reschedule, Resume, Snooze
from minoots_kernel.domain.due_times import check_at, kept_policy, still_in_time, within_calendar
from minoots_kernel.domain.errors import StateConflictError
from minoots_kernel.domain.heartbeats import watch_until
from minoots_kernel.domain.moves import Transition, moved
from minoots_kernel.domain.timer import Status, Timer

__all__ = ["CHANGES"]


def _cancel(timer: Timer, command: Cancel, now_ms: int) -> Transition:
    if timer.status is Status.CANCELLED:
        return Transition(timer, timer)  # a second cancel keeps the first one's reason
    _check_open(timer, "cancelled")
    return moved(
        timer,
        now_ms,
        ("cancelled",),
        status=Status.CANCELLED,
        generation=timer.generation + 1,
        cancelled_at_ms=now_ms,
        cancelled_by=command.requested_by,
        cancel_reason=command.reason,
        paused_at_ms=None,
        remaining_ms=None,
        next_check_at_ms=None,
    )


def _extend(timer: Timer, command: Extend, now_ms: int) -> Transition:
    _check_open(timer, "extended")
    fire_at_ms = within_calendar(timer.fire_at_ms + command.by_ms, "by")
    remaining_ms = (timer.remaining_ms or 0) + command.by_ms
    return _due(timer, command, now_ms, "extended", fire_at_ms, remaining_ms)


def _reschedule(timer: Timer, command: Reschedule, now_ms: int) -> Transition:
    _check_open(timer, "rescheduled")
    if command.fire_at_ms is None:
        fire_at_ms = within_calendar(now_ms + (command.duration_ms or 0), "duration")
    else:
        fire_at_ms = within_calendar(command.fire_at_ms, "fireAt")
    policy = timer.late_policy if command.late_policy is None else kept_policy(command.late_policy)
    if (fire_at_ms, policy) == (timer.fire_at_ms, timer.late_policy):
        return Transition(timer, timer)
    still_in_time(fire_at_ms, now_ms, command.late_policy, "fireAt")
    left_ms = max(0, fire_at_ms - now_ms)
    return _due(timer, command, now_ms, "rescheduled", fire_at_ms, left_ms, late_policy=policy)


def _snooze(timer: Timer, command: Snooze, now_ms: int) -> Transition:
    _check_open(timer, "snoozed")
    fire_at_ms = within_calendar(max(timer.fire_at_ms, now_ms + command.duration_ms), "duration")
    remaining_ms = None if timer.remaining_ms is None else max(timer.remaining_ms, command.duration_ms)
    if (fire_at_ms, remaining_ms) == (timer.fire_at_ms, timer.remaining_ms):
        return Transition(timer, timer)  # it comes no sooner as it is
    return _due(timer, command, now_ms, "snoozed", fire_at_ms, remaining_ms)


def _pause(timer: Timer, command: Pause, now_ms: int) -> Transition:
    if timer.status is Status.PAUSED:
        return Transition(timer, timer)
    _check_open(timer, "paused")
    return moved(
        timer,
        now_ms,
        ("paused",),
        by=command.requested_by,
        note=command.reason,
        status=Status.PAUSED,
        generation=timer.generation + 1,
        armed_at_ms=None,
        paused_at_ms=now_ms,
        remaining_ms=max(0, timer.fire_at_ms - now_ms),
        next_check_at_ms=None,
    )


def _resume(timer: Timer, command: Resume, now_ms: int) -> Transition:
    if timer.status is not Status.PAUSED:
        raise StateConflictError(f"the timer is {timer.status}: only a timer that is paused can be resumed")
    left_ms = timer.remaining_ms or 0
    fire_at_ms = timer.fire_at_ms if command.keep_due_time else within_calendar(now_ms + left_ms, "keep")
    return _due(timer, command, now_ms, "resumed", fire_at_ms)


def _fire_now(timer: Timer, command: FireNow, now_ms: int) -> Transition:
    about_to = timer.status.pending and timer.fire_at_ms <= now_ms and timer.timeout_ms is None
    if timer.fired_at_ms is not None or about_to:
        return Transition(timer, timer)
    _check_open(timer, "fired")
    # The watch of a heartbeat timer is over: no beat that comes before the wake-up may push it out again.
    return _due(timer, command, now_ms, "fire_requested", now_ms, timeout_ms=None, beat_at_ms=None)


CHANGES: Final[dict[type, Callable[[Timer, Any, int], Transition]]] = {
    Cancel: _cancel,
    Extend: _extend,
    FireNow: _fire_now,
    Pause: _pause,
    Reschedule: _reschedule,
    Resume: _resume,
    Snooze: _snooze,
}
"""The transition of each change of mind."""


def _check_open(timer: Timer, verb: str) -> None:
    if timer.status is not Status.PAUSED and not timer.status.pending:
        raise StateConflictError(f"the timer is {timer.status}: only a timer that has not fired can be {verb}")


def _due(
    timer: Timer,
    command: Change,
    now_ms: int,
    event: str,
    fire_at_ms: int,
    remaining_ms: int | None = None,
    **changes: Any,
) -> Transition:
    """Set the due time; a timer that is paused and has time remaining stays paused."""
    stays_paused = timer.status is Status.PAUSED and remaining_ms is not None
    return moved(
        timer,
        now_ms,
        (event,),
        by=command.requested_by,
        note=command.reason,
        status=Status.PAUSED if stays_paused else Status.SCHEDULED,
        generation=timer.generation + 1,
        fire_at_ms=fire_at_ms,
        armed_at_ms=None,
        paused_at_ms=timer.paused_at_ms if stays_paused else None,
        remaining_ms=remaining_ms if stays_paused else None,
        next_check_at_ms=None if stays_paused else check_at(fire_at_ms, now_ms),
        **(watch_until(timer, fire_at_ms) | changes),
    )
