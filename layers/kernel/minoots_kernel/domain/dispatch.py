"""Which hints a timer calls for: its wake-up, and once it has fired its action messages."""

from __future__ import annotations

from minoots_kernel.domain.messages import ActionMessage, WakeUp
from minoots_kernel.domain.timer import ActionState, ActionStatus, Timer
from minoots_kernel.domain.transitions import REDISPATCH_AFTER_MS

__all__ = ["expected_at", "message_for", "overdue_messages", "released_at", "under_way", "wake_up_for"]


def wake_up_for(timer: Timer) -> WakeUp:
    """Return the wake-up of a timer's present generation and lap."""
    return WakeUp(timer.tenant_id, timer.id, timer.generation, timer.fire_at_ms, lap=timer.lap)


def message_for(timer: Timer, state: ActionState) -> ActionMessage:
    """Return the message of an action's next attempt."""
    return ActionMessage(timer.tenant_id, timer.id, state.id, state.next_attempt)


def under_way(timer: Timer) -> list[ActionState]:
    """Return the actions that were dispatched and have not ended."""
    return [state for state in timer.actions if state.status is ActionStatus.DISPATCHED]


def released_at(timer: Timer, at_ms: int) -> list[ActionMessage]:
    """Return the messages of the actions that the write made at `at_ms` released and that were not tried since."""
    return [
        message_for(timer, state)
        for state in under_way(timer)
        if state.dispatched_at_ms == at_ms and state.tries_this_time == 0
    ]


def overdue_messages(timer: Timer, now_ms: int) -> list[ActionMessage]:
    """Return the messages to send again: their attempt was due so long ago that it must have been lost."""
    return [
        message_for(timer, state) for state in under_way(timer) if expected_at(state) + REDISPATCH_AFTER_MS <= now_ms
    ]


def expected_at(state: ActionState) -> int:
    """Return when an action's next attempt was, or is, due, epoch milliseconds."""
    return max(state.next_attempt_at_ms or 0, state.dispatched_at_ms or 0)
