"""What is to be done once a wait for an acknowledgement is over."""

from __future__ import annotations

from dataclasses import dataclass

from minoots_kernel.application.bury import bury, take_up
from minoots_kernel.application.change import change_timer
from minoots_kernel.application.ports import ActionQueue, Clock, DeadLetterStore, Delayed, Metrics, TimerKey, TimerStore
from minoots_kernel.domain.ask_commands import ExpireAsk
from minoots_kernel.domain.dispatch import released_at
from minoots_kernel.domain.errors import DependencyUnavailableError, StaleHintError
from minoots_kernel.domain.timer import ActionState, ActionStatus, Timer

__all__ = ["FinishAsking"]


@dataclass(frozen=True, slots=True)
class FinishAsking:
    """Give up waits whose deadline has passed, and do what follows when an action has ended."""

    store: TimerStore
    dead_letters: DeadLetterStore
    action_queue: ActionQueue
    clock: Clock
    metrics: Metrics

    def expire(self, timer: Timer, action_id: str) -> Timer:
        """Return the timer after its action's wait was given up, if that is overdue; else the timer as it is.

        Raises:
            DependencyUnavailableError: If the store does not answer.
        """
        state, known = timer.action(action_id), timer.acknowledgement(action_id)
        now_ms = self.clock.now_ms()
        if state is None or known is None or not known.waits or (state.next_attempt_at_ms or 0) > now_ms:
            return timer
        try:
            expired = change_timer(self.store, timer, ExpireAsk(action_id, state.tries), now_ms)
        except StaleHintError:
            return self.store.get(TimerKey(timer.tenant_id, timer.id)) or timer
        self.metrics.count("AcknowledgementsMissed")
        return expired.timer

    def __call__(self, timer: Timer, state: ActionState) -> None:
        """Send the actions that this one's end released, and store its dead letter. Done again, it does no harm.

        Raises:
            DependencyUnavailableError: If a store or queue does not answer.
        """
        known = timer.acknowledgement(state.id)
        if known is None or known.settled_at_ms is None:
            return
        messages = [Delayed(message) for message in released_at(timer, known.settled_at_ms)]
        if messages and self.action_queue.send(messages):
            raise DependencyUnavailableError("The action queue refused a message.")
        if state.redriven.times and state.status is not ActionStatus.FAILED:
            take_up(timer, state, self.dead_letters, self.clock.now_ms())
        bury(timer, self.store, self.dead_letters, self.metrics, self.clock.now_ms())
