"""What somebody makes of an action that failed for good: it is redriven, or its dead letter is discarded.

Both are writes on the timer, so that of two who want different things one wins; the dead letter follows what the timer
says. A command names the death that it is about, and does nothing about any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from minoots_kernel.domain.bundles import advanced, decided
from minoots_kernel.domain.commands import Discard, Redrive
from minoots_kernel.domain.errors import StateConflictError
from minoots_kernel.domain.moves import Transition, moved
from minoots_kernel.domain.releasing import next_check
from minoots_kernel.domain.timer import ActionState, ActionStatus, Redriven, Status, Timer

__all__ = ["REDRIVES", "redrives_of"]


def redrives_of(timer: Timer) -> int:
    """How often actions of a timer were redriven, all together: it tells each time that a timer ended from the next."""
    return sum(state.redriven.times for state in timer.actions)


def _redrive(timer: Timer, command: Redrive, now_ms: int) -> Transition:
    """Release the action once more, by the rules of its bundle: it waits if as many as may are under way.

    A timer that was too late to fire fires by this.
    """
    state = _named(timer, command)
    with_this_key = command.key is not None and state.redriven.key == command.key
    if state.redriven.times > command.death or with_this_key:
        return Transition(timer, timer)
    _check_dead(timer, state)
    if state.discarded:
        raise StateConflictError("its dead letter was discarded")
    bundle = timer.spec.bundle
    # A stand-by or callback waits for nobody: what it would wait for has happened long ago.
    at_once = bundle is not None and state.id in bundle.started_by_others
    revived = replace(
        state,
        status=ActionStatus.DISPATCHED if at_once else ActionStatus.WAITING,
        dispatched_at_ms=now_ms if at_once else None,
        next_attempt_at_ms=None,
        redriven=Redriven(state.redriven.times + 1, state.tries, command.key),
        given_up=None,
    )
    actions = advanced(bundle, _with(timer, revived), now_ms)
    fires = timer.fired_at_ms is None
    return moved(
        timer,
        now_ms,
        ("redriven", "fired") if fires else ("redriven",),
        by=command.requested_by,
        note=_note(command),
        status=Status.FIRED,
        # Never before its time, whatever this clock says: another one found it late.
        fired_at_ms=max(now_ms, timer.fire_at_ms) if fires else timer.fired_at_ms,
        settled_at_ms=None,
        decided=decided(bundle, actions),
        failure_reason=None,
        actions=actions,
        next_check_at_ms=next_check(timer, actions),
    )


def _discard(timer: Timer, command: Discard, now_ms: int) -> Transition:
    state = _named(timer, command)
    if state.redriven.times > command.death:
        raise StateConflictError("it was redriven in the meantime")
    if state.discarded:
        return Transition(timer, timer)
    _check_dead(timer, state)
    return moved(
        timer,
        now_ms,
        ("discarded",),
        by=command.requested_by,
        note=_note(command),
        actions=_with(timer, replace(state, discarded=True)),
    )


REDRIVES: Final[dict[type, Callable[[Timer, Any, int], Transition]]] = {Redrive: _redrive, Discard: _discard}
"""The transition of each command about a dead letter."""


def _named(timer: Timer, command: Redrive | Discard) -> ActionState:
    state = timer.action(command.action_id)
    if state is None:
        raise StateConflictError(f"the timer has no action '{command.action_id}'")
    return state


def _check_dead(timer: Timer, state: ActionState) -> None:
    if state.status is not ActionStatus.FAILED or timer.status not in {Status.FIRED, Status.FAILED, Status.SETTLED}:
        raise StateConflictError(f"the timer is {timer.status}, and the action {state.status}: nothing is dead")


def _with(timer: Timer, changed: ActionState) -> tuple[ActionState, ...]:
    return tuple(changed if state.id == changed.id else state for state in timer.actions)


def _note(command: Redrive | Discard) -> str:
    return command.action_id if command.reason is None else f"{command.action_id}: {command.reason}"
