from __future__ import annotations

from dataclasses import replace

import pytest

from minoots_kernel.application.fire_timer import FireOutcome
from minoots_kernel.domain.errors import (
    DependencyUnavailableError,
    PermanentActionError,
    TransientActionError,
    UnknownHintError,
    VersionMismatchError,
)
from minoots_kernel.domain.messages import ActionMessage, WakeUp
from minoots_kernel.domain.timer import ActionStatus, Status, Timer
from minoots_kernel.domain.transitions import REDISPATCH_AFTER_MS
from tests.unit.application.world import ACTION_VISIBILITY_MS, Crash, StreamedStore, World, crashing
from tests.unit.domain.builders import NOW_MS

DUE_MS = NOW_MS + 30_000
BUSY = TransientActionError("busy", 503)
GONE = PermanentActionError("no", 404)


def message(timer: Timer, action_id: str = "a", attempt: int = 1) -> ActionMessage:
    return ActionMessage(timer.tenant_id, timer.id, action_id, attempt)


def test_a_good_attempt_settles_the_timer_and_leaves_nothing_to_do() -> None:
    world = World()
    timer = world.new_fired("a")
    world.run(*world.actions_due())
    assert world.now(timer).status is Status.SETTLED
    (attempt,) = world.now(timer).actions[0].attempts
    assert (attempt.outcome, attempt.status_code, attempt.error) == ("succeeded", 200, None)
    assert world.action_queue.messages == []
    assert world.metrics.counts["AttemptsSucceeded"] == 1


def test_actions_follow_one_another_in_their_order() -> None:
    world = World()
    timer = world.new_fired("a", "b", "c")
    for name in "abc":
        assert world.action_queue.messages == [message(timer, name)]
        world.run(*world.actions_due())
    assert world.receiver.deliveries == ["a#1", "b#1", "c#1"]
    assert world.now(timer).status is Status.SETTLED


def test_a_failed_attempt_waits_in_the_queue_for_its_time() -> None:
    world = World()
    timer = world.new_fired("a", maxAttempts=2)
    world.receiver.answers.append(TransientActionError("busy", 503, retry_after_ms=10_000))
    world.run(*world.actions_due())
    (sent,) = world.action_queue.sent
    assert (sent.message, sent.due_at_ms) == (message(timer, attempt=2), DUE_MS + 11_000)
    state = world.now(timer).actions[0]
    assert (state.status, state.attempts[0].error, state.attempts[0].status_code) == (
        ActionStatus.DISPATCHED,
        "busy",
        503,
    )
    assert world.metrics.counts["AttemptsFailed"] == 1


def test_a_wait_past_the_queues_reach_is_a_wake_up_of_its_own() -> None:
    world = World()
    timer = world.new_fired("a", maxAttempts=2)
    world.receiver.answers.append(TransientActionError("busy", 503, retry_after_ms=7_200_000))
    world.run(*world.actions_due())
    (schedule,) = world.schedules.schedules.values()
    due_at_ms = world.now(timer).actions[0].next_attempt_at_ms
    assert due_at_ms is not None
    assert schedule.wake_up == WakeUp("demo", timer.id, 1, due_at_ms, "a", 2)
    assert world.action_queue.messages == []
    world.clock.advance_to(due_at_ms)
    assert world.fire(schedule.wake_up) is FireOutcome.FORWARDED
    world.run(*world.actions_due())
    assert world.now(timer).status is Status.SETTLED


def test_an_attempt_whose_message_comes_early_waits_for_the_rest() -> None:
    world = World()
    timer = world.new_fired("a", maxAttempts=2)
    world.receiver.answers.append(TransientActionError("busy", 503, retry_after_ms=10_000))
    world.run(*world.actions_due())
    world.run(message(timer, attempt=2))
    assert world.receiver.deliveries == ["a#1"]
    assert [sent.message.attempt for sent in world.action_queue.sent] == [2, 2]


def test_exhausted_attempts_leave_a_dead_letter_and_fail_the_timer() -> None:
    world = World()
    timer = world.new_fired("a", maxAttempts=2)
    world.receiver.answers += [BUSY, BUSY]
    world.play(DUE_MS + 10_000)
    failed = world.now(timer)
    assert (failed.status, failed.failure_reason) == (Status.FAILED, "1 of 1 actions failed; a: busy")
    (letter,) = world.dead_letters.letters
    assert (letter.timer_id, [attempt.number for attempt in letter.attempts]) == (timer.id, [1, 2])
    assert world.metrics.counts["DeadLetters"] == 1


def test_a_permanent_failure_is_not_tried_again_and_its_siblings_still_run() -> None:
    world = World()
    timer = world.new_fired("a", "b", maxAttempts=5)
    world.receiver.answers.append(GONE)
    world.play(DUE_MS + 10_000)
    assert world.receiver.deliveries == ["a#1", "b#1"]
    assert world.now(timer).status is Status.FAILED
    assert [letter.action_id for letter in world.dead_letters.letters] == ["a"]


def test_an_action_of_a_kind_that_nobody_performs_any_more_fails_for_good() -> None:
    world = World()
    timer = world.new_fired("a", maxAttempts=5)
    replace(world.run, performers={})(*world.actions_due())
    assert world.now(timer).status is Status.FAILED
    assert world.now(timer).actions[0].attempts[0].error == "actions of kind 'webhook' are not available"


@pytest.mark.parametrize("answer", [200, GONE, BUSY])
def test_redelivery_of_an_attempt_after_its_outcome_never_runs_it_again_and_sends_the_next(
    answer: int | TransientActionError | PermanentActionError,
) -> None:
    world = World()
    timer = world.new_fired("a", "b", maxAttempts=2)
    (first,) = world.actions_due()
    world.receiver.answers.append(answer)
    with pytest.raises(Crash):
        replace(world.run, action_queue=crashing(world.action_queue, "send"))(first)
    story = world.now(timer)
    assert world.action_queue.messages == []
    world.clock.advance(ACTION_VISIBILITY_MS)
    world.run(first)
    assert world.receiver.deliveries == ["a#1"]
    assert world.now(timer) == story
    assert world.action_queue.messages == [message(timer, "a", 2) if answer is BUSY else message(timer, "b")]
    assert len(world.dead_letters.letters) == (answer is GONE)


def test_a_message_that_failed_after_its_outcome_sends_what_follows_at_once_when_it_comes_back() -> None:
    world = World()
    timer = world.new_fired("a", "b")
    (first,) = world.actions_due()
    world.action_queue.refuses = lambda _: True
    with pytest.raises(DependencyUnavailableError):
        world.run(first)
    world.action_queue.refuses = lambda _: False
    world.clock.advance(2_000)
    world.run(first)
    assert world.action_queue.messages == [], "a duplicate leaves it to whoever wrote the outcome"
    world.run(first, again=True)
    assert world.action_queue.messages == [message(timer, "b")]
    assert world.receiver.deliveries == ["a#1"]


def test_a_crash_before_the_outcome_is_written_repeats_the_attempt_with_the_same_id() -> None:
    world = World()
    timer = world.new_fired("a")
    (first,) = world.actions_due()
    with pytest.raises(Crash):
        replace(world.run, store=crashing(world.store, "replace"))(first)
    world.clock.advance(ACTION_VISIBILITY_MS)
    world.run(first)
    assert world.receiver.deliveries == ["a#1", "a#1"]
    assert len({request.headers["webhook-id"] for _, request in world.receiver.requests}) == 1
    assert [attempt.number for attempt in world.now(timer).actions[0].attempts] == [1]


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_around_the_dead_letter_leaves_exactly_one_when_the_message_returns(after: bool) -> None:
    world = World()
    world.new_fired("a")
    (first,) = world.actions_due()
    world.receiver.answers.append(GONE)
    with pytest.raises(Crash):
        replace(world.run, dead_letters=crashing(world.dead_letters, "put", after=after))(first)
    world.clock.advance(ACTION_VISIBILITY_MS)
    world.run(first)
    assert len(world.dead_letters.letters) == 1
    assert world.receiver.deliveries == ["a#1"]


def test_twins_of_a_message_write_one_outcome() -> None:
    world = World()
    timer = world.new_fired("a", "b", maxAttempts=2)
    (first,) = world.actions_due()

    def twin_comes_first() -> int:
        world.run(first)
        world.clock.advance(10)
        return 200

    world.receiver.answers.append(twin_comes_first)
    world.run(first)
    assert world.receiver.deliveries == ["a#1", "a#1"]
    assert world.now(timer).actions[0].tries == 1
    assert world.action_queue.messages == [message(timer, "b")]


def test_a_message_that_came_back_sends_what_its_failed_self_wrote_meanwhile() -> None:
    world = World()
    timer = world.new_fired("a", maxAttempts=2)
    (first,) = world.actions_due()
    failing = replace(world.run, action_queue=crashing(world.action_queue, "send"))

    def earlier_delivery_ends_first() -> int:
        with pytest.raises(Crash):
            failing(first)
        world.clock.advance(10)
        raise BUSY

    world.receiver.answers += [earlier_delivery_ends_first, BUSY]
    world.run(first, again=True)
    assert world.now(timer).actions[0].tries == 1
    assert world.action_queue.messages == [message(timer, attempt=2)]


def test_parallel_actions_completing_settle_exactly_once() -> None:
    world = World()
    timer = world.new_fired("a", "b", "c", concurrency=3)
    first, second, third = world.actions_due()
    # Each of them reads the timer before any of the others has written.
    world.receiver.answers += [
        lambda: [world.run(second), 200][1],
        lambda: [world.run(third), 200][1],
        200,
    ]
    world.run(first)
    ended = world.now(timer)
    assert ended.status is Status.SETTLED
    assert [moment.event for moment in ended.timeline] == ["created", "fired", "settled"]
    assert ended.version == 5
    assert all(state.tries == 1 for state in ended.actions)


def test_a_message_newer_than_the_timer_is_retried() -> None:
    world = World()
    timer = world.new_fired("a", "b")
    for early in (message(timer, attempt=2), message(timer, "b"), message(timer, "b", 2)):
        with pytest.raises(UnknownHintError):
            world.run(early)
    assert world.receiver.requests == []


def test_a_message_before_the_firing_is_visible_is_retried() -> None:
    world = World()
    timer = world.new("a")
    with pytest.raises(UnknownHintError):
        world.run(message(timer))
    with pytest.raises(UnknownHintError):
        world.run(ActionMessage("demo", "not-yet", "a", 1))


def test_messages_of_actions_that_are_over_or_never_were_do_nothing() -> None:
    world = World()
    settled = world.new_fired("a")
    world.run(*world.actions_due())
    story = world.now(settled)
    for over in (message(settled), message(settled, "stranger"), message(settled, attempt=0)):
        world.run(over)
    cancelled = world.new("a")
    world.cancel_it(cancelled)
    world.run(message(cancelled))
    assert world.now(settled) == story
    assert len(world.receiver.requests) == 1


def test_a_next_attempt_that_cannot_be_sent_comes_back_and_is_healed_by_the_sweep() -> None:
    world = World()
    timer = world.new_fired("a", maxAttempts=2)
    world.receiver.answers.append(BUSY)
    world.action_queue.refuses = lambda next_one: next_one.attempt == 2
    with pytest.raises(DependencyUnavailableError):
        world.run(*world.actions_due())
    world.action_queue.refuses = lambda _: False
    next_at_ms = world.now(timer).actions[0].next_attempt_at_ms
    assert next_at_ms is not None
    world.clock.advance_to(next_at_ms + REDISPATCH_AFTER_MS)
    assert world.sweep().repaired == {"unclosed": 1}
    world.run(*world.actions_due())
    assert world.receiver.deliveries == ["a#1", "a#2"]


def test_a_clock_that_was_set_back_does_not_reorder_the_story() -> None:
    world = World()
    timer = world.new_fired("a", "b")
    world.clock.advance(-10_000)
    world.run(*world.actions_due() or [message(timer)])
    (attempt,) = world.now(timer).actions[0].attempts
    assert attempt.ended_at_ms > DUE_MS
    assert world.now(timer).actions[1].dispatched_at_ms == attempt.ended_at_ms


def test_an_endless_error_text_is_cut() -> None:
    world = World()
    timer = world.new_fired("a")
    world.receiver.answers.append(PermanentActionError("x" * 10_000))
    world.run(*world.actions_due())
    error = world.now(timer).actions[0].attempts[0].error
    assert error == "x" * 200


def test_an_outcome_that_was_written_though_its_answer_was_lost_is_followed_up_at_once() -> None:
    world = World()
    timer = world.new_fired("a")
    (first,) = world.actions_due()
    world.receiver.answers.append(GONE)

    class Lossy(StreamedStore):
        """Writes, and says that somebody else did: what a lost answer and a sibling's write look like."""

        def __init__(self, store: StreamedStore) -> None:
            self.__dict__ = store.__dict__

        def replace(self, before: Timer, after: Timer) -> None:
            super().replace(before, after)
            raise VersionMismatchError("the version is another")

    replace(world.run, store=Lossy(world.store))(first)
    assert world.now(timer).status is Status.FAILED
    assert [letter.action_id for letter in world.dead_letters.letters] == ["a"]


def test_a_fault_of_ours_counts_as_an_attempt() -> None:
    world = World()
    timer = world.new_fired("a")
    (first,) = world.actions_due()

    def break_off() -> int:
        raise ZeroDivisionError("secret")

    world.receiver.answers.append(break_off)
    world.run(first)
    (attempt,) = world.now(timer).actions[0].attempts
    assert attempt.error == "the attempt broke off: ZeroDivisionError"
    assert world.now(timer).status is Status.FAILED
