from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from minoots_contract.instants import MAX_INSTANT_MS
from minoots_kernel.domain.commands import Arm, Cancel, Change, Extend, Fire, FireNow, Pause, Reschedule, Resume, Snooze
from minoots_kernel.domain.due_times import CHECK_AFTER_MS
from minoots_kernel.domain.errors import InvalidTimerError, StaleHintError, StateConflictError
from minoots_kernel.domain.timer import Moment, Status, Timer
from minoots_kernel.domain.transitions import apply
from tests.unit.domain.builders import NOW_MS, after, fired, outcome, scheduled

DUE_MS = NOW_MS + 30_000
LATER_MS = NOW_MS + 10_000
CHANGES: dict[str, tuple[Change, str, int]] = {
    "extend": (Extend("ann", "rain", by_ms=5_000), "extended", DUE_MS + 5_000),
    "reschedule to an instant": (Reschedule("ann", "rain", fire_at_ms=NOW_MS + 15_000), "rescheduled", NOW_MS + 15_000),
    "reschedule by a duration": (Reschedule("ann", "rain", duration_ms=7_000), "rescheduled", LATER_MS + 7_000),
    "snooze": (Snooze("ann", "rain", duration_ms=60_000), "snoozed", LATER_MS + 60_000),
    "fire": (FireNow("ann", "rain"), "fire_requested", LATER_MS),
}
EVERY: dict[str, Change] = {name: change for name, (change, _, _) in CHANGES.items()} | {
    "pause": Pause("ann"),
    "resume": Resume("ann"),
    "cancel": Cancel("ann"),
}


def armed(*ids: str, **changes: Any) -> Timer:
    return after(scheduled(*ids, **changes), (Arm(1), NOW_MS + 1))


def paused(**changes: Any) -> Timer:
    return after(armed(**changes), (Pause("ann", "lunch"), LATER_MS))


@pytest.mark.parametrize(("change", "event", "due_ms"), CHANGES.values(), ids=CHANGES.keys())
def test_a_due_time_that_moves_has_to_be_armed_afresh_and_leaves_every_wake_up_under_way_stale(
    change: Change, event: str, due_ms: int
) -> None:
    before = armed("a")
    timer = apply(before, change, LATER_MS).timer
    assert (timer.fire_at_ms, timer.status, timer.armed_at_ms) == (due_ms, Status.SCHEDULED, None)
    assert (timer.generation, timer.version) == (before.generation + 1, before.version + 1)
    assert timer.next_check_at_ms == due_ms + CHECK_AFTER_MS
    assert timer.timeline[-1] == Moment(event, LATER_MS, 3, "ann", "rain")
    with pytest.raises(StaleHintError):
        apply(timer, Fire(1), DUE_MS + 99_000)
    assert apply(timer, Fire(2), due_ms).timer.lateness_ms == 0


def test_a_due_time_that_has_passed_and_is_extended_into_the_past_is_looked_at_soon() -> None:
    timer = apply(scheduled(), Extend("ann", by_ms=1_000), DUE_MS + 60_000).timer
    assert timer.fire_at_ms == DUE_MS + 1_000
    assert timer.next_check_at_ms == DUE_MS + 60_000 + CHECK_AFTER_MS


def test_a_snooze_never_makes_a_timer_due_sooner() -> None:
    timer = scheduled()
    assert apply(timer, Snooze("ann", duration_ms=29_999), NOW_MS).timer is timer
    assert apply(timer, Snooze("ann", duration_ms=30_001), NOW_MS).timer.fire_at_ms == DUE_MS + 1


def test_a_timer_rescheduled_to_where_it_is_stays_as_it_is() -> None:
    for timer in (scheduled(), paused()):
        assert apply(timer, Reschedule("ann", fire_at_ms=DUE_MS), LATER_MS).timer is timer


@pytest.mark.parametrize("at_ms", [LATER_MS, LATER_MS - 1, 0, -1])
def test_a_timer_is_not_rescheduled_into_the_past(at_ms: int) -> None:
    with pytest.raises(InvalidTimerError) as refused:
        apply(scheduled(), Reschedule("ann", fire_at_ms=at_ms), LATER_MS)
    assert [field for field, _ in refused.value.fields] == ["fireAt"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (Extend("ann", by_ms=MAX_INSTANT_MS), "by"),
        (Reschedule("ann", duration_ms=MAX_INSTANT_MS), "duration"),
        (Reschedule("ann", fire_at_ms=MAX_INSTANT_MS + 1), "fireAt"),
        (Snooze("ann", duration_ms=MAX_INSTANT_MS), "duration"),
    ],
)
def test_no_change_leads_past_the_calendar(change: Change, field: str) -> None:
    for timer in (scheduled(), paused()):
        with pytest.raises(InvalidTimerError) as refused:
            apply(timer, change, LATER_MS)
        assert [name for name, _ in refused.value.fields] == [field]


def test_what_was_left_of_a_long_time_cannot_begin_again_past_the_calendar() -> None:
    timer = replace(paused(), remaining_ms=MAX_INSTANT_MS - NOW_MS)
    with pytest.raises(InvalidTimerError) as refused:
        apply(timer, Resume("ann"), NOW_MS + 1)
    assert [name for name, _ in refused.value.fields] == ["keep"]


def test_a_paused_timer_keeps_what_it_has_left_and_nothing_wakes_it() -> None:
    timer = paused()
    assert (timer.status, timer.paused_at_ms, timer.remaining_ms) == (Status.PAUSED, LATER_MS, 20_000)
    assert (timer.fire_at_ms, timer.next_check_at_ms, timer.armed_at_ms) == (DUE_MS, None, None)
    assert timer.timeline[-1] == Moment("paused", LATER_MS, 3, "ann", "lunch")
    with pytest.raises(StaleHintError, match="paused"):
        apply(timer, Fire(timer.generation), DUE_MS)
    assert apply(timer, Pause("bob"), DUE_MS).timer is timer


def test_a_timer_paused_after_its_time_has_nothing_left() -> None:
    assert after(scheduled(), (Pause("ann"), DUE_MS + 5)).remaining_ms == 0


@pytest.mark.parametrize(("keep_due_time", "due_ms"), [(False, NOW_MS + 520_000), (True, DUE_MS)])
def test_a_resumed_timer_has_the_time_it_had_left_or_the_due_time_it_had(keep_due_time: bool, due_ms: int) -> None:
    now_ms = NOW_MS + 500_000
    timer = apply(paused(), Resume("ann", keep_due_time=keep_due_time), now_ms).timer
    assert (timer.fire_at_ms, timer.status) == (due_ms, Status.SCHEDULED)
    assert (timer.paused_at_ms, timer.remaining_ms) == (None, None)
    assert timer.next_check_at_ms == max(due_ms, now_ms) + CHECK_AFTER_MS
    assert timer.generation == 3


@pytest.mark.parametrize(
    ("change", "due_ms", "left_ms"),
    [
        (Extend("ann", by_ms=5_000), DUE_MS + 5_000, 25_000),
        (Reschedule("ann", fire_at_ms=DUE_MS + 99_000), DUE_MS + 99_000, 74_000),
        (Reschedule("ann", duration_ms=8_000), DUE_MS + 33_000, 8_000),
        (Snooze("ann", duration_ms=40_000), DUE_MS + 65_000, 40_000),
        (Snooze("ann", duration_ms=1_000), DUE_MS + 26_000, 20_000),
    ],
)
def test_a_paused_timer_that_is_moved_stays_paused(change: Change, due_ms: int, left_ms: int) -> None:
    before = paused()
    timer = apply(before, change, DUE_MS + 25_000).timer
    assert (timer.fire_at_ms, timer.remaining_ms, timer.status) == (due_ms, left_ms, Status.PAUSED)
    assert (timer.paused_at_ms, timer.next_check_at_ms) == (LATER_MS, None)
    assert timer.generation == before.generation + 1


def test_a_paused_timer_can_be_fired_and_cancelled() -> None:
    due = apply(paused(), FireNow("ann"), DUE_MS + 7).timer
    assert (due.status, due.fire_at_ms, due.remaining_ms) == (Status.SCHEDULED, DUE_MS + 7, None)
    assert apply(paused(), Cancel("ann"), DUE_MS).timer.status is Status.CANCELLED


@pytest.mark.parametrize("name", sorted(set(EVERY) - {"fire"}))
def test_a_timer_that_has_fired_refuses_every_change_and_says_what_it_is(name: str) -> None:
    settled = after(fired("a"), (outcome("a", 1, DUE_MS), DUE_MS))
    for timer in (fired("a"), settled):
        with pytest.raises(StateConflictError, match=f"the timer is {timer.status}: only a timer that"):
            apply(timer, EVERY[name], DUE_MS)


def test_a_timer_that_has_fired_or_is_about_to_is_not_fired_again() -> None:
    for timer in (fired("a"), after(fired("a"), (outcome("a", 1, DUE_MS), DUE_MS)), scheduled("a"), armed("a")):
        assert apply(timer, FireNow("ann"), DUE_MS).timer is timer


@pytest.mark.parametrize("name", sorted(set(EVERY) - {"cancel"}))
def test_a_cancelled_timer_refuses_every_change(name: str) -> None:
    with pytest.raises(StateConflictError, match="the timer is cancelled"):
        apply(after(scheduled(), (Cancel("ann"), NOW_MS)), EVERY[name], NOW_MS + 1)


def test_only_a_paused_timer_is_resumed() -> None:
    for timer in (scheduled(), armed()):
        with pytest.raises(StateConflictError, match=f"the timer is {timer.status}: only a timer that is paused"):
            apply(timer, Resume("ann"), NOW_MS)
