"""Store the dead letters of a timer's failed actions."""

from __future__ import annotations

from minoots_kernel.application.change import change_timer
from minoots_kernel.application.ports import DeadLetterStore, TimerStore
from minoots_kernel.domain.commands import Bury
from minoots_kernel.domain.dead_letters import dead_letter
from minoots_kernel.domain.errors import StaleHintError
from minoots_kernel.domain.timer import ActionStatus, Status, Timer

__all__ = ["bury"]


def bury(
    timer: Timer, store: TimerStore, dead_letters: DeadLetterStore, now_ms: int, *, repaired: str | None = None
) -> None:
    """Store the letters of every failed action, and then, once the timer has failed, that nothing is left to be done.

    Until that is written the sweep keeps an eye on the timer, so no crash loses a letter. Done again, it does no harm.

    Args:
        timer: The timer, with failed actions.
        store: Where timers are.
        dead_letters: Where the letters go.
        now_ms: The service's clock, epoch milliseconds.
        repaired: What this repairs, when the sweep does it.

    Raises:
        DependencyUnavailableError: If a store does not answer.
    """
    for state in timer.actions:
        if state.status is ActionStatus.FAILED:
            dead_letters.put(dead_letter(timer, state))
    if timer.status is not Status.FAILED:
        return
    try:
        change_timer(store, timer, Bury(repaired), now_ms)
    except StaleHintError:
        return  # buried already
