"""What a timer needs when something that should have moved it was lost. Pure: (timer, now) to hints and a next look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from minoots_kernel.domain.dispatch import expected_at, message_for, overdue_messages, under_way, wake_up_for
from minoots_kernel.domain.due_times import asked_at, check_at
from minoots_kernel.domain.messages import ActionMessage, WakeUp
from minoots_kernel.domain.timer import ActionState, Status, Timer
from minoots_kernel.domain.transitions import REDISPATCH_AFTER_MS
from minoots_kernel.domain.waking import FarLeg, choose_leg

__all__ = ["Repair", "hints_afresh", "repair_of"]


@dataclass(frozen=True, slots=True)
class Repair:
    """Hints to send for a timer.

    Attributes:
        kind: What was wrong, in one word; none when the timer only has to be looked at again later. `unarmed`: past due
            and never given a schedule; `unfired`: past due though it was armed, or near from the start; `undispatched`:
            fired or redriven, and nothing heard of an action; `unclosed`: a later attempt of which nothing was heard;
            `unburied`: ended, its dead letters not yet stored.
        wake_up: A wake-up to send.
        attempts: Action messages to send, each with when its attempt is due, epoch milliseconds.
        bury: Whether dead letters of failed actions have yet to be stored.
        look_again_at_ms: When the sweep is to look at the timer next; none to leave that as it is.
    """

    kind: str | None
    wake_up: WakeUp | None = None
    attempts: tuple[tuple[ActionMessage, int], ...] = ()
    look_again_at_ms: int | None = None
    bury: bool = False


def repair_of(timer: Timer, now_ms: int) -> Repair | None:
    """Return what a timer needs whose check is due; none if its check is not due, for the index may be stale."""
    if timer.next_check_at_ms is None or timer.next_check_at_ms > now_ms:
        return None
    if timer.status.terminal:
        return Repair("unburied", bury=True)
    if timer.status.pending and timer.fire_at_ms > now_ms:
        return Repair(None, look_again_at_ms=check_at(timer.fire_at_ms, now_ms))  # heartbeats pushed it out
    if timer.status.pending:
        kind = "unarmed" if _should_have_been_armed(timer) else "unfired"
        return Repair(kind, wake_up_for(timer), (), check_at(timer.fire_at_ms, now_ms))
    messages = tuple((message, now_ms) for message in overdue_messages(timer, now_ms))
    expected = min((expected_at(state) for state in under_way(timer)), default=now_ms)
    # The longer an attempt is overdue, the longer until the next look: a queue that lags is not filled with copies.
    overdue_ms = max(REDISPATCH_AFTER_MS, now_ms - expected)
    look_again_at_ms = max(expected, now_ms) + overdue_ms
    return Repair(_what_is_overdue(timer, messages), None, messages, look_again_at_ms)


def _should_have_been_armed(timer: Timer) -> bool:
    """Tell whether a timer that is `scheduled` was far enough from its time to have had a schedule made for it."""
    far = isinstance(choose_leg(wake_up_for(timer), asked_at(timer)), FarLeg)
    return timer.status is Status.SCHEDULED and timer.lap == 0 and far


def _what_is_overdue(timer: Timer, messages: Sequence[tuple[ActionMessage, int]]) -> str | None:
    """Tell first attempts of which nothing was heard from later ones; that one began is written nowhere."""
    if not messages:
        return None
    firsts = {state.id for state in under_way(timer) if state.tries_this_time == 0}
    return "undispatched" if any(message.action_id in firsts for message, _ in messages) else "unclosed"


def hints_afresh(timer: Timer, now_ms: int) -> Repair | None:
    """Return every hint of a living timer, for when the queues and schedules are gone and the table is not."""
    if timer.status.pending:
        return Repair("rearmed", wake_up_for(timer))
    if timer.status.terminal and timer.next_check_at_ms is not None:
        return Repair("buried", bury=True)
    if timer.status is not Status.FIRED:
        return None
    attempts = tuple((message_for(timer, state), _afresh_at(timer, state, now_ms)) for state in under_way(timer))
    return Repair("redispatched", None, attempts)


def _afresh_at(timer: Timer, state: ActionState, now_ms: int) -> int:
    """Return when an action's message is due: at once if an execution has to wait beside the action."""
    known = timer.acknowledgement(state.id)
    return now_ms if known is not None and known.waits else state.next_attempt_at_ms or now_ms
