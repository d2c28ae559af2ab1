"""Discard dead letters: let deliveries that failed for good be."""

from __future__ import annotations

from dataclasses import dataclass

from minoots_kernel.application.letter_work import LetterReport, LetterWork, Wanted
from minoots_kernel.application.ports import Clock, DeadLetterStore, TimerStore
from minoots_kernel.application.read_dead_letters import GetDeadLetter
from minoots_kernel.domain.commands import Discard
from minoots_kernel.domain.dead_letters import DeadLetter, LetterFilter, LetterState
from minoots_kernel.domain.errors import StateConflictError
from minoots_kernel.domain.guards import Guard
from minoots_kernel.domain.tenancy import Principal

__all__ = ["DiscardDeadLetters"]


@dataclass(frozen=True, slots=True)
class DiscardDeadLetters:
    """Discard one dead letter, or many. Their timers stay failed, and tell who discarded what."""

    store: TimerStore
    letters: DeadLetterStore
    clock: Clock

    def one(self, principal: Principal, letter_id: str, wanted: Wanted) -> None:
        """Discard a letter.

        Raises:
            NotFoundError: If the tenant has no such letter, or it was discarded already.
            StateConflictError: If it was redriven.
            DependencyUnavailableError: If a store does not answer: ask again.
        """
        letter = GetDeadLetter(self.letters)(principal, letter_id)
        (worked,) = self._work(principal, wanted).on([letter])
        if worked.state is LetterState.REDRIVEN or letter.state is LetterState.REDRIVEN:
            raise StateConflictError("the dead letter was redriven: it is on its way again")
        if worked.refusal is not None:
            raise StateConflictError(f"the dead letter cannot be discarded: {worked.refusal}")

    def many(
        self, principal: Principal, which: LetterFilter, wanted: Wanted, *, limit: int, position: str | None
    ) -> LetterReport:
        """Discard the letters that a filter matches; as `RedriveDeadLetters.many`."""
        return self._work(principal, wanted).through(principal, which, limit, position)

    def _work(self, principal: Principal, wanted: Wanted) -> LetterWork:
        def command(letter: DeadLetter) -> Discard:
            return Discard(
                action_id=letter.action_id,
                death=letter.death,
                requested_by=wanted.requested_by,
                reason=wanted.reason,
            )

        return LetterWork(
            self.store,
            self.letters,
            self.clock,
            command,
            LetterState.DISCARDED,
            lambda _: None,
            without_timer=True,
            guard=Guard(via=principal.via),
        )
