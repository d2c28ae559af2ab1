"""The invariants about dead letters: what is redriven is tried again, once; what is discarded stays out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, Final

from minoots_kernel.application.letter_work import LetterReport
from minoots_kernel.domain.dead_letters import DeadLetter, LetterState
from minoots_kernel.domain.errors import NotFoundError, StateConflictError
from minoots_kernel.domain.timer import ActionState, ActionStatus, Status, Timer
from tests.simulation.invariants.facts import Facts, wrote_discard, wrote_redrive
from tests.simulation.journal import Answered, Wrote
from tests.simulation.world import name_of

__all__ = ["VERBS", "dead_letters_are_complete", "redriven_deliveries_run", "told_the_truth"]

VERBS: Final = frozenset({"redrive", "redrive all", "discard", "discard all"})
"""What can be wanted of dead letters."""


def redriven_deliveries_run(facts: Facts) -> Iterator[str]:
    """A redrive undoes one death, once for each call and key, and is followed by an attempt; a discard is the end."""
    for timer_id, writes in facts.writes.items():
        asked: set[tuple[int, int, str]] = set()
        keys: dict[str, str | None] = {}
        for write in writes:
            for before, after in wrote_redrive(write):
                name = f"{name_of(timer_id)}.{after.id}"
                yield from _redriven(write, before, after, name)
                order, attempt = write.by.hint
                if (order.number, attempt, after.id) in asked:
                    yield f"{name} was redriven twice by one call of order {order.number}"
                asked.add((order.number, attempt, after.id))
                if after.redriven.key is not None and keys.get(after.id) == after.redriven.key:
                    yield f"{name} was redriven twice under one key"
                keys[after.id] = after.redriven.key
                yield from _tried(facts, timer_id, after, name)
            for after in wrote_discard(write):
                yield from _discarded(facts, write, after)


def _redriven(write: Wrote, before: ActionState, after: ActionState, name: str) -> Iterator[str]:
    order = write.by.hint[0] if isinstance(write.by.hint, tuple) else None
    if order is None or order.verb not in {"redrive", "redrive all"}:
        yield f"{name} was redriven, and nobody asked for it"
    elif order.tenant_id != write.after.tenant_id:
        yield f"{name} was redriven by {order.tenant_id}"
    if before.status is not ActionStatus.FAILED or before.discarded:
        yield f"{name} was redriven though it was {before.status}{', discarded' if before.discarded else ''}"
    if after.redriven.times != before.redriven.times + 1 or after.redriven.after_tries != after.tries:
        yield f"{name} counts its redrives wrongly"
    if (after.tries, after.attempts) != (before.tries, before.attempts):
        yield f"{name} lost its story as it was redriven"
    if write.after.status is not Status.FIRED or write.after.next_check_at_ms is None:
        yield f"{name} was redriven, and nothing looks after it"
    if write.after.timeline[-1].event not in {"redriven", "fired"} or write.after.timeline[-1].by is None:
        yield f"{name} does not tell who redrove it"


def _tried(facts: Facts, timer_id: str, redriven: ActionState, name: str) -> Iterator[str]:
    end = facts.ends[timer_id].action(redriven.id)
    if end is None or end.tries <= redriven.redriven.after_tries:
        yield f"{name} was redriven, and never tried again"


def _discarded(facts: Facts, write: Wrote, state: ActionState) -> Iterator[str]:
    name = f"{name_of(write.after.id)}.{state.id}"
    order = write.by.hint[0] if isinstance(write.by.hint, tuple) else None
    if order is None or order.verb not in {"discard", "discard all"} or order.tenant_id != write.after.tenant_id:
        yield f"{name} was discarded, and nobody asked for it"
    end = facts.ends[write.after.id].action(state.id)
    if end is None or not end.discarded or end.status is not ActionStatus.FAILED:
        yield f"{name} was discarded, and came back"
    # One that was under way when it died may arrive late; none may begin.
    begun = [post for post in facts.posts[write.after.id] if post.action_id == state.id and post.attempt > state.tries]
    if any(post.number > write.number for post in begun):
        yield f"{name} was discarded, and tried again"


def dead_letters_are_complete(facts: Facts) -> Iterator[str]:
    """Each action that failed has one dead letter with its whole story, no other has one, the sweep has let go."""
    store = facts.world.ports.dead_letters.truth
    letters = {letter.id: letter for letter in store.letters}
    states = {f"{timer.id}_{state.id}": (timer, state) for timer in facts.ends.values() for state in timer.actions}
    for identity, (timer, state) in states.items():
        dead = state.status is ActionStatus.FAILED and not state.discarded
        letter = letters.get(identity)
        if dead and letter is None:
            yield f"{identity}: no dead letter of what failed"
        elif dead and letter is not None:
            yield from _whole(letter, timer, state)
        elif letter is not None and not _may_linger(facts, timer.id, state):
            yield f"{identity}: a dead letter too many"
    for identity in letters.keys() - states.keys():
        yield f"{identity}: a dead letter of nothing"
    for timer in facts.ends.values():
        if timer.status.terminal and timer.next_check_at_ms is not None:
            yield f"{name_of(timer.id)} is {timer.status}, and the sweep still looks after it"


def _whole(letter: DeadLetter, timer: Timer, state: ActionState) -> Iterator[str]:
    told = [attempt.number for attempt in letter.attempts]
    kept = letter.attempts[len(letter.attempts) - len(state.attempts) :]
    if kept != state.attempts or told != list(range(1, state.tries + 1)) or letter.tenant_id != timer.tenant_id:
        yield f"{letter.id}: its dead letter tells another story"
    if letter.death != state.redriven.times:
        yield f"{letter.id}: its dead letter is of another death"


def _may_linger(facts: Facts, timer_id: str, state: ActionState) -> bool:
    """Tell whether a letter may be listed still: whoever redrove or discarded it was kept from writing that down.

    Of what was redriven, whoever ran it does that in their place, unless they were kept from it, too.
    """
    crossed = any(_of_letters(facts, subject) for subject in _subjects(facts))
    return crossed and (state.discarded or facts.disturbed(timer_id))


def _subjects(facts: Facts) -> Iterator[str]:
    yield from (strike.subject for strike in facts.strikes)
    yield from (str(crash.by) for crash in facts.crashes)


def _of_letters(facts: Facts, subject: str) -> bool:
    numbers = {order.number for order in facts.plan.orders if order.verb in VERBS}
    return any(subject == f"order {number}" or subject.endswith(f" order {number}") for number in numbers)


def told_the_truth(facts: Facts) -> Iterator[str]:
    """What callers are told of their dead letters agrees with what was written."""
    made: defaultdict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    for write in facts.all_writes:
        if isinstance(write.by.hint, tuple):
            order, attempt = write.by.hint
            made[order.number, attempt]["redrive"] += sum(1 for _ in wrote_redrive(write))
            made[order.number, attempt]["discard"] += sum(1 for _ in wrote_discard(write))
    for answer in facts.answers:
        if answer.order.verb in VERBS and answer.outcome != "unknown":
            verb = answer.order.verb.split()[0]
            yield from _answer(facts, answer, made[answer.order.number, answer.asked.attempt][verb])


def _answer(facts: Facts, answer: Answered, made: int) -> Iterator[str]:
    what = f"order {answer.order.number} ({answer.order.verb})"
    if answer.outcome == "error":
        own = facts.ends[answer.timer_id].tenant_id == answer.order.tenant_id if answer.timer_id else True
        expected = (NotFoundError, StateConflictError) if own else (NotFoundError,)
        if not isinstance(answer.value, expected):
            yield f"{what} was answered {answer.value!r}"
        if made:
            yield f"{what} was refused, and done"
    elif isinstance(answer.value, LetterReport):
        # A write that was made and not heard of counts as somebody else's.
        if not answer.value.done <= made:
            yield f"{what} was told of {answer.value.done}, and made {made}"
    else:
        yield from _one(facts, answer, what)


def _one(facts: Facts, answer: Answered, what: str) -> Iterator[str]:
    """One was redriven or discarded by the time of the answer, by this call or another."""
    earlier: list[Any] = [write for write in facts.writes[answer.timer_id or ""] if write.number < answer.number]
    action_id = answer.order.details["action"]
    if answer.order.verb == "discard":
        if not any(state.id == action_id for write in earlier for state in wrote_discard(write)):
            yield f"{what} was acknowledged, and nothing was written"
        return
    if not any(after.id == action_id for write in earlier for _, after in wrote_redrive(write)):
        yield f"{what} was acknowledged, and nothing was written"
    if answer.value.state not in {LetterState.REDRIVEN, LetterState.DEAD}:
        yield f"{what} was shown a letter that is {answer.value.state}"
