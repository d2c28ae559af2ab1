from __future__ import annotations

from dataclasses import replace

import pytest

from minoots_contract.late_policy import LatePolicy
from minoots_kernel.domain.commands import (
    Arm,
    Cancel,
    Command,
    Discard,
    Extend,
    Fire,
    FireNow,
    Pause,
    Recheck,
    Redrive,
    Resume,
)
from minoots_kernel.domain.due_times import CHECK_AFTER_MS
from minoots_kernel.domain.errors import NotDueError, StaleHintError, StateConflictError, UnknownHintError
from minoots_kernel.domain.moves import MAX_TIMELINE, MOVES
from minoots_kernel.domain.timer import ActionStatus, Status, Timer
from minoots_kernel.domain.transitions import MAX_ATTEMPTS_KEPT, REDISPATCH_AFTER_MS, apply
from tests.unit.domain.builders import NOW_MS, after, fired, outcome, scheduled

DUE_MS = NOW_MS + 30_000


def in_status(status: Status) -> Timer:
    # What settled has a dead letter if its callback failed.
    callbacks = {"onSuccess": "cb"} if status is Status.SETTLED else {}
    timer = scheduled("a", maxAttempts=2, callbacks=callbacks)
    first_fired = (Fire(1), timer.fire_at_ms)
    lives: dict[Status, list[tuple[Command, int]]] = {
        Status.SCHEDULED: [],
        Status.ARMED: [(Arm(1), NOW_MS)],
        Status.FIRED: [first_fired],
        Status.SETTLED: [
            first_fired,
            (outcome("a", 1, DUE_MS), DUE_MS),
            (outcome("cb", 1, DUE_MS, "failed", permanent=True), DUE_MS),
        ],
        Status.FAILED: [first_fired, (outcome("a", 1, DUE_MS, "failed", permanent=True), DUE_MS)],
        Status.CANCELLED: [(Cancel("x"), NOW_MS)],
        Status.PAUSED: [(Pause("x"), NOW_MS)],
    }
    return after(timer, *lives[status])


def ends_of(timer: Timer) -> set[Status]:
    """Every status that any command, at any time, brings this timer to."""
    commands: list[Command] = [Arm(timer.generation), Fire(timer.generation), Cancel("x"), Recheck(1, DUE_MS)]
    commands += [Extend("x", by_ms=5), FireNow("x"), Pause("x"), Resume("x")]
    for name in ("a", "cb"):
        commands += [kind(action_id=name, death=0, requested_by="x") for kind in (Redrive, Discard)]
    commands += [outcome("a", n, DUE_MS) for n in (1, 2)]
    commands += [outcome("a", n, DUE_MS, "failed", permanent=p) for n in (1, 2) for p in (True, False)]
    bare = replace(timer, actions=(), spec=replace(timer.spec, bundle=None))
    reached = set()
    policies = (LatePolicy(mode="skip", after_ms=1), LatePolicy(mode="deadLetter", after_ms=1))
    for start in (timer, bare, *(replace(timer, late_policy=policy) for policy in policies)):
        for command in commands:
            for now_ms in (NOW_MS, DUE_MS + 60_000):
                try:
                    reached.add(apply(start, command, now_ms).timer.status)
                except (NotDueError, StaleHintError, StateConflictError, UnknownHintError):
                    continue
    return reached - {timer.status}


@pytest.mark.parametrize("status", list(Status))
def test_the_table_of_moves_names_every_move_that_commands_can_make_and_no_other(status: Status) -> None:
    assert in_status(status).status is status
    assert ends_of(in_status(status)) == MOVES[status] - {status}


def test_the_table_of_moves_is_total_and_lets_nothing_leave_an_end_but_what_is_redriven() -> None:
    assert set(MOVES) == set(Status)
    left = {status for status in Status if status.terminal and MOVES[status]}
    assert {status: MOVES[status] for status in left} == {
        status: {Status.FIRED} for status in (Status.FAILED, Status.SETTLED)
    }


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.ARMED])
def test_a_timer_fires_at_its_time_and_not_a_millisecond_before(status: Status) -> None:
    timer = in_status(status)
    with pytest.raises(NotDueError) as early:
        apply(timer, Fire(1), DUE_MS - 1)
    assert early.value.fire_at_ms == DUE_MS
    transition = apply(timer, Fire(1), DUE_MS)
    assert transition.timer.status is Status.FIRED
    assert transition.timer.lateness_ms == 0


def test_a_timer_with_no_action_fires_and_settles_in_one_write() -> None:
    transition = apply(scheduled(), Fire(1), DUE_MS + 7)
    timer = transition.timer
    assert [moment.event for moment in transition.events] == ["fired", "settled"]
    assert {moment.version for moment in transition.events} == {2}
    assert (timer.status, timer.fired_at_ms, timer.settled_at_ms) == (Status.SETTLED, DUE_MS + 7, DUE_MS + 7)
    assert timer.version == 2


@pytest.mark.parametrize("command", [Arm(0), Fire(0)])
def test_a_hint_of_an_older_generation_is_stale(command: Command) -> None:
    with pytest.raises(StaleHintError, match="generation 0 is over"):
        apply(scheduled(), command, DUE_MS)


@pytest.mark.parametrize("command", [Arm(2), Fire(2)])
def test_a_hint_of_a_newer_generation_is_not_known_yet(command: Command) -> None:
    with pytest.raises(UnknownHintError, match="not visible yet"):
        apply(scheduled(), command, DUE_MS)


def test_a_cancelled_timer_knows_who_and_why_and_its_wake_ups_are_stale() -> None:
    timer = after(in_status(Status.ARMED), (Cancel("ann", "rain"), NOW_MS + 5))
    assert (timer.cancelled_by, timer.cancel_reason, timer.cancelled_at_ms) == ("ann", "rain", NOW_MS + 5)
    assert timer.generation == 2
    with pytest.raises(StaleHintError):
        apply(timer, Fire(1), DUE_MS)


def test_a_second_cancel_changes_nothing_and_keeps_the_first_reason() -> None:
    timer = after(scheduled(), (Cancel("ann", "rain"), NOW_MS))
    transition = apply(timer, Cancel("bob", "snow"), NOW_MS + 1)
    assert transition.timer is timer
    assert transition.events == ()


@pytest.mark.parametrize("status", [Status.FIRED, Status.SETTLED, Status.FAILED])
def test_cancel_is_rejected_once_fired(status: Status) -> None:
    with pytest.raises(StateConflictError, match=f"the timer is {status}"):
        apply(in_status(status), Cancel("ann"), DUE_MS)


def test_firing_releases_as_many_actions_as_may_run_at_once() -> None:
    timer = fired("a", "b", "c", concurrency=2, late_ms=9)
    assert [state.status.value for state in timer.actions] == ["dispatched", "dispatched", "waiting"]
    assert [state.dispatched_at_ms for state in timer.actions] == [DUE_MS + 9, DUE_MS + 9, None]


@pytest.mark.parametrize("result", ["succeeded", "failed"])
def test_an_action_that_ends_releases_the_next_one(result: str) -> None:
    timer = fired("a", "b", "c", concurrency=2)
    transition = apply(timer, outcome("b", 1, DUE_MS + 5, result), DUE_MS + 5)  # type: ignore[arg-type]
    assert [state.id for state in transition.released] == ["c"]
    assert transition.timer.status is Status.FIRED


def test_a_failed_attempt_that_may_be_made_again_keeps_its_place() -> None:
    timer = fired("a", "b", maxAttempts=2)
    transition = apply(timer, outcome("a", 1, DUE_MS + 5, "failed", retry_after_ms=7_000), DUE_MS + 5)
    state = transition.timer.actions[0]
    assert (state.status, state.tries, state.next_attempt) == (ActionStatus.DISPATCHED, 1, 2)
    assert state.next_attempt_at_ms == DUE_MS + 7_005
    assert transition.released == []
    assert [moment.event for moment in transition.events] == ["attempt_failed"]


def test_a_permanent_failure_is_not_tried_again_whatever_the_policy_allows() -> None:
    timer = after(fired("a", maxAttempts=9), (outcome("a", 1, DUE_MS, "failed", permanent=True), DUE_MS))
    assert timer.actions[0].status is ActionStatus.FAILED
    assert timer.status is Status.FAILED


def test_a_failed_timer_says_which_action_failed_and_why_after_all_have_ended() -> None:
    timer = after(
        fired("a", "b", concurrency=2),
        (outcome("a", 1, DUE_MS, "failed"), DUE_MS),
        (outcome("b", 1, DUE_MS + 1), DUE_MS + 1),
    )
    assert timer.status is Status.FAILED
    assert timer.failure_reason == "1 of 2 actions failed; a: no luck"


@pytest.mark.parametrize("number", [0, 1, 3])
def test_only_the_attempt_that_is_due_can_end(number: int) -> None:
    timer = after(fired("a", maxAttempts=5), (outcome("a", 1, DUE_MS, "failed"), DUE_MS))
    with pytest.raises(StaleHintError):
        apply(timer, outcome("a", number, DUE_MS + 9), DUE_MS + 9)


@pytest.mark.parametrize("action_id", ["b", "stranger"])
def test_an_action_that_is_not_under_way_cannot_end(action_id: str) -> None:
    with pytest.raises(StaleHintError):
        apply(fired("a", "b"), outcome(action_id, 1, DUE_MS), DUE_MS)


def test_only_the_latest_attempts_are_kept_and_all_are_counted() -> None:
    timer = fired("a", maxAttempts=15)
    for number in range(1, 13):
        timer = after(timer, (outcome("a", number, DUE_MS + number, "failed"), DUE_MS + number))
    state = timer.actions[0]
    assert state.tries == 12
    assert [attempt.number for attempt in state.attempts] == list(range(13 - MAX_ATTEMPTS_KEPT, 13))


def test_a_long_story_keeps_its_beginning_and_its_latest_part() -> None:
    timer = fired("a", maxAttempts=100)
    for number in range(1, MAX_TIMELINE + 10):
        timer = after(timer, (outcome("a", number, DUE_MS + number, "failed"), DUE_MS + number))
    assert len(timer.timeline) == MAX_TIMELINE
    assert timer.timeline[0].event == "created"
    assert timer.timeline[-1].version == timer.version


def test_the_sweep_looks_soon_after_the_due_time() -> None:
    assert scheduled().next_check_at_ms == DUE_MS + CHECK_AFTER_MS


def test_firing_on_time_leaves_the_time_of_the_next_look_alone() -> None:
    assert fired("a", late_ms=100).next_check_at_ms == DUE_MS + CHECK_AFTER_MS


def test_firing_very_late_moves_the_next_look_into_the_future() -> None:
    late_ms = CHECK_AFTER_MS + 5
    assert fired("a", late_ms=late_ms).next_check_at_ms == DUE_MS + late_ms + REDISPATCH_AFTER_MS


def test_a_long_wait_for_the_next_attempt_moves_the_next_look_behind_it() -> None:
    wait = outcome("a", 1, DUE_MS, "failed", retry_after_ms=3_600_000)
    timer = after(fired("a", maxAttempts=2), (wait, DUE_MS))
    assert timer.next_check_at_ms == DUE_MS + 3_600_000 + REDISPATCH_AFTER_MS


def test_a_long_wait_of_one_action_does_not_hide_a_lost_sibling_from_the_sweep() -> None:
    wait = outcome("a", 1, DUE_MS, "failed", retry_after_ms=3_600_000)
    timer = after(fired("a", "b", concurrency=2, maxAttempts=2), (wait, DUE_MS))
    assert timer.next_check_at_ms is not None
    assert timer.next_check_at_ms <= DUE_MS + REDISPATCH_AFTER_MS


def test_an_action_released_during_a_long_wait_of_another_is_looked_at_in_time() -> None:
    timer = fired("a", "b", "c", concurrency=2, maxAttempts=2)
    wait, ends_ms = outcome("a", 1, DUE_MS, "failed", retry_after_ms=3_600_000), DUE_MS + 50_000
    timer = after(
        timer,
        (wait, DUE_MS),
        (Recheck(1, DUE_MS + 3_600_000), DUE_MS + 40_000),
        (outcome("b", 1, ends_ms), ends_ms),
    )
    assert timer.next_check_at_ms == ends_ms + REDISPATCH_AFTER_MS
