"""Redrive dead letters: let deliveries that failed for good be tried again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from minoots_kernel.application.hints import send_near
from minoots_kernel.application.letter_work import LetterReport, LetterWork, Wanted
from minoots_kernel.application.ports import Clock, DeadLetterStore, Delayed, TimerStore, WakeQueue
from minoots_kernel.application.read_dead_letters import GetDeadLetter
from minoots_kernel.domain.commands import Redrive
from minoots_kernel.domain.dead_letters import DeadLetter, LetterFilter, LetterState
from minoots_kernel.domain.errors import StateConflictError
from minoots_kernel.domain.guards import Guard
from minoots_kernel.domain.messages import WakeUp
from minoots_kernel.domain.moves import Transition
from minoots_kernel.domain.tenancy import Principal

__all__ = ["RedriveDeadLetters"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RedriveDeadLetters:
    """Redrive one dead letter, or many.

    The timer says that its action runs again; a wake-up of that action, as for an attempt after a long delay, has it
    run at once. Should the wake-up be lost, the sweep sends the action as it does any other of which nothing was heard.
    """

    store: TimerStore
    letters: DeadLetterStore
    wake_queue: WakeQueue
    clock: Clock

    def one(self, principal: Principal, letter_id: str, wanted: Wanted) -> DeadLetter:
        """Redrive a letter; one that was redriven already is returned as it is.

        Raises:
            NotFoundError: If the tenant has no such letter, or it was discarded.
            StateConflictError: If its timer is gone, or says otherwise.
            DependencyUnavailableError: If a store does not answer: ask again with the same key.
        """
        letter = GetDeadLetter(self.letters)(principal, letter_id)
        if letter.state is LetterState.REDRIVEN:
            return letter
        (worked,) = self._work(principal, wanted).on([letter])
        if worked.refusal is not None:
            raise StateConflictError(f"the dead letter cannot be redriven: {worked.refusal}")
        return GetDeadLetter(self.letters)(principal, letter_id)

    def many(
        self, principal: Principal, which: LetterFilter, wanted: Wanted, *, limit: int, position: str | None
    ) -> LetterReport:
        """Redrive the letters that a filter matches, those of the newest timers first.

        Asked again with the same key, it redrives none twice, even if it has died again since.

        Args:
            principal: Who calls.
            which: The letters that are meant.
            wanted: Who wants it.
            limit: Most letters for this call.
            position: `next_position` of the call before.

        Raises:
            DependencyUnavailableError: If a store does not answer.
        """
        return self._work(principal, wanted).through(principal, which, limit, position)

    def _work(self, principal: Principal, wanted: Wanted) -> LetterWork:
        def command(letter: DeadLetter) -> Redrive:
            return Redrive(
                action_id=letter.action_id,
                death=letter.death,
                requested_by=wanted.requested_by,
                reason=wanted.reason,
                key=wanted.key,
            )

        return LetterWork(
            self.store,
            self.letters,
            self.clock,
            command,
            LetterState.REDRIVEN,
            self._wake,
            without_timer=False,
            guard=Guard(via=principal.via),
        )

    def _wake(self, transitions: Sequence[Transition]) -> None:
        now_ms = self.clock.now_ms()
        wake_ups = [
            Delayed(
                WakeUp(
                    redriven.timer.tenant_id,
                    redriven.timer.id,
                    redriven.timer.generation,
                    now_ms,
                    state.id,
                    state.next_attempt,
                )
            )
            for redriven in transitions
            for state in redriven.released
        ]
        for wake_up, reason in send_near(wake_ups, self.wake_queue).items():
            # The timer is stored: the sweep sends the action.
            story = {"timerId": wake_up.timer_id, "actionId": wake_up.action_id, "reason": reason}
            logger.warning("redriven action not woken", extra=story)
