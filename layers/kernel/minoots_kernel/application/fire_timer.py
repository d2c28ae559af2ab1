"""Fire a timer whose wake-up has come."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from minoots_kernel.application.bury import bury
from minoots_kernel.application.change import change_timer
from minoots_kernel.application.hints import send_wake_ups
from minoots_kernel.application.ports import (
    ActionQueue,
    Clock,
    DeadLetterStore,
    Delayed,
    Metrics,
    TimerKey,
    TimerStore,
    WakeQueue,
    WakeSchedules,
)
from minoots_kernel.domain.commands import Fire, Rewake
from minoots_kernel.domain.dispatch import message_for, overdue_messages, released_at, wake_up_for
from minoots_kernel.domain.due_times import delay_ms
from minoots_kernel.domain.errors import DependencyUnavailableError, NotDueError, StaleHintError, UnknownHintError
from minoots_kernel.domain.messages import ActionMessage, WakeUp
from minoots_kernel.domain.moves import Transition
from minoots_kernel.domain.timer import Status, Timer
from minoots_kernel.domain.waking import queue_delay_s

__all__ = ["WAIT_OUT_MS", "FireOutcome", "FireTimer"]

logger = logging.getLogger(__name__)

WAIT_OUT_MS = 1_500
"""A wake-up this close to its time is waited out in the function; the queue counts in whole seconds."""


class FireOutcome(StrEnum):
    """What became of a wake-up."""

    FIRED = "fired"
    SENT_AGAIN = "sent_again"
    SENT_ON = "sent_on"
    FORWARDED = "forwarded"
    REDISPATCHED = "redispatched"
    SKIPPED = "skipped"
    DEAD_LETTERED = "dead_lettered"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class FireTimer:
    """Check a wake-up against its timer, fire it on time, and hand its actions over.

    A timer that is later than its late policy allows ends instead, with none of its actions run.
    """

    store: TimerStore
    dead_letters: DeadLetterStore
    wake_queue: WakeQueue
    action_queue: ActionQueue
    schedules: WakeSchedules
    clock: Clock
    metrics: Metrics

    def __call__(self, wake_up: WakeUp, *, again: bool = False) -> FireOutcome:
        """Handle one wake-up; called again with the same one, it does no harm.

        Args:
            wake_up: What the queue delivered.
            again: Whether the queue says that it delivered this very message before, so that it failed or crashed.

        Raises:
            UnknownHintError: If the timer is not visible yet, or older than the hint: try again.
            DependencyUnavailableError: If a store or queue does not answer: try again.
        """
        if wake_up.due_at_ms - self.clock.now_ms() > WAIT_OUT_MS:
            return self._send_again(wake_up)
        if wake_up.action_id is not None:
            return self._forward(wake_up, wake_up.action_id)
        timer = self.store.get(TimerKey(wake_up.tenant_id, wake_up.timer_id))
        if timer is None:
            raise UnknownHintError(f"timer {wake_up.timer_id} is not visible")
        # Read first, wait then: the write goes out the moment the timer is due.
        self._wait_until(wake_up.due_at_ms)
        try:
            transition = change_timer(self.store, timer, Fire(wake_up.generation), self.clock.now_ms())
        except NotDueError:
            return self._send_on(wake_up, timer, again=again)
        except StaleHintError as error:
            # What fired it may have been this very wake-up, in a write that it heard nothing of.
            return self._finish_what_was_begun(wake_up, again=again or error.unsure)
        return self._finish(transition)

    def _finish(self, transition: Transition) -> FireOutcome:
        timer = transition.timer
        self._dispatch([message_for(timer, state) for state in transition.released])
        if timer.status is Status.FAILED:
            self._bury(timer)
        outcome, metric = _ENDS.get(timer.status, (FireOutcome.FIRED, "TimersFired"))
        self.metrics.count(metric)
        self._report(transition)
        return outcome

    def _bury(self, timer: Timer) -> None:
        bury(timer, self.store, self.dead_letters, self.metrics, self.clock.now_ms())

    def _send_again(self, wake_up: WakeUp) -> FireOutcome:
        delay_s = queue_delay_s(wake_up.due_at_ms - self.clock.now_ms())
        if self.wake_queue.send([Delayed(wake_up, delay_s)]):
            raise DependencyUnavailableError("The wake-up queue refused a message.")
        return FireOutcome.SENT_AGAIN

    def _send_on(self, wake_up: WakeUp, timer: Timer, *, again: bool) -> FireOutcome:
        """The due time moved away under this generation, by heartbeats: one wake-up goes on to it by the leg that fits.

        Written first, sent then: of duplicates one gets through. What failed between the two comes back, and is sent.
        """
        now_ms = self.clock.now_ms()
        try:
            rewake = Rewake(wake_up.generation, wake_up.lap)
            following = wake_up_for(change_timer(self.store, timer, rewake, now_ms).timer)
        except StaleHintError as error:
            again = again or error.unsure
            read = self.store.get(TimerKey(wake_up.tenant_id, wake_up.timer_id))
            if read is not None and not read.status.pending:
                return self._finish_what_was_begun(wake_up, again=again)
            if not again or read is None:
                return FireOutcome.DROPPED
            following = wake_up_for(read)
            if (following.generation, following.lap) != (wake_up.generation, wake_up.lap + 1):
                return FireOutcome.DROPPED
        for reason in send_wake_ups([following], self.wake_queue, self.schedules, now_ms).values():
            raise DependencyUnavailableError(reason)
        return FireOutcome.SENT_ON

    def _forward(self, wake_up: WakeUp, action_id: str) -> FireOutcome:
        self._wait_until(wake_up.due_at_ms)
        self._dispatch([ActionMessage(wake_up.tenant_id, wake_up.timer_id, action_id, wake_up.attempt or 1)])
        return FireOutcome.FORWARDED

    def _wait_until(self, due_at_ms: int) -> None:
        while (left_ms := due_at_ms - self.clock.now_ms()) > 0:
            self.clock.sleep_ms(left_ms)

    def _finish_what_was_begun(self, wake_up: WakeUp, *, again: bool) -> FireOutcome:
        """Send what a failure between the firing and the hand-over left; a mere duplicate finds nothing overdue."""
        timer = self.store.get(TimerKey(wake_up.tenant_id, wake_up.timer_id))
        messages = overdue_messages(timer, self.clock.now_ms()) if timer else []
        if timer and again and not messages:
            # It comes back in seconds, before anything is overdue: what the firing released may never have been sent.
            messages = released_at(timer, timer.fired_at_ms or 0)
        if timer and timer.status is Status.FAILED and timer.next_check_at_ms is not None:
            self._bury(timer)
            return FireOutcome.DEAD_LETTERED
        if not messages:
            return FireOutcome.DROPPED
        self._dispatch(messages)
        return FireOutcome.REDISPATCHED

    def _dispatch(self, messages: list[ActionMessage]) -> None:
        if messages and self.action_queue.send([Delayed(message) for message in messages]):
            raise DependencyUnavailableError("The action queue refused a message.")

    def _report(self, transition: Transition) -> None:
        timer = transition.timer
        ended_at_ms = transition.events[0].at_ms
        self.metrics.milliseconds("Lateness", delay_ms(transition.before, ended_at_ms))
        story = {"tenantId": timer.tenant_id, "timerId": timer.id, "latenessMs": ended_at_ms - timer.fire_at_ms}
        logger.info("timer %s", transition.events[0].event, extra=story)


_ENDS: Final = {
    Status.CANCELLED: (FireOutcome.SKIPPED, "TimersSkipped"),
    Status.FAILED: (FireOutcome.DEAD_LETTERED, "TimersDeadLettered"),
}
"""What a wake-up that was too late comes to, and the metric that counts it."""
