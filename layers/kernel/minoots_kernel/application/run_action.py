"""Run one attempt of an action of a fired timer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from minoots_kernel.application.ask_agents import AskAgents
from minoots_kernel.application.bury import bury, take_up
from minoots_kernel.application.change import change_timer
from minoots_kernel.application.hints import attempt_delay_s, send_wake_ups
from minoots_kernel.application.ports import (
    ActionPerformer,
    ActionQueue,
    Clock,
    DeadLetterStore,
    Delayed,
    Metrics,
    Performed,
    TimerKey,
    TimerStore,
    WakeQueue,
    WakeSchedules,
)
from minoots_kernel.application.put_off import put_off_attempt, put_off_too_long
from minoots_kernel.domain.chains import Asking, requires_acknowledgement
from minoots_kernel.domain.commands import RecordAttempt
from minoots_kernel.domain.dispatch import message_for, released_at
from minoots_kernel.domain.errors import (
    ActionError,
    DependencyUnavailableError,
    MinootsError,
    PermanentActionError,
    PutOffError,
    StaleHintError,
    TransientActionError,
    UnknownHintError,
)
from minoots_kernel.domain.messages import ActionMessage, WakeUp
from minoots_kernel.domain.retry import too_late
from minoots_kernel.domain.timer import ActionState, ActionStatus, Attempt, Status, Timer
from minoots_kernel.domain.transitions import REDISPATCH_AFTER_MS
from minoots_kernel.domain.waking import MAX_QUEUE_DELAY_S

__all__ = ["RunAction"]

logger = logging.getLogger(__name__)

MAX_ERROR_TEXT = 200


@dataclass(frozen=True, slots=True)
class RunAction:
    """Make an attempt, write its outcome, send what follows, in that order.

    A message that returns after its outcome was written runs nothing: it only sends what follows once more.

    Attributes:
        performers: Who makes the attempt, by the action's kind.
        ask: Takes the messages of actions that have to be acknowledged.
    """

    store: TimerStore
    dead_letters: DeadLetterStore
    wake_queue: WakeQueue
    schedules: WakeSchedules
    action_queue: ActionQueue
    performers: Mapping[str, ActionPerformer]
    clock: Clock
    metrics: Metrics
    ask: AskAgents | None = None

    def __call__(self, message: ActionMessage, *, again: bool = False) -> None:
        """Handle one action message; called again with the same one, it does no harm.

        Args:
            message: What the queue delivered.
            again: Whether the queue says that it delivered this very message before, so that it failed or crashed.

        Raises:
            UnknownHintError: If the timer is not visible yet, or older than the message: try again.
            DependencyUnavailableError: If a store or queue does not answer: try again.
        """
        timer = self.store.get(TimerKey(message.tenant_id, message.timer_id))
        if timer is None or timer.status.pending:
            raise UnknownHintError(f"the firing of timer {message.timer_id} is not visible")
        state = timer.action(message.action_id)
        if state is None or timer.status is Status.CANCELLED:
            return
        action = timer.spec.action(state.id)
        if self.ask is not None and action is not None and requires_acknowledgement(action):
            self.ask(timer, message, self._attempt, again=again)
            return
        if message.attempt > state.called_for:
            raise UnknownHintError(f"attempt {message.attempt} of {message.action_id} is not visible yet")
        if message.attempt < state.next_attempt or state.status.terminal:
            self._follow_up(timer, state, message.attempt, again=again)
            return
        if state.next_attempt_at_ms is not None and state.next_attempt_at_ms > self.clock.now_ms():
            self._send_attempt(timer, state)
            return
        self._run(timer, state, again=again)

    def _run(self, timer: Timer, state: ActionState, *, again: bool) -> None:
        try:
            outcome = self._attempt(timer, state)
        except PutOffError as put_off:
            self._put_off(timer, state, put_off, again=again)
            return
        try:
            transition = change_timer(self.store, timer, outcome, outcome.attempt.ended_at_ms)
        except StaleHintError:
            self._after_stale(timer, outcome, again=again)
            return
        after = transition.timer.action(state.id)
        if after is not None:
            released = [message_for(transition.timer, other) for other in transition.released]
            self._send_what_follows(transition.timer, after, released)

    def _put_off(self, timer: Timer, state: ActionState, put_off: PutOffError, *, again: bool) -> None:
        """Write first that the attempt is due later, then send its message, as after an attempt that failed."""
        self.metrics.count("AttemptsPutOff")
        story = {"timerId": timer.id, "actionId": state.id, "reason": put_off.reason}
        logger.info("attempt put off", extra=story)
        later = put_off_attempt(self.store, timer, state, put_off, self.clock.now_ms(), again=again)
        if later is not None:
            self._send_attempt(*later)

    def _after_stale(self, timer: Timer, outcome: RecordAttempt, *, again: bool) -> None:
        """Find out whose outcome stands: a twin's, who sends what follows it, or ours, whose answer was lost.

        The twin of a message that was delivered before may be its own earlier delivery, failed since: then nobody else
        would send it.
        """
        read = self.store.get(TimerKey(timer.tenant_id, timer.id))
        state = read.action(outcome.action_id) if read else None
        if read is None or state is None or state.tries != outcome.attempt.number:
            return
        stands = state.attempts[-1]
        if again or stands == outcome.attempt:
            self._send_what_follows(read, state, released_at(read, stands.ended_at_ms))

    def _attempt(self, timer: Timer, state: ActionState, asking: Asking | None = None) -> RecordAttempt:
        started_at_ms = self.clock.now_ms()
        performed, failure = self._try(timer, state, started_at_ms, asking)
        attempt = Attempt(
            number=state.next_attempt,
            started_at_ms=started_at_ms,
            # Never before the firing: a clock that was set back between functions must not reorder the story.
            ended_at_ms=max(self.clock.now_ms(), started_at_ms, (state.dispatched_at_ms or 0) + 1),
            outcome="failed" if failure else "succeeded",
            status_code=performed.status_code,
            error=_one_line(failure.reason)[:MAX_ERROR_TEXT] if failure else None,
            connect_ms=performed.connect_ms,
            first_byte_ms=performed.first_byte_ms,
            excerpt=performed.excerpt,
            failure=failure.failure if failure else None,
        )
        self.metrics.count("AttemptsFailed" if failure else "AttemptsSucceeded")
        story = {"timerId": timer.id, "actionId": state.id, "attempt": attempt.number}
        logger.info(
            "attempt %s",
            attempt.outcome,
            extra={
                **story,
                "statusCode": performed.status_code,
                "error": attempt.error,
                "failure": attempt.failure,
            },
        )
        return RecordAttempt(state.id, attempt, failure.retry_after_ms if failure else None)

    def _try(
        self, timer: Timer, state: ActionState, now_ms: int, asking: Asking | None
    ) -> tuple[Performed, ActionError | None]:
        try:
            return self._perform(timer, state, now_ms, asking), None
        except ActionError as error:
            return error.answer, error
        except PutOffError as put_off:
            if not put_off_too_long(state, put_off, now_ms):
                raise
            return Performed(), TransientActionError(f"not sent: {put_off.reason}", failure="throttled")
        except MinootsError:
            raise  # nothing was tried: the message comes back
        except Exception as error:
            # A fault of ours counts as an attempt: unrecorded it would be made again for ever, past every limit.
            logger.exception("attempt broke off", extra={"timerId": timer.id, "actionId": state.id})
            return Performed(), ActionError(f"the attempt broke off: {type(error).__name__}")

    def _perform(self, timer: Timer, state: ActionState, now_ms: int, asking: Asking | None) -> Performed:
        expired = too_late(timer, state, now_ms)
        if expired is not None:
            raise PermanentActionError(f"not made: {expired}", failure="expired")
        action = asking.step.action if asking else timer.spec.action(state.id)
        if action is None:
            raise PermanentActionError("the timer has no such action")
        performer = self.performers.get(action.kind)
        if performer is None:
            # Stored by a newer release, before it was rolled back.
            raise PermanentActionError(f"actions of kind '{action.kind}' are not available")
        return performer.perform(timer, action, state.next_attempt, now_ms, asking)

    def _follow_up(self, timer: Timer, state: ActionState, attempt: int, *, again: bool) -> None:
        """The message of an attempt came back after its outcome was written: send what follows once more.

        Unless the outcome is fresh and the message new: then this is a duplicate, and whoever wrote the outcome is
        about to send it. Its own message, should that fail, comes back as one that was delivered before.
        """
        if state.tries != attempt or not state.attempts:
            return
        if again or self.clock.now_ms() - state.attempts[-1].ended_at_ms >= REDISPATCH_AFTER_MS:
            self._send_what_follows(timer, state, released_at(timer, state.attempts[-1].ended_at_ms))

    def _send_what_follows(self, timer: Timer, state: ActionState, released: list[ActionMessage]) -> None:
        """Send the actions that this one's attempt released, and then its next attempt, or the dead letter.

        An action that was redriven since is somebody else's to send.
        """
        self._send([Delayed(message) for message in released])
        if state.status is ActionStatus.DISPATCHED and state.tries_this_time:
            self._send_attempt(timer, state)
            return
        if state.redriven.times and state.status is not ActionStatus.FAILED:
            take_up(timer, state, self.dead_letters, self.clock.now_ms())
        bury(timer, self.store, self.dead_letters, self.metrics, self.clock.now_ms())

    def _send_attempt(self, timer: Timer, state: ActionState) -> None:
        """Let the next attempt wait where it costs least: in the queue, or past the queue's reach as a wake-up."""
        now_ms = self.clock.now_ms()
        due_at_ms = state.next_attempt_at_ms or now_ms
        if due_at_ms - now_ms <= MAX_QUEUE_DELAY_S * 1000:
            self._send([Delayed(message_for(timer, state), attempt_delay_s(due_at_ms, now_ms))])
            return
        wake_up = WakeUp(timer.tenant_id, timer.id, timer.generation, due_at_ms, state.id, state.next_attempt)
        failed = send_wake_ups([wake_up], self.wake_queue, self.schedules, now_ms)
        if failed:
            raise DependencyUnavailableError(failed[wake_up])

    def _send(self, batch: list[Delayed[ActionMessage]]) -> None:
        if batch and self.action_queue.send(batch):
            raise DependencyUnavailableError("The action queue refused a message.")


def _one_line(text: str) -> str:
    """Return a text as one line; a receiver's words may have come into it."""
    return "".join(one if one.isprintable() else " " for one in text)
