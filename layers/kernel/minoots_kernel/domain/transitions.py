"""The timer's life as pure functions: (timer, command, now) to a new timer and its events, or a named error.

Nothing here reads a clock, draws a random number or does I/O; the same call gives the same answer forever. Each
transition raises the version by one, which the store turns into one conditional write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from minoots_contract.late_policy import LatePolicy
from minoots_kernel.domain.acknowledgements import asked
from minoots_kernel.domain.ask_commands import Acknowledge, AskCommand, AttachToken, BeginAsk, EndAsk, ExpireAsk
from minoots_kernel.domain.bundles import (
    advanced,
    decided,
    failure_reason,
    outcome_of,
    own_states,
    stand_bys,
    too_late_states,
)
from minoots_kernel.domain.changes_of_mind import CHANGES
from minoots_kernel.domain.commands import Arm, Bury, Command, Fire, PutOff, Recheck, RecordAttempt, Rewake, Update
from minoots_kernel.domain.delivery_ids import delivery_id
from minoots_kernel.domain.errors import NotDueError, StaleHintError, UnknownHintError
from minoots_kernel.domain.moves import Event, Transition, explained, moved
from minoots_kernel.domain.putting_off import put_off
from minoots_kernel.domain.redrive import REDRIVES, redrives_of
from minoots_kernel.domain.releasing import REDISPATCH_AFTER_MS, next_check
from minoots_kernel.domain.retry import policy_of, retry_delay_ms, too_late
from minoots_kernel.domain.timer import ActionState, ActionStatus, Status, Timer
from minoots_kernel.domain.updates import updated

__all__ = ["REDISPATCH_AFTER_MS", "apply"]

MAX_ATTEMPTS_KEPT: Final = 10

LATE_POLICY: Final = "late-policy"
"""Who cancelled a timer that was skipped."""


def apply(timer: Timer, command: Command, now_ms: int) -> Transition:
    """Apply a command to a timer.

    Args:
        timer: The timer as it was read.
        command: What is to happen.
        now_ms: The service's clock, epoch milliseconds.

    Returns:
        The new timer, one version on, with its events; or the same timer when the command has been done already.

    Raises:
        StateConflictError: If the status does not allow the command.
        InvalidTimerError: If a change leads to a due time that cannot be.
        NotDueError: If the timer would fire early.
        StaleHintError: If the command comes from a hint that is over.
        UnknownHintError: If the command comes from a hint newer than the timer that was read.
    """
    return _HANDLERS[type(command)](timer, command, now_ms)


def _arm(timer: Timer, command: Arm, now_ms: int) -> Transition:
    _check_generation(timer, command.generation)
    if timer.status is not Status.SCHEDULED:
        raise StaleHintError(f"the timer is {timer.status} already")
    return moved(timer, now_ms, ("armed",), status=Status.ARMED, armed_at_ms=now_ms)


def _fire(timer: Timer, command: Fire, now_ms: int) -> Transition:
    _check_generation(timer, command.generation)
    if not timer.status.pending:
        raise StaleHintError(f"the timer is {timer.status} already")
    if now_ms < timer.fire_at_ms:
        raise NotDueError(timer.fire_at_ms)
    if timer.late_policy is not None and not timer.late_policy.tolerates(now_ms - timer.fire_at_ms):
        return _too_late(timer, timer.late_policy, now_ms)
    if not timer.actions:
        ended: dict[str, Any] = {"settled_at_ms": now_ms, "next_check_at_ms": None}
        return moved(timer, now_ms, ("fired", "settled"), status=Status.SETTLED, fired_at_ms=now_ms, **ended)
    late = timer.next_check_at_ms is None or timer.next_check_at_ms <= now_ms
    check = now_ms + REDISPATCH_AFTER_MS if late else timer.next_check_at_ms
    return moved(
        timer,
        now_ms,
        ("fired",),
        status=Status.FIRED,
        fired_at_ms=now_ms,
        next_check_at_ms=check,
        actions=advanced(timer.spec.bundle, timer.actions, now_ms),
    )


def _too_late(timer: Timer, policy: LatePolicy, now_ms: int) -> Transition:
    """End a timer that nobody wants fired any more: cancelled, or failed with every action, of which none has run."""
    why = f"{now_ms - timer.fire_at_ms} ms late, and the late policy allows {policy.after_ms} ms"
    if policy.mode == "skip":
        cancelled: dict[str, Any] = {"cancelled_by": LATE_POLICY, "cancel_reason": why, "cancelled_at_ms": now_ms}
        return moved(
            timer,
            now_ms,
            ("skipped", "cancelled"),
            status=Status.CANCELLED,
            generation=timer.generation + 1,
            next_check_at_ms=None,
            **cancelled,
        )
    return moved(
        timer,
        now_ms,
        ("failed",),
        status=Status.FAILED,
        failure_reason=why,
        actions=too_late_states(timer.spec.bundle, timer.actions),
        next_check_at_ms=now_ms + REDISPATCH_AFTER_MS if timer.actions else None,
    )


def _record_attempt(timer: Timer, command: RecordAttempt, now_ms: int) -> Transition:
    state = timer.action(command.action_id)
    if timer.status is not Status.FIRED or state is None or state.status is not ActionStatus.DISPATCHED:
        raise StaleHintError("the action is not under way")
    if command.attempt.number != state.next_attempt:
        raise StaleHintError(f"attempt {command.attempt.number} has its outcome already")
    events: tuple[Event, ...] = ("attempt_failed",) if command.attempt.outcome == "failed" else ()
    return _went_on(timer, _after_attempt(timer, state, command, now_ms), now_ms, events)


def _ask(timer: Timer, command: AskCommand, now_ms: int) -> Transition:
    """Move an action on that has to be acknowledged, and with it the timer."""
    became = asked(timer, command, now_ms)
    if became is None:
        return Transition(timer, timer)
    others = tuple(one for one in timer.acknowledgements if one.action_id != command.action_id)
    asking = replace(timer, acknowledgements=(*others, became.acknowledgement))
    return explained(timer, _went_on(asking, became.state, now_ms, became.events), became.by, became.note)


def _went_on(timer: Timer, now: ActionState, now_ms: int, events: tuple[Event, ...]) -> Transition:
    """Put an action in its place, and do what follows from that: others are begun, or the timer ends."""
    tried = tuple(now if other.id == now.id else other for other in timer.actions)
    actions = advanced(timer.spec.bundle, tried, now_ms)
    events += tuple(("escalated", which) for which in stand_bys(timer.actions, actions, timer.spec.bundle))
    if not all(action.status.terminal for action in actions):
        changes: dict[str, Any] = {"actions": actions, "decided": decided(timer.spec.bundle, actions)}
        return moved(timer, now_ms, events, **changes, next_check_at_ms=next_check(timer, actions))
    return _end(timer, actions, now_ms, events)


def _recheck(timer: Timer, command: Recheck, now_ms: int) -> Transition:
    _check_generation(timer, command.generation)
    if timer.status.terminal and command.repaired is not None:
        return _repaired(timer, now_ms, command.repaired)  # it ended by the very hint that was sent for it
    if timer.status.terminal or timer.status is Status.PAUSED:
        raise StaleHintError(f"the timer is {timer.status} already")
    return _repaired(timer, now_ms, command.repaired, next_check_at_ms=command.at_ms)


def _repaired(timer: Timer, now_ms: int, what: str | None, **changes: Any) -> Transition:
    """Note a repair, if it was one; the entry of the same repair before it goes, for an outage repeats it for hours."""
    if what is None:
        return moved(timer, now_ms, (), **changes)
    last = timer.timeline[-1]
    again = (last.event, last.note) == ("repaired", what)
    story = replace(timer, timeline=timer.timeline[:-1]) if again else timer
    return replace(moved(story, now_ms, ("repaired",), note=what, **changes), before=timer)


def _rewake(timer: Timer, command: Rewake, now_ms: int) -> Transition:
    """Let one wake-up of each lap go on: of duplicates, which would multiply with every lap, the others die here."""
    _check_generation(timer, command.generation)
    if timer.status.pending and timer.lap < command.lap:
        raise UnknownHintError(f"lap {command.lap} is not visible yet")
    if not timer.status.pending or timer.lap != command.lap:
        raise StaleHintError(f"the timer is {timer.status}, in lap {timer.lap}")
    return moved(timer, now_ms, (), lap=timer.lap + 1)


def _bury(timer: Timer, command: Bury, now_ms: int) -> Transition:
    if not timer.status.terminal or timer.next_check_at_ms is None:
        raise StaleHintError(f"the timer is {timer.status}, with nothing to bury")
    if redrives_of(timer) != command.redrives:
        raise StaleHintError("an action was redriven and has died once more")
    return _repaired(timer, now_ms, command.repaired, next_check_at_ms=None)


_HANDLERS: Final[dict[type, Callable[[Timer, Any, int], Transition]]] = {
    Arm: _arm,
    Fire: _fire,
    **CHANGES,
    Update: updated,
    RecordAttempt: _record_attempt,
    PutOff: put_off,
    Recheck: _recheck,
    Rewake: _rewake,
    Bury: _bury,
    **REDRIVES,
    **dict.fromkeys((BeginAsk, EndAsk, AttachToken, ExpireAsk, Acknowledge), _ask),
}


def _check_generation(timer: Timer, generation: int) -> None:
    if generation < timer.generation:
        raise StaleHintError(f"generation {generation} is over")
    if generation > timer.generation:
        raise UnknownHintError(f"generation {generation} is not visible yet")


def _after_attempt(timer: Timer, state: ActionState, command: RecordAttempt, now_ms: int) -> ActionState:
    policy, attempt = policy_of(timer, state.id), command.attempt
    tried = replace(
        state,
        tries=attempt.number,
        attempts=(*state.attempts, attempt)[-MAX_ATTEMPTS_KEPT:],
        next_attempt_at_ms=None,
        put_off=None,
    )
    if attempt.outcome == "succeeded":
        return replace(tried, status=ActionStatus.SUCCEEDED)
    if attempt.failure not in policy.retry_on or tried.tries_this_time >= policy.max_attempts:
        return replace(tried, status=ActionStatus.FAILED)
    delivery = delivery_id(timer.id, state.id)
    at_ms = now_ms + retry_delay_ms(policy, delivery, tried.tries_this_time, command.retry_after_ms)
    given_up = too_late(timer, tried, at_ms)
    if given_up is not None:
        return replace(tried, status=ActionStatus.FAILED, given_up=given_up)
    return replace(tried, next_attempt_at_ms=at_ms)


def _end(timer: Timer, actions: tuple[ActionState, ...], now_ms: int, events: tuple[Event, ...]) -> Transition:
    # Dead letters have yet to be stored: of a failed callback, or of what escalated, a settled timer has some, too.
    letters = any(action.status is ActionStatus.FAILED for action in actions)
    ended: dict[str, Any] = {
        "actions": actions,
        "decided": decided(timer.spec.bundle, actions),
        "next_check_at_ms": now_ms + REDISPATCH_AFTER_MS if letters else None,
    }
    if outcome_of(timer.spec.bundle, actions) != "failed":
        settled: dict[str, Any] = {"status": Status.SETTLED, "settled_at_ms": now_ms}
        return moved(timer, now_ms, (*events, "settled"), **ended, **settled)
    reason = failure_reason(own_states(timer.spec.bundle, actions))
    return moved(timer, now_ms, (*events, "failed"), status=Status.FAILED, failure_reason=reason, **ended)
