"""Store the dead letters of a timer's failed actions."""

from __future__ import annotations

from contextlib import suppress

from minoots_kernel.application.change import change_timer
from minoots_kernel.application.ports import DeadLetterStore, Metrics, TimerStore
from minoots_kernel.domain.commands import Bury
from minoots_kernel.domain.dead_letters import LetterState, dead_letter
from minoots_kernel.domain.delivery_ids import delivery_id
from minoots_kernel.domain.errors import StaleHintError
from minoots_kernel.domain.redrive import redrives_of
from minoots_kernel.domain.timer import ActionState, ActionStatus, Timer

__all__ = ["bury", "take_up"]


def bury(
    timer: Timer,
    store: TimerStore,
    dead_letters: DeadLetterStore,
    metrics: Metrics,
    now_ms: int,
    *,
    repaired: str | None = None,
) -> None:
    """Store the letters of every failed action, and then, once the timer has ended, that nothing is left to be done.

    Until that is written the sweep keeps an eye on the timer, so no crash loses a letter. Done again, it does no harm,
    even if the timer is one that was read long ago: a letter that was redriven or discarded since does not come back,
    and whoever has died again since is left to be buried.

    Args:
        timer: The timer, with failed actions.
        store: Where timers are.
        dead_letters: Where the letters go.
        metrics: Counts `DeadLetters`: each death once, by whoever stores its letter.
        now_ms: The service's clock, epoch milliseconds.
        repaired: What this repairs, when the sweep does it.

    Raises:
        DependencyUnavailableError: If a store does not answer.
    """
    for state in timer.actions:
        if state.status is ActionStatus.FAILED and not state.discarded and dead_letters.put(dead_letter(timer, state)):
            metrics.count("DeadLetters")
    if not timer.status.terminal or timer.next_check_at_ms is None:
        return
    with suppress(StaleHintError):  # buried already, or redriven
        change_timer(store, timer, Bury(redrives_of(timer), repaired), now_ms)


def take_up(timer: Timer, state: ActionState, dead_letters: DeadLetterStore, now_ms: int) -> None:
    """Note in its letter that an action was redriven, should whoever redrove it have crashed before they did.

    Args:
        timer: The timer.
        state: One of its actions, which was redriven.
        dead_letters: Where the letters are.
        now_ms: The service's clock, epoch milliseconds.

    Raises:
        DependencyUnavailableError: If the store does not answer.
    """
    letter = dead_letters.get(timer.tenant_id, delivery_id(timer.id, state.id))
    if letter is not None and letter.state is LetterState.DEAD and letter.death < state.redriven.times:
        dead_letters.mark(letter, LetterState.REDRIVEN, now_ms)
