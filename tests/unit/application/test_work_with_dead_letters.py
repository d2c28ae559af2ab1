"""Dead letters redriven and discarded, whatever breaks in between."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from minoots_kernel.application.bury import bury
from minoots_kernel.application.discard_dead_letters import DiscardDeadLetters
from minoots_kernel.application.letter_work import CALL_MS, Wanted
from minoots_kernel.application.redrive_dead_letters import RedriveDeadLetters
from minoots_kernel.domain.dead_letters import ANY_LETTER, DeadLetter, LetterFilter, LetterState
from minoots_kernel.domain.errors import (
    DependencyUnavailableError,
    NotFoundError,
    PermanentActionError,
    StateConflictError,
    UnknownHintError,
)
from minoots_kernel.domain.messages import ActionMessage
from minoots_kernel.domain.releasing import REDISPATCH_AFTER_MS
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import ActionStatus, Status, Timer
from tests.unit.application.world import DEMO, Crash, Faults, World, crashing, wake_up

ANN = Wanted("ann", "mended")
MINUTE_MS = 60_000


def a_dead_timer(world: World, *ids: str, **changes: Any) -> Timer:
    """A timer of which every action was refused for good."""
    timer = world.new_fired(*(ids or ("a",)), **changes)
    for _ in ids or ("a",):
        world.receiver.answers.append(PermanentActionError("gone", 404))
    for _ in ids or ("a",):
        for message in world.actions_due():
            world.run(message)
    timer = world.now(timer)
    assert timer.status is Status.FAILED
    return timer


def letter_of(world: World, timer: Timer, action_id: str = "a") -> DeadLetter:
    letter = world.dead_letters.get(timer.tenant_id, f"{timer.id}_{action_id}")
    assert letter is not None
    return letter


def pass_time(world: World, ms: int = 5_000) -> None:
    world.play(world.clock.now_ms() + ms)


def test_a_redriven_letter_is_delivered_under_its_old_id() -> None:
    world = World()
    timer = a_dead_timer(world)
    letter = world.redrive.one(DEMO, f"{timer.id}_a", ANN)
    assert (letter.state, letter.changed_at_ms) == (LetterState.REDRIVEN, world.clock.now_ms())
    assert world.dead_letters.letters == []
    pass_time(world)
    assert world.now(timer).status is Status.SETTLED
    assert world.receiver.deliveries == ["a#1", "a#2"]
    assert {request.headers["webhook-id"] for _, request in world.receiver.requests} == {f"{timer.id}_a"}


def test_a_redriven_letter_that_fails_again_is_one_letter_with_the_whole_story() -> None:
    world = World()
    timer = a_dead_timer(world)
    world.receiver.plan["a#2"] = PermanentActionError("still gone", 404)
    world.redrive.one(DEMO, f"{timer.id}_a", ANN)
    pass_time(world)
    (letter,) = world.dead_letters.letters
    assert (letter.reason, letter.death, letter.state) == ("still gone", 1, LetterState.DEAD)
    assert [attempt.number for attempt in letter.attempts] == [1, 2]
    assert world.now(timer).status is Status.FAILED
    assert world.now(timer).next_check_at_ms is None


def test_a_redrive_whose_wake_up_is_lost_is_made_by_the_sweep() -> None:
    world = World()
    timer = a_dead_timer(world)
    world.redrive.one(DEMO, f"{timer.id}_a", ANN)
    assert len(world.wake_ups_due()) == 1  # and nobody handles it
    pass_time(world, REDISPATCH_AFTER_MS + 2 * MINUTE_MS)
    assert world.now(timer).status is Status.SETTLED
    assert "undispatched" in {moment.note for moment in world.now(timer).timeline}


def test_a_redrive_that_the_queue_refuses_is_answered_and_made_by_the_sweep() -> None:
    world = World()
    timer = a_dead_timer(world)
    deaf = crashing(world.wake_queue, "send", error=DependencyUnavailableError("no answer"))
    redrive = RedriveDeadLetters(world.store, world.dead_letters, deaf, world.clock)
    assert redrive.one(DEMO, f"{timer.id}_a", ANN).state is LetterState.REDRIVEN
    pass_time(world, REDISPATCH_AFTER_MS + 2 * MINUTE_MS)
    assert world.now(timer).status is Status.SETTLED


def test_a_late_message_of_an_attempt_before_the_redrive_does_nothing_while_the_action_waits_its_turn() -> None:
    world = World()
    timer = a_dead_timer(world, "a", "b")
    for name in "ab":
        world.redrive.one(DEMO, f"{timer.id}_{name}", ANN)
    assert [state.status for state in world.now(timer).actions] == [ActionStatus.DISPATCHED, ActionStatus.WAITING]
    world.run(ActionMessage(timer.tenant_id, timer.id, "b", 1))
    with pytest.raises(UnknownHintError):
        world.run(ActionMessage(timer.tenant_id, timer.id, "b", 2))
    assert world.receiver.deliveries == ["a#1", "b#1"]
    pass_time(world)
    assert world.receiver.deliveries == ["a#1", "b#1", "a#2", "b#2"]


def test_a_letter_that_was_redriven_is_returned_as_it_is() -> None:
    world = World()
    timer = a_dead_timer(world)
    first = world.redrive.one(DEMO, f"{timer.id}_a", ANN)
    assert world.redrive.one(DEMO, f"{timer.id}_a", Wanted("bob")) == first
    pass_time(world)
    assert world.redrive.one(DEMO, f"{timer.id}_a", Wanted("bob")) == first, "even once it has arrived"
    assert world.receiver.deliveries == ["a#1", "a#2"]


def test_one_key_redrives_a_letter_once_even_if_it_has_died_again() -> None:
    world = World()
    timer = a_dead_timer(world)
    world.receiver.plan |= {f"a#{number}": PermanentActionError("gone", 404) for number in (2, 3)}
    keyed = Wanted("ann", key="k1")
    for _ in range(3):
        world.redrive.one(DEMO, f"{timer.id}_a", keyed)
        pass_time(world)
    assert world.receiver.deliveries == ["a#1", "a#2"]
    assert letter_of(world, timer).state is LetterState.DEAD, "its second death is not marked by the first one's key"
    world.redrive.one(DEMO, f"{timer.id}_a", Wanted("ann", key="k2"))
    pass_time(world)
    assert world.receiver.deliveries == ["a#1", "a#2", "a#3"]


def test_what_nobody_has_or_somebody_else_has_is_not_found() -> None:
    world = World()
    timer = a_dead_timer(world)
    stranger = Principal("other", "eve")
    for work in (world.redrive, world.discard):
        for who, letter_id in ((stranger, f"{timer.id}_a"), (DEMO, f"{timer.id}_b"), (DEMO, "x" * 500), (DEMO, "")):
            with pytest.raises(NotFoundError):
                work.one(who, letter_id, ANN)
    report = world.redrive.many(stranger, ANY_LETTER, ANN, limit=10, position=None)
    assert (report.done, report.skipped) == (0, 0)
    assert world.now(timer).status is Status.FAILED


def test_a_discarded_letter_is_gone_and_its_timer_tells_who_did_it() -> None:
    world = World()
    timer = a_dead_timer(world, "a", "b", concurrency=2)
    world.discard.one(DEMO, f"{timer.id}_a", ANN)
    assert [letter.action_id for letter in world.dead_letters.letters] == ["b"]
    told = world.now(timer).timeline[-1]
    assert (told.event, told.by, told.note) == ("discarded", "ann", "a: mended")
    for work in (world.redrive, world.discard):
        with pytest.raises(NotFoundError):
            work.one(DEMO, f"{timer.id}_a", ANN)
    world.redrive.one(DEMO, f"{timer.id}_b", ANN)
    pass_time(world)
    assert world.now(timer).status is Status.FAILED, "by what was discarded"
    assert world.dead_letters.letters == [], "the discarded letter does not come back with the second burial"


def test_a_letter_that_is_on_its_way_again_cannot_be_discarded() -> None:
    world = World()
    timer = a_dead_timer(world)
    world.redrive.one(DEMO, f"{timer.id}_a", ANN)
    with pytest.raises(StateConflictError, match="on its way"):
        world.discard.one(DEMO, f"{timer.id}_a", ANN)


def test_the_letter_of_a_timer_that_is_gone_can_be_discarded_and_not_redriven() -> None:
    world = World()
    timer = a_dead_timer(world)
    empty = World()
    redrive = RedriveDeadLetters(empty.store, world.dead_letters, world.wake_queue, world.clock)
    with pytest.raises(StateConflictError, match="its timer is gone"):
        redrive.one(DEMO, f"{timer.id}_a", ANN)
    report = redrive.many(DEMO, ANY_LETTER, ANN, limit=10, position=None)
    assert (report.done, report.refused) == (0, ((f"{timer.id}_a", "its timer is gone"),))
    assert len(world.dead_letters.letters) == 1
    discard = DiscardDeadLetters(empty.store, world.dead_letters, world.clock)
    assert discard.many(DEMO, ANY_LETTER, ANN, limit=10, position=None).done == 1
    assert world.dead_letters.letters == []


def test_late_timers_whose_actions_never_ran_can_be_redriven() -> None:
    world = World()
    timer = world.new("a", latePolicy={"mode": "deadLetter", "afterMs": 1_000})
    world.clock.advance_to(timer.fire_at_ms + 5_000)
    world.fire(wake_up(timer))
    assert world.now(timer).fired_at_ms is None
    world.redrive.one(DEMO, f"{timer.id}_a", ANN)
    pass_time(world)
    settled = world.now(timer)
    assert (settled.status, settled.fired_at_ms) == (Status.SETTLED, timer.fire_at_ms + 5_000)
    assert world.receiver.deliveries == ["a#1"]


@pytest.fixture
def many() -> World:
    world = World()
    for _ in range(7):
        a_dead_timer(world, "a", "b", concurrency=2)
    return world


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_many_are_redriven_call_by_call_until_none_is_left(many: World, limit: int) -> None:
    position, done, calls = None, 0, 0
    while True:
        report = many.redrive.many(DEMO, ANY_LETTER, ANN, limit=limit, position=position)
        assert report.done <= limit
        done, calls, position = done + report.done, calls + 1, report.next_position
        if position is None:
            break
    assert done == 14
    assert calls >= 14 / limit
    pass_time(many)
    assert {timer.status for timer in many.store.timers} == {Status.SETTLED}
    assert len(many.receiver.deliveries) == 28
    assert len({request.headers["webhook-id"] for _, request in many.receiver.requests}) == 14


def test_a_call_made_again_skips_what_is_done(many: World) -> None:
    first = many.redrive.many(DEMO, ANY_LETTER, ANN, limit=5, position=None)
    again = many.redrive.many(DEMO, ANY_LETTER, ANN, limit=100, position=None)
    assert (first.done, again.done, again.skipped) == (5, 9, 0)
    pass_time(many)
    assert len(many.receiver.deliveries) == 28


def test_only_what_the_filter_matches_is_touched(many: World) -> None:
    timer = many.store.timers[3]
    of_timer = LetterFilter(timer_id=timer.id)
    assert many.discard.many(DEMO, of_timer, ANN, limit=100, position=None).done == 2
    assert many.redrive.many(DEMO, LetterFilter(host="elsewhere.example"), ANN, limit=100, position=None).done == 0
    assert many.redrive.many(DEMO, LetterFilter(host="example.org"), ANN, limit=100, position=None).done == 12


def test_a_call_ends_in_time_and_says_where_to_go_on(many: World) -> None:
    class SlowStore:
        def __getattr__(self, name: str) -> Any:
            if name == "get_many":
                many.clock.advance(CALL_MS + 1)
            return getattr(many.store, name)

    for _ in range(20):
        a_dead_timer(many, "a", "b", "c", concurrency=3)
    slow: Any = SlowStore()
    redrive = RedriveDeadLetters(slow, many.dead_letters, many.wake_queue, many.clock)
    report = redrive.many(DEMO, ANY_LETTER, ANN, limit=200, position=None)
    assert report.done == 50
    assert report.next_position is not None
    rest = many.redrive.many(DEMO, ANY_LETTER, ANN, limit=200, position=report.next_position)
    assert (rest.done, rest.next_position) == (74 - 50, None)


def test_what_was_begun_is_finished_when_a_store_does_not_answer(many: World) -> None:
    faults = Faults(4, error=DependencyUnavailableError("no answer"))
    redrive = RedriveDeadLetters(faults.around(many.store), many.dead_letters, many.wake_queue, many.clock)
    with pytest.raises(DependencyUnavailableError):
        redrive.many(DEMO, ANY_LETTER, ANN, limit=100, position=None)
    assert faults.calls == ["StreamedStore.get_many", *["StreamedStore.replace"] * 3]
    assert len(many.dead_letters.letters) == 12
    assert len(many.wake_ups_due()) == 2
    assert many.redrive.many(DEMO, ANY_LETTER, ANN, limit=100, position=None).done == 12


def redrive_crashing_at(call: int, *, after: bool) -> tuple[World, Timer, bool]:
    world = World()
    timer = a_dead_timer(world)
    faults = Faults(call, after=after)
    around = faults.around
    redrive = RedriveDeadLetters(around(world.store), around(world.dead_letters), around(world.wake_queue), world.clock)
    try:
        redrive.many(DEMO, ANY_LETTER, Wanted("ann", key="k"), limit=10, position=None)
    except Crash:
        return world, timer, True
    return world, timer, False


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("again", [False, True])
def test_no_crash_loses_a_redriven_letter_or_delivers_it_twice(after: bool, again: bool) -> None:
    call = 1
    while True:
        world, timer, crashed = redrive_crashing_at(call, after=after)
        if again:
            world.redrive.many(DEMO, ANY_LETTER, Wanted("ann", key="k"), limit=10, position=None)
        pass_time(world, REDISPATCH_AFTER_MS + 2 * MINUTE_MS)
        stands = world.now(timer)
        letter = letter_of(world, timer)
        if stands.status is Status.SETTLED:
            assert world.receiver.deliveries == ["a#1", "a#2"]
            assert letter.state is LetterState.REDRIVEN, "whoever ran it set the letter right"
        else:
            assert not again
            assert (stands.status, letter.state) == (Status.FAILED, LetterState.DEAD)
        if not crashed:
            assert call == 6, "page, read, write, send, mark"
            return
        call += 1


def test_a_straggler_does_not_bury_what_was_redriven_or_discarded_since() -> None:
    for action in ("redrive", "discard"):
        world = World()
        timer = a_dead_timer(world)
        getattr(world, action).one(DEMO, f"{timer.id}_a", ANN)
        bury(timer, world.store, world.dead_letters, world.metrics, world.clock.now_ms())
        assert world.dead_letters.letters == []


def test_a_straggler_does_not_bury_who_has_died_again_without_a_letter() -> None:
    world = World()
    timer = world.new_fired("a", maxAttempts=1)

    def die_unburied() -> Timer:
        (message,) = world.actions_due()
        world.receiver.answers.append(PermanentActionError("gone", 404))
        with pytest.raises(Crash):
            replace(world.run, dead_letters=crashing(world.dead_letters, "put"))(message)
        dead = world.now(timer)
        assert (dead.status, dead.next_check_at_ms is None) == (Status.FAILED, False)
        return dead

    before = die_unburied()
    bury(before, world.store, world.dead_letters, world.metrics, world.clock.now_ms())
    world.redrive.one(DEMO, f"{before.id}_a", ANN)
    for sent in world.wake_ups_due():
        world.fire(sent)
    die_unburied()
    bury(before, world.store, world.dead_letters, world.metrics, world.clock.now_ms())
    pass_time(world, REDISPATCH_AFTER_MS + 2 * MINUTE_MS)
    letter = letter_of(world, before)
    assert (letter.state, letter.death) == (LetterState.DEAD, 1)
    assert world.now(before).next_check_at_ms is None


def test_each_death_is_counted_once_however_often_its_message_comes() -> None:
    world = World()
    timer = world.new_fired("a", maxAttempts=1)
    (message,) = world.actions_due()
    world.receiver.answers.append(PermanentActionError("gone", 404))
    for again in (False, True, True):
        world.run(message, again=again)
    pass_time(world, REDISPATCH_AFTER_MS + 2 * MINUTE_MS)
    assert world.metrics.counts["DeadLetters"] == len(world.dead_letters.letters) == 1
    assert world.now(timer).status is Status.FAILED


def test_an_outcome_of_the_life_before_sends_no_attempt_of_the_redriven_one() -> None:
    world = World()
    timer = world.new_fired("a", maxAttempts=1)
    (message,) = world.actions_due()
    world.receiver.answers.append(PermanentActionError("gone", 404))
    world.run(message)
    world.redrive.one(DEMO, f"{timer.id}_a", ANN)
    world.wake_ups_due()
    world.run(message, again=True)
    assert world.actions_due() == [], "the redrive has a message of its own"
    assert world.now(timer).actions[0].status is ActionStatus.DISPATCHED
