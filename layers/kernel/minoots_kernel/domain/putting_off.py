"""An attempt of a fired timer is put off: later, without having been made."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from minoots_kernel.domain.commands import PutOff
from minoots_kernel.domain.delivery_ids import delivery_id
from minoots_kernel.domain.errors import StaleHintError
from minoots_kernel.domain.moves import Transition, moved
from minoots_kernel.domain.put_offs import PutOffs, put_off_until
from minoots_kernel.domain.releasing import next_check
from minoots_kernel.domain.retry import begins_by_ms
from minoots_kernel.domain.timer import ActionState, ActionStatus, Status, Timer

LAST_TRY_MS: Final = 1_000
"""An attempt that has less time left than that is not put off to its end once more."""

__all__ = ["put_off", "times_put_off", "turn_of"]


def times_put_off(state: ActionState) -> int:
    """Return how often the attempt that comes next was put off."""
    return state.put_off.times if state.put_off else 0


def turn_of(timer: Timer, action_id: str) -> str | None:
    """Return whose limit has given the attempt that comes next its turn, if one has."""
    state = timer.action(action_id)
    return state.put_off.turn if state and state.put_off else None


def put_off(timer: Timer, command: PutOff, now_ms: int) -> Transition:
    """Have an attempt made later. It keeps its number; the sweep waits for it as for any later attempt.

    Of duplicates that put off the same attempt one gets through, so that they do not multiply with each delay.

    Args:
        timer: The timer as it was read.
        command: What is put off, and why.
        now_ms: The service's clock, epoch milliseconds.

    Raises:
        StaleHintError: If the attempt is over, or was put off meanwhile.
    """
    state = timer.action(command.action_id)
    if timer.status is not Status.FIRED or state is None or state.status is not ActionStatus.DISPATCHED:
        raise StaleHintError("the action is not under way")
    if state.next_attempt != command.attempt:
        raise StaleHintError(f"attempt {command.attempt} has its outcome already")
    times = times_put_off(state)
    if times != command.times:
        raise StaleHintError(f"attempt {command.attempt} was put off already")
    identity = f"{delivery_id(timer.id, state.id)}:{command.attempt}"
    until_ms = put_off_until(identity, times, now_ms, command.not_before_ms, turn=command.turn is not None)
    latest_ms = begins_by_ms(timer, state)
    if latest_ms is not None and now_ms + LAST_TRY_MS < latest_ms < until_ms:
        until_ms = latest_ms  # once more while there is time
    known = state.put_off or PutOffs(0, now_ms, command.reason, cause=command.cause)
    noted = known.again(command.cause, now_ms, command.reason, command.turn)
    later = replace(state, next_attempt_at_ms=until_ms, put_off=noted)
    actions = tuple(later if other.id == later.id else other for other in timer.actions)
    asked = timer.acknowledgements
    if command.digest is not None:
        # Few tokens of a step are kept: those of askings that were not made must not push out those that were.
        asked = tuple(one.without(command.digest) if one.action_id == state.id else one for one in asked)
    return moved(
        timer, now_ms, (), actions=actions, acknowledgements=asked, next_check_at_ms=next_check(timer, actions)
    )
