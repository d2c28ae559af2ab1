"""What must hold of every history of actions that ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

from minoots_kernel.domain.asks import Acknowledgement
from minoots_kernel.domain.chains import Chain, chain_of
from minoots_kernel.domain.dead_letters import LetterState
from minoots_kernel.domain.inbox import InboxMessage
from minoots_kernel.domain.timer import ActionState, ActionStatus, Status, Timer
from tests.simulation.asking.facts import Begun, acknowledgement, askers, begun, lives, receiver_of, state
from tests.simulation.asking.fate import Write
from tests.simulation.asking.history import History

__all__ = ["INVARIANTS", "violations"]

WELL: Final = {"calm", "copies"}
"""Kinds of histories in which all that is to be done is done at once, and some of it twice."""

FOUND_WITHIN_MS: Final = 2_000
"""How late silence is noticed as long as nothing goes wrong: waits are counted in whole seconds, and a little."""

SWEPT_WITHIN_MS: Final = 4 * 60_000
"""How late silence is noticed once nothing goes wrong any more: 45 s, a sweep, and one that was left out."""


def it_comes_to_an_end(history: History) -> Iterator[str]:
    """Whatever is lost, the actions end, and nothing is left to be done."""
    if not history.at_rest:
        yield f"the timer is {history.timer.status}"


def what_was_taken_counts(history: History) -> Iterator[str]:
    """An answer that was taken is never undone: `done` settles, by whoever said so."""
    for said in history.said:
        if said.outcome != "ok" or said.word != "done":
            continue
        life = begun(history)[said.digest].life
        settled = acknowledgement(history.timer, said.action_id).settled_by
        now = state(history.timer, said.action_id)
        if settled is None or now.redriven.times != life or settled.step != said.step:
            yield f"done was taken from step {said.step} of {said.action_id}, and the action is {now.status}"


def it_settles_by_an_answer_and_by_nothing_else(history: History) -> Iterator[str]:
    """An action succeeded exactly if somebody said so."""
    answered = {(one.action_id, one.step) for one in history.said if one.word in {"done", "accepted"}}
    for action_id in askers(history.timer):
        known, now = acknowledgement(history.timer, action_id), state(history.timer, action_id)
        if (now.status is ActionStatus.SUCCEEDED) != (known.settled_by is not None):
            yield f"{action_id} is {now.status}, and {known.settled_by} answered"
        inboxes = {(action_id, ask.step) for ask in known.asks if ask.receiver == "inbox bob"}  # by taking it out
        if known.settled_by is not None and (action_id, known.settled_by.step) not in answered | inboxes:
            yield f"step {known.settled_by.step} of {action_id} is said to have answered"


def who_died_has_a_letter(history: History) -> Iterator[str]:
    """What failed left a dead letter of that death, unless it was discarded; nothing else has one."""
    if not history.at_rest:
        return
    for now in history.timer.actions:
        dead = now.status is ActionStatus.FAILED and not now.discarded
        letter = history.letters.get(now.id)
        if dead != (letter is not None) or (letter is not None and letter.death != now.redriven.times):
            yield f"{now.id} is {now.status}, redriven {now.redriven.times} times, and its letter is {letter}"
        if letter is not None and letter.state is not LetterState.DEAD:
            yield f"the letter of {now.id} is {letter.state}"


def everybody_has_their_time(history: History) -> Iterator[str]:
    """Silence is found no sooner than the deadline that the item named before."""
    for write, action_id, deadline_ms in _given_up(history):
        if write.at_ms < deadline_ms:
            yield f"{action_id} was given up {deadline_ms - write.at_ms} ms before its deadline"


def silence_is_found_in_time(history: History) -> Iterator[str]:
    """Within two seconds while nothing goes wrong, and within minutes once nothing goes wrong any more.

    An execution that pauses before an attempt cannot be woken: an answer to the asking before, that comes meanwhile and
    asks for time, is looked after when the pause is over.
    """
    calm = history.kind.name in WELL
    for write, action_id, deadline_ms in _given_up(history):
        due_ms = max(deadline_ms, _paused_until_ms(history, write, action_id))
        late_ms = write.at_ms - (due_ms if calm else max(due_ms, history.faults_end_ms))
        if late_ms > (FOUND_WITHIN_MS if calm else SWEPT_WITHIN_MS):
            yield f"the silence of {action_id} was found {late_ms} ms late"


def whoever_is_next_is_asked_in_time(history: History) -> Iterator[str]:
    """An asking begins when it is due as long as nothing goes wrong, and within minutes once nothing does any more."""
    calm = history.kind.name in WELL
    for begin in begun(history).values():
        before = state(begin.before, begin.action_id)
        due_ms = max(before.next_attempt_at_ms or 0, before.dispatched_at_ms or 0)
        late_ms = begin.at_ms - (due_ms if calm else max(due_ms, history.faults_end_ms))
        if late_ms > (FOUND_WITHIN_MS if calm else SWEPT_WITHIN_MS) and before.put_off is None:
            yield f"attempt {begin.attempt} of {begin.action_id} began {late_ms} ms late"


def the_chain_is_kept(history: History) -> Iterator[str]:
    """In each life steps are asked in their order, each as often as it may, and the last before the action fails."""
    for action_id, life, last in lives(history):
        known, chain = acknowledgement(last, action_id), chain_of(last, action_id)
        assert chain is not None
        if [ask.step for ask in known.asks] != list(range(len(known.asks))):
            yield f"life {life} of {action_id} asked steps {[ask.step for ask in known.asks]}"
        yield from _asked_too_much(known, chain)
        failed = state(last, action_id).status is ActionStatus.FAILED
        if failed and known.settled_at_ms is not None and len(known.asks) != len(chain.steps):
            yield f"failed after {len(known.asks)} of {len(chain.steps)} steps"


def _asked_too_much(known: Acknowledgement, chain: Chain) -> Iterator[str]:
    for ask in known.asks:
        if ask.tries > chain.steps[ask.step].max_attempts:
            yield f"step {ask.step} was asked {ask.tries} times of {chain.steps[ask.step].max_attempts}"
    for earlier, later in pairwise(known.asks):
        if not earlier.over:
            yield f"step {later.step} was asked while step {earlier.step} had not ended"


def nothing_is_asked_but_what_the_item_says(history: History) -> Iterator[str]:
    """Whoever is asked is the one whose turn it is, by a token that the item took down for it beforehand."""
    known = begun(history)
    for asked in history.asked:
        begin = known.get(asked.digest)
        if begin is None:
            yield f"attempt {asked.attempt} of {asked.action_id} was asked and is written nowhere"
        elif (begin.action_id, begin.attempt, begin.step) != (asked.action_id, asked.attempt, asked.step):
            yield f"attempt {asked.attempt} asked step {asked.step}, and the item began {begin.attempt} of {begin.step}"
        elif asked.where != receiver_of(history.timer, asked.action_id, asked.step):
            yield f"step {asked.step} of {asked.action_id} was asked at {asked.where}"


def an_asking_has_its_time_and_its_turn(history: History) -> Iterator[str]:
    """Attempts begin when the item says that they are due, while the action is open and nobody is waited for."""
    for begin in begun(history).values():
        before = state(begin.before, begin.action_id)
        if begin.before.status is not Status.FIRED or before.status is not ActionStatus.DISPATCHED:
            yield f"attempt {begin.attempt} of {begin.action_id} began, and it is {before.status}"
        elif acknowledgement(begin.before, begin.action_id).waits:
            yield f"attempt {begin.attempt} of {begin.action_id} began while an answer was waited for"
        elif begin.at_ms < (before.next_attempt_at_ms or 0) - 50:
            yield f"attempt {begin.attempt} of {begin.action_id} began too soon"
        if begin.attempt != before.tries + 1:
            yield f"attempt {begin.attempt} of {begin.action_id} began after {before.tries}"


def what_is_redriven_is_asked_from_the_start(history: History) -> Iterator[str]:
    """A life begins with the first step, and with the attempt after the last one; each is what somebody wanted."""
    firsts: set[tuple[str, int]] = set()
    for begin in begun(history).values():
        now = state(begin.before, begin.action_id)
        if (begin.action_id, begin.life) in firsts:
            continue
        firsts.add((begin.action_id, begin.life))
        if (begin.step, begin.attempt) != (0, now.redriven.after_tries + 1):
            yield f"life {begin.life} of {begin.action_id} began with attempt {begin.attempt} of step {begin.step}"
    for now in history.timer.actions:
        if now.redriven.times > history.redrives.get(now.id, 0):
            yield f"{now.id} was redriven {now.redriven.times} times of {history.redrives.get(now.id, 0)}"


def nobody_is_asked_who_has_it_in_hand(history: History) -> Iterator[str]:
    """Whoever accepted, or reported progress, is not asked again in that life."""
    known = begun(history)
    taken: set[tuple[str, int, int]] = set()
    for begin in known.values():
        asks = acknowledgement(begin.before, begin.action_id).asks
        if begin.life == _life_of(begin.before, begin.action_id):
            taken |= {(begin.action_id, begin.life, ask.step) for ask in asks if ask.accepted_at_ms is not None}
        if (begin.action_id, begin.life, begin.step) in taken:
            yield f"step {begin.step} of {begin.action_id} was asked again though it had the matter in hand"


def nobody_is_asked_twice_at_once(history: History) -> Iterator[str]:
    """An attempt is made once as long as no call fails; what comes twice or late changes nothing of that."""
    if history.struck:
        return
    for (action_id, attempt), times in Counter((one.action_id, one.attempt) for one in history.asked).items():
        if times > 1:
            yield f"attempt {attempt} of {action_id} was made {times} times"


def only_what_counts_counts(history: History) -> Iterator[str]:
    """A token answers for its step of its life, while that lasts; a dead one changes nothing."""
    known, said_by = begun(history), {id(one.strand): one for one in history.said}
    for write in history.writes:
        said = said_by.get(id(write.by))
        if said is not None:
            yield from _counted(write, known[said.digest], "a token")
        elif isinstance(write.by, InboxMessage):
            occasion = write.by.occasion
            life = _life_of(write.before, write.by.action_id)
            step = acknowledgement(write.before, write.by.action_id).step
            if (occasion.life, occasion.step) != (life, step):
                yield f"a message of step {occasion.step} of life {occasion.life} counted for {step} of life {life}"


def _counted(write: Write, begin: Begun, what: str) -> Iterator[str]:
    before, known = state(write.before, begin.action_id), acknowledgement(write.before, begin.action_id)
    if before.status is not ActionStatus.DISPATCHED:
        yield f"{what} counted, and {begin.action_id} was {before.status}"
    elif (begin.life, begin.step) != (before.redriven.times, known.step):
        yield f"{what} of step {begin.step} of life {begin.life} counted for step {known.step}"


def a_valid_answer_is_taken(history: History) -> Iterator[str]:
    """Whoever answers while their step lasts is not refused."""
    known = begun(history)
    for said in history.said:
        if said.outcome in {"ok", "unknown"}:
            continue
        begin = known[said.digest]
        if all(_is_asked(timer, begin) for timer in (said.before, said.after)):
            yield f"'{said.word}' of step {said.step} of {said.action_id} was refused: {said.outcome}"


def _is_asked(timer: Timer, begin: Begun) -> bool:
    now, known = state(timer, begin.action_id), acknowledgement(timer, begin.action_id)
    here = (now.redriven.times, known.step) == (begin.life, begin.step) and known.settled_at_ms is None
    return now.status is ActionStatus.DISPATCHED and here and known.ask(begin.step) is not None


def what_has_ended_never_changes(history: History) -> Iterator[str]:
    """A settled action stays as it is, and one that failed until it is redriven; a cancelled timer asks nobody."""
    for write in history.writes:
        for before, after in zip(write.before.actions, write.after.actions, strict=True):
            if before.status.terminal and before != after and not _is_operators(write, before, after):
                yield f"{before.id} was {before.status} and became {after.status}, by {write.by}"
    if history.timer.status is Status.CANCELLED and history.asked:
        yield "a cancelled timer asked"


def no_message_is_kept_for_ever(history: History) -> Iterator[str]:
    """Each message is done with: none is ahead of its item here, and an attempt that others made is looked at again."""
    for one in history.delivered:
        if one.ends.count("unknown") > 1:
            yield f"{one.message} was kept, and came again and again: {one.ends}"


def an_inbox_says_what_is_asked_now(history: History) -> Iterator[str]:
    """While an inbox is waited for, what it hands over can be answered."""
    yield from history.outdated


def _is_operators(write: Write, before: ActionState, after: ActionState) -> bool:
    redriven = after.redriven.times == before.redriven.times + 1
    return write.by == "operator" and before.status is ActionStatus.FAILED and (redriven or after.discarded)


def _given_up(history: History) -> Iterator[tuple[Write, str, int]]:
    """Yield each write that gave up a wait for its deadline, which action's, and that deadline."""
    for write in history.writes:
        for moment in write.after.timeline:
            if moment.version != write.after.version or "in time" not in (moment.note or ""):
                continue
            for action_id in askers(write.before):
                before = state(write.before, action_id)
                if acknowledgement(write.before, action_id).waits and before != state(write.after, action_id):
                    yield write, action_id, before.next_attempt_at_ms or 0


def _paused_until_ms(history: History, end: Write, action_id: str) -> int:
    """Return when the latest pause before an attempt was to be over, of those that began before a write."""
    earlier = [write.after for write in history.writes if write.at_ms < end.at_ms]
    waits = [state(timer, action_id) for timer in earlier if not acknowledgement(timer, action_id).waits]
    return max((one.next_attempt_at_ms or 0 for one in waits), default=0)


def _life_of(timer: Timer, action_id: str) -> int:
    return state(timer, action_id).redriven.times


Invariant = Callable[[History], Iterator[str]]

INVARIANTS: Final[tuple[Invariant, ...]] = (
    it_comes_to_an_end,
    what_was_taken_counts,
    it_settles_by_an_answer_and_by_nothing_else,
    who_died_has_a_letter,
    everybody_has_their_time,
    silence_is_found_in_time,
    whoever_is_next_is_asked_in_time,
    the_chain_is_kept,
    nothing_is_asked_but_what_the_item_says,
    an_asking_has_its_time_and_its_turn,
    what_is_redriven_is_asked_from_the_start,
    nobody_is_asked_who_has_it_in_hand,
    nobody_is_asked_twice_at_once,
    only_what_counts_counts,
    a_valid_answer_is_taken,
    what_has_ended_never_changes,
    no_message_is_kept_for_ever,
    an_inbox_says_what_is_asked_now,
)


def violations(history: History) -> list[str]:
    """Return what does not hold of a history, each with its invariant."""
    return [f"{invariant.__name__}: {what}" for invariant in INVARIANTS for what in invariant(history)]
