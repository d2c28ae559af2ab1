"""Take the answer of whoever was asked."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from minoots_contract.acknowledgements import AcknowledgementReply, AcknowledgementRequest, Answered
from minoots_kernel.application.acknowledgement_ports import AcknowledgementWorkflow
from minoots_kernel.application.change import change_timer
from minoots_kernel.application.ports import Clock, Delayed, Metrics, TimerKey, TimerStore, WakeQueue
from minoots_kernel.domain.acknowledgement_views import acknowledgement_reply
from minoots_kernel.domain.answer_tokens import TokenPlace, digest_token, read_token
from minoots_kernel.domain.ask_commands import Acknowledge
from minoots_kernel.domain.asks import Acknowledgement, Ask
from minoots_kernel.domain.errors import MinootsError, NotFoundError
from minoots_kernel.domain.inbox import InboxMessage
from minoots_kernel.domain.messages import WakeUp
from minoots_kernel.domain.timer import ActionState, Timer

__all__ = ["AcknowledgeAction"]

logger = logging.getLogger(__name__)

MAX_RESULT: Final = 256
"""Characters kept of a result: enough to see what it was, little enough not to cost a write unit of its own."""


@dataclass(frozen=True, slots=True)
class AcknowledgeAction:
    """Write an answer into the timer, and then wake the execution that waits beside it.

    What the answer brings about besides (other actions, dead letters, the next receiver) is the execution's to do; if
    it is gone, a message that goes round by the wake-up queue does it.
    """

    store: TimerStore
    workflow: AcknowledgementWorkflow
    wake_queue: WakeQueue
    clock: Clock
    metrics: Metrics

    def __call__(self, token: str, request: AcknowledgementRequest) -> AcknowledgementReply:
        """Answer by token; the same answer twice is the same as once.

        Raises:
            NotFoundError: If the token was never given out.
            StateConflictError: If the action is settled already.
            TokenExpiredError: If the receiver was given up already.
            DependencyUnavailableError: If the store does not answer; the answer may then count.
        """
        place = read_token(token)
        timer = self.store.get(TimerKey(place.tenant_id, place.timer_id)) if place else None
        if place is None or timer is None:
            raise NotFoundError("There is no such token.")
        command = Acknowledge(
            place.action_id,
            place.step,
            digest_token(token),
            request.status,
            request.by,
            request.reason,
            _beginning(request.result),
        )
        return self._answer(timer, place, command)

    def of_inbox(self, timer: Timer, message: InboxMessage) -> None:
        """Take it as `done` that an agent takes a message out of its inbox, if the message's asking is still the one.

        Raises:
            DependencyUnavailableError: If the store does not answer; the answer may then count.
        """
        state, occasion = timer.action(message.action_id), message.occasion
        if state is None or state.redriven.times != occasion.life:
            return
        place = TokenPlace(timer.tenant_id, timer.id, state.id, occasion.step)
        try:
            # Named in the command, too: the timer may be read again before it is written.
            self._answer(timer, place, Acknowledge(state.id, occasion.step, None, "done", life=occasion.life))
        except MinootsError as error:
            if error.retryable:
                raise
            # Somebody else answered, or it came too late: the message goes out of the inbox all the same.
            logger.info("message acknowledged too late", extra={"timerId": timer.id, "reason": error.detail})

    def _answer(self, timer: Timer, place: TokenPlace, command: Acknowledge) -> AcknowledgementReply:
        transition = change_timer(self.store, timer, command, self.clock.now_ms())
        after = transition.timer
        state, known = after.action(place.action_id), after.acknowledgement(place.action_id)
        ask = known.ask(place.step) if known else None
        if state is None or known is None or ask is None:
            raise NotFoundError("There is no such token.")
        if after is not transition.before:
            self._measure(transition.before.acknowledgement(state.id), ask, command.word)
            self._go_on(after, state, known, command.word)
        return acknowledgement_reply(after, state, known, ask)

    def _measure(self, before: Acknowledgement | None, ask: Ask, word: Answered) -> None:
        self.metrics.count(f"Acknowledgements{word.capitalize()}")
        earlier = before.ask(ask.step) if before else None
        if ask.accepted_at_ms is not None and (earlier is None or earlier.accepted_at_ms is None):
            self.metrics.milliseconds("AcknowledgementMs", ask.accepted_at_ms - ask.asked_at_ms)

    def _go_on(self, timer: Timer, state: ActionState, known: Acknowledgement, word: Answered) -> None:
        """Tell the execution. Nothing of this is needed for the answer to count."""
        try:
            if known.task_token is not None:
                waits = self.workflow.keep if word == "progress" else self.workflow.wake
                if waits(known.task_token):
                    return
            if word != "progress" and timer.next_check_at_ms is not None:
                # Nothing is left to be done for a timer that the sweep does not look at any more.
                hint = WakeUp(
                    timer.tenant_id, timer.id, timer.generation, self.clock.now_ms(), state.id, state.next_attempt
                )
                self.wake_queue.send([Delayed(hint)])
        except MinootsError as error:
            # The sweep goes on with it.
            logger.warning("execution not woken", extra={"timerId": timer.id, "reason": error.detail})


def _beginning(result: JsonValue) -> str | None:
    if result is None:
        return None
    return json.dumps(result, separators=(",", ":"), ensure_ascii=False)[:MAX_RESULT]
