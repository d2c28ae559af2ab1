"""Working through dead letters: what becomes of each is decided by its timer, and written there first.

The timer is written first and the letter marked last: a crash in between leaves a letter listed as dead that is not,
which whoever touches it next sets right by what the timer says. The other way round it would leave a delivery that no
listing shows and nobody makes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from minoots_kernel.application.change import change_timer
from minoots_kernel.application.ports import Clock, DeadLetterStore, TimerKey, TimerStore
from minoots_kernel.domain.commands import Discard, Redrive
from minoots_kernel.domain.dead_letters import DeadLetter, LetterFilter, LetterState
from minoots_kernel.domain.errors import MinootsError, StateConflictError, VersionMismatchError
from minoots_kernel.domain.guards import UNGUARDED, Guard
from minoots_kernel.domain.moves import Transition
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import Timer

__all__ = ["LetterReport", "LetterWork", "Wanted", "Worked"]

CALL_MS: Final = 10_000
"""How long one call works, milliseconds, before it leaves the rest to another: a request may take 30 s."""

AT_A_TIME: Final = 50

GONE: Final = "its timer is gone"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who wants something of dead letters.

    Attributes:
        requested_by: Who.
        reason: Why, one line for people.
        key: Digest of the idempotency key, if there is one.
    """

    requested_by: str
    reason: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Worked:
    """What came of one letter.

    Attributes:
        letter: The letter as it was read.
        state: What it has become; still dead if it was left alone.
        done: Whether this call did it; else it had been done before, or could not be.
        transition: What it made of its timer; none if nothing.
        refusal: Why it was left alone, if it should not have been.
    """

    letter: DeadLetter
    state: LetterState
    done: bool = False
    transition: Transition | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class LetterReport:
    """What one call did.

    Attributes:
        done: Letters that it redrove, or discarded.
        skipped: Letters of which that had been done before.
        refused: Ids of letters of which it could not be, each with the reason.
        next_position: Where the next call goes on; none when there are no more.
    """

    done: int
    skipped: int
    refused: tuple[tuple[str, str], ...]
    next_position: str | None


@dataclass(frozen=True, slots=True)
class LetterWork:
    """Does the same to many letters.

    Attributes:
        command: Makes the command for a letter.
        becomes: What a letter is afterwards.
        follow_up: Called with what was done before the letters are marked.
        without_timer: Whether it can be done to a letter whose timer is gone.
        guard: Says who asks.
    """

    store: TimerStore
    letters: DeadLetterStore
    clock: Clock
    command: Callable[[DeadLetter], Redrive | Discard]
    becomes: LetterState
    follow_up: Callable[[Sequence[Transition]], None]
    without_timer: bool
    guard: Guard = UNGUARDED

    def on(self, letters: Sequence[DeadLetter]) -> list[Worked]:
        """Work through letters.

        Raises:
            DependencyUnavailableError: If a store does not answer; what was begun is finished as far as it can be.
        """
        keys = {letter.timer_id: TimerKey(letter.tenant_id, letter.timer_id) for letter in letters}
        timers = {timer.id: timer for timer in self.store.get_many(list(keys.values()))}
        worked: list[Worked] = []
        try:
            for letter in letters:
                one = self._work(letter, timers.get(letter.timer_id))
                worked.append(one)
                if one.transition is not None:
                    timers[letter.timer_id] = one.transition.timer
        except MinootsError:
            self._finish(worked)
            raise
        self._finish(worked)
        return worked

    def through(self, principal: Principal, wanted: LetterFilter, limit: int, position: str | None) -> LetterReport:
        """Work through the letters that a filter matches, as many as may be in one call, from a position on.

        Those to which the principal could not do it one by one are left alone.
        """
        until_ms = self.clock.now_ms() + CALL_MS
        worked: list[Worked] = []
        sight = principal.sight()
        while True:
            size = min(AT_A_TIME, limit - len(worked))
            page = self.letters.page(principal.tenant_id, wanted=wanted, limit=size, position=position, sight=sight)
            worked += self.on(page.items)
            position = page.next_position
            if position is None or len(worked) >= limit or self.clock.now_ms() >= until_ms:
                return _report(worked, position)

    def _work(self, letter: DeadLetter, timer: Timer | None) -> Worked:
        if timer is None:
            return self._without_timer(letter)
        known = _state_of(letter, timer)
        if known is not LetterState.DEAD:
            return Worked(letter, known)
        try:
            transition = change_timer(self.store, timer, self.command(letter), self.clock.now_ms(), self.guard)
        except VersionMismatchError:
            return self._without_timer(letter)  # it went this very moment
        except StateConflictError as error:
            return Worked(letter, LetterState.DEAD, refusal=error.detail)
        if transition.timer is transition.before:
            return Worked(letter, _state_of(letter, transition.timer))
        return Worked(letter, self.becomes, done=True, transition=transition)

    def _without_timer(self, letter: DeadLetter) -> Worked:
        if self.without_timer:
            return Worked(letter, self.becomes, done=True)
        return Worked(letter, LetterState.DEAD, refusal=GONE)

    def _finish(self, worked: Sequence[Worked]) -> None:
        transitions = [one.transition for one in worked if one.transition is not None]
        if transitions:
            self.follow_up(transitions)
        now_ms = self.clock.now_ms()
        for one in worked:
            if one.state is not LetterState.DEAD:
                self.letters.mark(one.letter, one.state, now_ms)


def _state_of(letter: DeadLetter, timer: Timer) -> LetterState:
    """Return what has become of a letter by what its timer says."""
    action = timer.action(letter.action_id)
    if action is not None and action.redriven.times > letter.death:
        return LetterState.REDRIVEN
    return LetterState.DISCARDED if action is not None and action.discarded else LetterState.DEAD


def _report(worked: Sequence[Worked], position: str | None) -> LetterReport:
    refused = tuple((one.letter.id, one.refusal) for one in worked if one.refusal is not None)
    done = sum(one.done for one in worked)
    return LetterReport(done, len(worked) - done - len(refused), refused, position)
