from __future__ import annotations

from dataclasses import replace

import pytest

from minoots_kernel.domain.commands import (
    Arm,
    Cancel,
    Change,
    Extend,
    Fire,
    FireNow,
    Pause,
    Reschedule,
    Resume,
    Rewake,
    Snooze,
)
from minoots_kernel.domain.dispatch import wake_up_for
from minoots_kernel.domain.errors import NotDueError, StaleHintError, UnknownHintError
from minoots_kernel.domain.heartbeats import beaten
from minoots_kernel.domain.messages import WakeUp
from minoots_kernel.domain.timer import Status, Timer
from minoots_kernel.domain.transitions import apply
from tests.unit.domain.builders import NOW_MS, after, fired, scheduled

DUE_MS = NOW_MS + 30_000


def watched(*ids: str) -> Timer:
    return scheduled(*ids, heartbeat=True)


def beat(timer: Timer, now_ms: int) -> Timer:
    pushed = beaten(timer, now_ms)
    assert pushed is not None
    return pushed


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.ARMED])
def test_a_beat_makes_the_timer_due_a_whole_timeout_later_and_touches_nothing_else(status: Status) -> None:
    timer = replace(watched("a"), status=status)
    pushed = beat(timer, NOW_MS + 12_345)
    assert pushed == replace(timer, fire_at_ms=DUE_MS + 12_345, beat_at_ms=NOW_MS + 12_345, beats=1, version=2)


@pytest.mark.parametrize("at_ms", [NOW_MS, NOW_MS - 1])
def test_a_beat_that_is_no_later_than_the_last_changes_nothing(at_ms: int) -> None:
    assert beaten(watched(), at_ms) is None


@pytest.mark.parametrize(
    "timer",
    [
        scheduled(),
        fired("a"),
        after(watched(), (Pause("ann"), NOW_MS + 1)),
        after(watched(), (Cancel("ann"), NOW_MS + 1)),
        after(watched("a"), (Fire(1), DUE_MS)),
        after(watched(), (Fire(1), DUE_MS)),
    ],
)
def test_only_a_timer_that_waits_for_a_heartbeat_is_beaten(timer: Timer) -> None:
    assert beaten(timer, DUE_MS + 5) is None


def test_a_wake_up_of_a_beaten_timer_comes_too_early_and_is_not_stale() -> None:
    timer = beat(watched(), NOW_MS + 5_000)
    with pytest.raises(NotDueError):
        apply(timer, Fire(1), DUE_MS)
    assert apply(timer, Fire(1), DUE_MS + 5_000).timer.lateness_ms == 0


@pytest.mark.parametrize(
    "change",
    [
        Extend("ann", by_ms=60_000),
        Snooze("ann", duration_ms=120_000),
        Reschedule("ann", duration_ms=90_000),
        Reschedule("ann", duration_ms=5_000),
    ],
)
def test_a_beat_never_makes_a_timer_due_sooner_than_somebody_wanted_it(change: Change) -> None:
    timer = apply(beat(watched(), NOW_MS + 1_000), change, NOW_MS + 2_000).timer
    assert timer.beat_at_ms == timer.fire_at_ms - 30_000
    assert (timer.timeout_ms, timer.beats, timer.lap) == (30_000, 1, 0)
    for at_ms in range(NOW_MS + 2_001, NOW_MS + 150_000, 10_000):
        pushed = beaten(timer, at_ms)
        assert pushed is None or pushed.fire_at_ms > timer.fire_at_ms


def test_a_resumed_heartbeat_timer_waits_on_with_what_it_had_left() -> None:
    timer = after(beat(watched(), NOW_MS + 1_000), (Pause("ann"), NOW_MS + 11_000), (Resume("ann"), NOW_MS + 900_000))
    assert (timer.fire_at_ms, timer.beat_at_ms) == (NOW_MS + 920_000, NOW_MS + 890_000)
    assert beat(timer, NOW_MS + 900_001).fire_at_ms == NOW_MS + 930_001


def test_a_timer_that_is_to_fire_now_is_not_pushed_out_by_a_beat_that_comes_before_its_wake_up() -> None:
    for asked_ms in (NOW_MS + 2_000, NOW_MS + 40_000):  # before its time, and after it
        timer = apply(beat(watched(), NOW_MS + 1_000), FireNow("ann"), asked_ms).timer
        assert beaten(timer, asked_ms + 1) is None
        assert (timer.beats, timer.fire_at_ms) == (1, asked_ms)
        assert apply(timer, FireNow("ann"), asked_ms).timer is timer


def test_one_wake_up_of_each_lap_goes_on_and_its_duplicates_die() -> None:
    timer = beat(watched(), NOW_MS + 5_000)
    sent_on = apply(timer, Rewake(1, 0), DUE_MS).timer
    assert (sent_on.lap, sent_on.version, sent_on.timeline) == (1, 3, timer.timeline)
    assert wake_up_for(sent_on) == WakeUp("demo", "0190-t1", 1, DUE_MS + 5_000, lap=1)
    for rewake in (Rewake(1, 0), Rewake(0, 1)):
        with pytest.raises(StaleHintError):
            apply(sent_on, rewake, DUE_MS)
    with pytest.raises(StaleHintError):
        apply(after(sent_on, (Fire(1), DUE_MS + 5_000)), Rewake(1, 1), DUE_MS + 5_000)


def test_a_wake_up_of_a_lap_to_come_is_tried_again() -> None:
    with pytest.raises(UnknownHintError):
        apply(beat(watched(), NOW_MS + 5_000), Rewake(1, 1), DUE_MS)


def test_the_schedules_of_two_laps_do_not_share_a_name() -> None:
    timer = watched()
    names = [replace(wake_up_for(timer), timer_id="0" * 36, lap=lap).name for lap in (0, 1, 10**8)]
    assert len(set(names)) == 3
    assert names[0].endswith("-g1"), "as that of every other timer"
    assert max(map(len, names)) <= 64


def test_an_armed_timer_is_scheduled_again_in_its_first_lap_when_it_is_moved() -> None:
    timer = after(watched(), (Arm(1), NOW_MS), (Rewake(1, 0), DUE_MS), (Extend("ann", by_ms=5), DUE_MS))
    assert (timer.status, timer.generation, timer.lap) == (Status.SCHEDULED, 2, 0)
