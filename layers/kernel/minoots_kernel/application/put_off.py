"""Write down that an attempt is put off."""

from __future__ import annotations

from minoots_kernel.application.change import change_timer
from minoots_kernel.application.ports import TimerKey, TimerStore
from minoots_kernel.domain.commands import PutOff
from minoots_kernel.domain.errors import PutOffError, StaleHintError, UnknownHintError
from minoots_kernel.domain.putting_off import times_put_off
from minoots_kernel.domain.timer import ActionState, ActionStatus, Timer

__all__ = ["put_off_attempt", "put_off_too_long"]


def put_off_too_long(state: ActionState, put_off: PutOffError, now_ms: int) -> bool:
    """Tell whether an attempt has waited as long as it may: then it counts as made in vain."""
    return state.put_off is not None and state.put_off.too_long(put_off.cause, put_off.longest_ms, now_ms)


def put_off_attempt(
    store: TimerStore,
    timer: Timer,
    state: ActionState,
    put_off: PutOffError,
    now_ms: int,
    *,
    again: bool,
    digest: str | None = None,
) -> tuple[Timer, ActionState] | None:
    """Store that an action's next attempt is due later.

    Args:
        store: Where timers are.
        timer: The timer as it was read.
        state: The action.
        put_off: Why, and until when.
        now_ms: The service's clock, epoch milliseconds.
        again: Whether the message was delivered before: then its own earlier delivery may have written this, and failed
            before it sent what follows.
        digest: Of the token that it was begun with, of an asking.

    Returns:
        The timer and the action whose message is to be sent; none if that is somebody else's to do.

    Raises:
        DependencyUnavailableError: If the store does not answer.
        UnknownHintError: If the attempt was made meanwhile, and the message has to come back to see what follows.
    """
    times, until_ms = times_put_off(state), put_off.not_before_ms
    command = PutOff(state.id, state.next_attempt, times, put_off.cause, put_off.reason, until_ms, put_off.turn, digest)
    try:
        later = change_timer(store, timer, command, now_ms).timer
    except StaleHintError as error:
        read = store.get(TimerKey(timer.tenant_id, timer.id)) if again or error.unsure else None
        if read is None:
            return None
        later = read
    action = later.action(state.id)
    if action is None or action.next_attempt != state.next_attempt or action.status is not ActionStatus.DISPATCHED:
        # Whoever made the attempt may have failed before it sent what follows: look again, as at any later delivery.
        raise UnknownHintError(f"attempt {state.next_attempt} of {state.id} was made meanwhile")
    return later, action
