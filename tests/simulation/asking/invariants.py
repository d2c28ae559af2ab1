"""What must hold of every history of an action that asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from minoots_kernel.domain.asks import Acknowledgement
from minoots_kernel.domain.chains import Chain, chain_of
from minoots_kernel.domain.timer import ActionStatus, Timer
from tests.simulation.asking.history import History

__all__ = ["INVARIANTS", "violations"]


def it_comes_to_an_end(history: History) -> Iterator[str]:
    """Whatever is lost, the action ends, and nothing is left to be done."""
    if not history.at_rest:
        yield f"the timer is {history.timer.status}"


def what_was_taken_counts(history: History) -> Iterator[str]:
    """An answer that was taken is never undone: `done` settles, by whoever said so."""
    done = [said for said in history.said if said.outcome == "ok" and said.word == "done"]
    settled = _known(history.timer).settled_by
    if done and (settled is None or settled.step not in {said.step for said in done}):
        yield f"done was taken from step {done[0].step}, and the action is {_state(history.timer)}"


def it_settles_by_an_answer_and_by_nothing_else(history: History) -> Iterator[str]:
    """An action succeeded exactly if somebody said so; one that failed left a dead letter."""
    known, state = _known(history.timer), _state(history.timer)
    if (state is ActionStatus.SUCCEEDED) != (known.settled_by is not None):
        yield f"the action is {state}, and {known.settled_by} answered"
    answered = {said.step for said in history.said if said.word in {"done", "accepted"}}
    answered |= {ask.step for ask in known.asks if ask.receiver == "inbox bob"}  # by taking the message out
    if known.settled_by is not None and known.settled_by.step not in answered:
        yield f"step {known.settled_by.step} is said to have answered"
    failed = sum(one.status is ActionStatus.FAILED for one in history.timer.actions)
    if history.at_rest and history.letters != failed:
        yield f"{failed} actions failed, and {history.letters} left dead letters"


def everybody_has_their_time(history: History) -> Iterator[str]:
    """Silence is found no sooner than the deadline that the item named before."""
    for (_, before), (_, after) in zip(history.versions, history.versions[1:], strict=False):
        given_up = [one for one in after.timeline if one.version > before.version and one.event == "unacknowledged"]
        for moment in given_up:
            if "in time" not in (moment.note or ""):
                continue
            known, state = before.acknowledgement("a"), before.action("a")
            if moment.version == before.version + 1 and known and state and known.waits:
                deadline_ms = state.next_attempt_at_ms or 0
                if moment.at_ms < deadline_ms:
                    yield f"given up {deadline_ms - moment.at_ms} ms before its deadline"


def the_chain_is_kept(history: History) -> Iterator[str]:
    """Steps are asked in their order, each as often as it may, and the last before the action fails."""
    known, chain = _known(history.timer), _chain(history.timer)
    if [ask.step for ask in known.asks] != sorted(ask.step for ask in known.asks):
        yield "steps were asked out of order"
    for ask in known.asks:
        if ask.tries > chain.steps[ask.step].max_attempts:
            yield f"step {ask.step} was asked {ask.tries} times of {chain.steps[ask.step].max_attempts}"
    for earlier, later in zip(known.asks, known.asks[1:], strict=False):
        if not earlier.over:
            yield f"step {later.step} was asked while step {earlier.step} had not ended"
    if _state(history.timer) is ActionStatus.FAILED and len(known.asks) != len(chain.steps):
        yield f"failed after {len(known.asks)} of {len(chain.steps)} steps"


def an_inbox_says_what_is_asked_now(history: History) -> Iterator[str]:
    """While an inbox is waited for, what it hands over can be answered."""
    yield from history.outdated


def nobody_is_asked_who_has_it_in_hand(history: History) -> Iterator[str]:
    """Whoever accepted, or reported progress, is not asked again; and attempts are made in their order."""
    taken = [one for one in history.said if one.outcome == "ok" and one.word in {"accepted", "progress"}]
    for asked in history.asked:
        if any(one.step == asked.step and one.at_ms < asked.at_ms for one in taken):
            yield f"step {asked.step} was asked again though it had the matter in hand"
    attempts = [one.attempt for one in history.asked]
    if attempts != sorted(attempts):
        yield f"attempts were made out of order: {attempts}"


def answers_after_the_end_are_told_so(history: History) -> Iterator[str]:
    """Whoever answers once a step is over hears that it is over, and changes nothing."""
    ends = {ask.step: ask.word_at_ms for ask in _known(history.timer).asks if ask.over}
    for said in history.said:
        end_ms = ends.get(said.step)
        if end_ms is None or said.at_ms <= end_ms or said.outcome == "unknown":
            continue
        if said.outcome == "ok" and said.word not in {"accepted", "refused"}:
            yield f"'{said.word}' of step {said.step} was taken {said.at_ms - end_ms} ms after its end"


def _known(timer: Timer) -> Acknowledgement:
    known = timer.acknowledgement("a")
    return known if known is not None else Acknowledgement("a")


def _chain(timer: Timer) -> Chain:
    chain = chain_of(timer, "a")
    assert chain is not None
    return chain


def _state(timer: Timer) -> ActionStatus | None:
    state = timer.action("a")
    return state.status if state is not None else None


Invariant = Callable[[History], Iterator[str]]

INVARIANTS: Final[tuple[Invariant, ...]] = (
    it_comes_to_an_end,
    what_was_taken_counts,
    it_settles_by_an_answer_and_by_nothing_else,
    everybody_has_their_time,
    the_chain_is_kept,
    nobody_is_asked_who_has_it_in_hand,
    answers_after_the_end_are_told_so,
    an_inbox_says_what_is_asked_now,
)


def violations(history: History) -> list[str]:
    """Return what does not hold of a history, each with its invariant."""
    return [f"{invariant.__name__}: {what}" for invariant in INVARIANTS for what in invariant(history)]
