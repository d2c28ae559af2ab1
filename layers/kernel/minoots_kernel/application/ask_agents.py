"""Ask for acknowledgements: attempts of actions that are done only once somebody has answered."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from minoots_kernel.application.acknowledgement_ports import AcknowledgementWorkflow, TokenSecrets
from minoots_kernel.application.change import change_timer
from minoots_kernel.application.finish_asking import FinishAsking
from minoots_kernel.application.ports import Clock, TimerKey, TimerStore
from minoots_kernel.application.put_off import put_off_attempt
from minoots_kernel.domain.acknowledgements import is_due, open_acknowledgement, under_way
from minoots_kernel.domain.answer_tokens import SECRET_BYTES, TokenPlace, digest_token, make_token
from minoots_kernel.domain.ask_commands import AttachToken, BeginAsk, EndAsk
from minoots_kernel.domain.asks import Acknowledgement
from minoots_kernel.domain.chains import Asking, Chain, Step, chain_of, url_of
from minoots_kernel.domain.commands import RecordAttempt
from minoots_kernel.domain.errors import DependencyUnavailableError, PutOffError, StaleHintError, UnknownHintError
from minoots_kernel.domain.executions import execution_for
from minoots_kernel.domain.messages import ActionMessage
from minoots_kernel.domain.releasing import REDISPATCH_AFTER_MS
from minoots_kernel.domain.timer import ActionState, ActionStatus, Timer

__all__ = ["AskAgents", "MakeAttempt"]

logger = logging.getLogger(__name__)

MakeAttempt = Callable[[Timer, ActionState, Asking], RecordAttempt]
"""Makes one attempt and says what came of it; writes nothing."""


@dataclass(frozen=True, slots=True)
class AskAgents:
    """Handle the messages of actions that have to be acknowledged.

    An attempt that is due is made, whoever sent the message, unless it is under way already. What then waits beside the
    action is an execution of the state machine, which sends the next message, with its task token, when the wait is
    over; should there be none, the sweep's does the same, late.

    Attributes:
        base_url: Where the API answers.
        secrets: Makes tokens.
    """

    store: TimerStore
    workflow: AcknowledgementWorkflow
    finish: FinishAsking
    clock: Clock
    secrets: TokenSecrets
    base_url: str

    def __call__(self, timer: Timer, message: ActionMessage, make_attempt: MakeAttempt, *, again: bool = False) -> None:
        """Handle one action message; called again with the same one, it does no harm.

        Args:
            timer: The fired timer, as it was read.
            message: What the queue delivered.
            make_attempt: Makes the attempt if one is due.
            again: Whether the queue delivered this very message before, so that what is under way may be its own.

        Raises:
            UnknownHintError: If the timer is older than the message: try again.
            DependencyUnavailableError: If a store, queue or state machine does not answer: try again.
        """
        timer = self.finish.expire(timer, message.action_id)
        state, chain = timer.action(message.action_id), chain_of(timer, message.action_id)
        if state is None or chain is None:
            return
        if message.attempt > _latest_called_for(state):
            raise UnknownHintError(f"attempt {message.attempt} of {message.action_id} is not visible yet")
        if state.status is not ActionStatus.DISPATCHED:
            self._have_done(timer, state, message)
            return
        known = open_acknowledgement(timer, state)
        if known.waits:
            self._wait_beside(timer, state, known, chain, message)
        elif not again and _goes_on(state, known, self.clock.now_ms()):
            self._leave(known, message)
        elif message.attempt == state.next_attempt and is_due(state, self.clock.now_ms()):
            self._ask(timer, state, chain.steps[known.step], message, make_attempt)
        else:
            self._drive(timer, state, known, chain, message)

    def _have_done(self, timer: Timer, state: ActionState, message: ActionMessage) -> None:
        """Send what follows if the action has ended; one that was redriven and waits its turn has no message yet."""
        if state.status.terminal:
            self.finish(timer, state)
        self._wake(message.task_token)

    def _leave(self, known: Acknowledgement, message: ActionMessage) -> None:
        """Leave an attempt to whoever makes it, who has the execution that sent it wait; another is to look again."""
        if message.task_token != known.task_token:
            self._wake(message.task_token)

    def _ask(
        self, timer: Timer, state: ActionState, step: Step, message: ActionMessage, make_attempt: MakeAttempt
    ) -> None:
        place = TokenPlace(timer.tenant_id, timer.id, state.id, step.number)
        token = make_token(place, self.secrets(SECRET_BYTES))
        digest = digest_token(token)
        begin = BeginAsk(
            state.id, state.next_attempt, step.number, step.receiver, digest, message.task_token, message.driver
        )
        try:
            # Written first: whoever answers while the attempt is still under way has a token that counts.
            begun = change_timer(self.store, timer, begin, self.clock.now_ms()).timer
        except StaleHintError:
            self._wake(message.task_token)
            return  # somebody else makes it, or it is not wanted any more
        try:
            outcome = make_attempt(begun, state, Asking(step, token, url_of(self.base_url, token)))
        except PutOffError as put_off:
            self._put_off(begun, message, put_off, digest)
            return
        end = EndAsk(state.id, outcome.attempt, digest, outcome.retry_after_ms)
        try:
            ended = change_timer(self.store, begun, end, outcome.attempt.ended_at_ms).timer
        except StaleHintError as error:
            self._after_stale(begun, message, unsure=error.unsure)
            return
        self._after_asking(ended, message)

    def _after_stale(self, timer: Timer, message: ActionMessage, *, unsure: bool) -> None:
        """Find out who wrote the attempt down: somebody who answered meanwhile, or we, whose answer was lost.

        A word of progress leaves a wait beside which nothing waits yet. What has ended by an answer whoever took that
        answer sends on.
        """
        read = self.store.get(TimerKey(timer.tenant_id, timer.id))
        state = read.action(message.action_id) if read else None
        if read is not None and state is not None and (unsure or not state.status.terminal):
            self._after_asking(read, message)

    def _put_off(self, timer: Timer, message: ActionMessage, put_off: PutOffError, digest: str) -> None:
        """Write down that the attempt is made later; an execution comes back for it."""
        state = timer.action(message.action_id)
        if state is None:
            return
        later = put_off_attempt(self.store, timer, state, put_off, self.clock.now_ms(), again=False, digest=digest)
        if later is not None:
            self._after_asking(later[0], message)

    def _after_asking(self, timer: Timer, message: ActionMessage) -> None:
        state, chain = timer.action(message.action_id), chain_of(timer, message.action_id)
        if state is None or chain is None:
            return
        if state.status is not ActionStatus.DISPATCHED:
            self._have_done(timer, state, message)
            return
        known = open_acknowledgement(timer, state)
        if known.waits and message.task_token is not None:
            self.workflow.keep(message.task_token)  # its wait began before the attempt did
        else:
            self._drive(timer, state, known, chain, message)

    def _wait_beside(
        self, timer: Timer, state: ActionState, known: Acknowledgement, chain: Chain, message: ActionMessage
    ) -> None:
        """Let the execution that sent the message wait beside the action; without one, start one.

        A message may come so late that its execution has gone on, or ended: then it takes nobody's place. One that
        does is to look how long there is left: its wait began later than the one that it takes over.
        """
        if message.task_token is None:
            self._drive(timer, state, known, chain, message)
            return
        replaces = known.task_token is not None and known.driver != message.driver
        if replaces and not self.workflow.keep(message.task_token):
            return
        attach = AttachToken(state.id, state.tries, message.task_token, message.driver or "")
        try:
            change_timer(self.store, timer, attach, self.clock.now_ms())
        except StaleHintError:
            replaces = True  # it does not wait any more: the execution is to look again
        if replaces:
            self._wake(message.task_token)

    def _drive(
        self, timer: Timer, state: ActionState, known: Acknowledgement, chain: Chain, message: ActionMessage
    ) -> None:
        """Have an execution go on: the one that sent the message, or a new one."""
        if message.task_token is None:
            self.workflow.start(execution_for(timer, state, known, chain, self.clock.now_ms()))
        else:
            self._wake(message.task_token)

    def _wake(self, task_token: str | None) -> None:
        if task_token is None:
            return
        try:
            self.workflow.wake(task_token)
        except DependencyUnavailableError as error:
            # It looks by itself when its wait ends.
            logger.warning("execution not woken", extra={"reason": error.detail})


def _latest_called_for(state: ActionState) -> int:
    """Return the latest attempt that there may be a message of.

    While an answer is waited for the sweep sends messages of the attempt that would come next. So, unlike of an action
    that asks nobody, there may be one of it though the action failed without it and waits its turn once more. What is
    done with for that, and should not have been, the sweep finds.
    """
    return state.next_attempt if state.redriven.times else state.called_for


def _goes_on(state: ActionState, known: Acknowledgement, now_ms: int) -> bool:
    """Tell whether an attempt is under way, and not for so long that whoever made it must have crashed."""
    return under_way(state, known) and now_ms < (known.began_at_ms or 0) + REDISPATCH_AFTER_MS
