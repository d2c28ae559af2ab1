from __future__ import annotations

from dataclasses import replace

import pytest

from minoots_kernel.application.arm_timers import DisarmTimer
from minoots_kernel.application.hints import send_wake_ups
from minoots_kernel.domain.errors import DependencyUnavailableError
from minoots_kernel.domain.messages import WakeUp
from minoots_kernel.domain.timer import Status
from minoots_kernel.domain.waking import FarLeg, choose_leg
from tests.unit.application.world import Crash, World, crashing, wake_up
from tests.unit.domain.builders import NOW_MS

DOWN = DependencyUnavailableError("no answer")


def test_a_near_timer_costs_one_message_and_no_write() -> None:
    world = World()
    timer = world.new(duration="60s")
    assert world.arm([wake_up(timer)]) == {}
    assert [(sent.message, sent.due_at_ms) for sent in world.wake_queue.sent] == [(wake_up(timer), NOW_MS + 59_000)]
    assert world.now(timer) == timer


def test_a_far_timer_is_scheduled_and_says_so() -> None:
    world = World()
    timer = world.new(duration="1d")
    assert world.arm([wake_up(timer)]) == {}
    leg = choose_leg(wake_up(timer), NOW_MS)
    assert isinstance(leg, FarLeg)
    (schedule,) = world.schedules.schedules.values()
    assert (schedule.wake_up, schedule.at_ms) == (wake_up(timer), leg.at_ms)
    assert (world.now(timer).status, world.now(timer).armed_at_ms) == (Status.ARMED, NOW_MS)
    assert world.wake_queue.sent == []


def test_the_leg_is_chosen_from_what_is_left_when_it_is_armed() -> None:
    world = World()
    timer = world.new(duration="1h")
    world.clock.advance(3_590_000)
    world.arm([wake_up(timer)])
    assert world.schedules.schedules == {}
    assert [sent.due_at_ms - NOW_MS for sent in world.wake_queue.sent] == [3_599_000]


def test_arming_twice_is_harmless() -> None:
    world = World()
    timer = world.new(duration="1d")
    world.arm([wake_up(timer)])
    armed = world.now(timer)
    assert world.arm([wake_up(timer)]) == {}
    assert world.now(timer) == armed
    assert len(world.schedules.schedules) == 1


def test_a_crash_before_the_schedule_leaves_the_timer_to_be_armed_again() -> None:
    world = World()
    timer = world.new(duration="1d")
    with pytest.raises(Crash):
        replace(world.arm, schedules=crashing(world.schedules, "put"))([wake_up(timer)])
    assert world.now(timer).status is Status.SCHEDULED


def test_a_crash_between_the_schedule_and_the_write_leaves_a_schedule_and_no_lie() -> None:
    world = World()
    timer = world.new(duration="1d")
    with pytest.raises(Crash):
        replace(world.arm, store=crashing(world.store, "replace"))([wake_up(timer)])
    assert len(world.schedules.schedules) == 1
    assert world.now(timer).status is Status.SCHEDULED
    assert world.arm([wake_up(timer)]) == {}
    assert world.now(timer).status is Status.ARMED
    assert len(world.schedules.schedules) == 1


@pytest.mark.parametrize("hint", [{"generation": 2}, {"generation": 0}])
def test_a_timer_that_changed_its_mind_is_not_scheduled_for_an_old_generation(hint: dict[str, int]) -> None:
    world = World()
    timer = world.new(duration="1d")
    assert world.arm([wake_up(timer, **hint)]) == {}
    assert world.schedules.schedules == {}


def test_a_cancelled_or_unknown_timer_is_not_scheduled() -> None:
    world = World()
    timer = world.new(duration="1d")
    world.cancel_it(timer)
    assert world.arm([wake_up(timer), WakeUp("demo", "nobody", 1, NOW_MS + 10**9)]) == {}
    assert world.schedules.schedules == {}


def test_a_cancel_between_the_read_and_the_write_leaves_only_a_schedule_that_will_die() -> None:
    world = World()
    timer = world.new(duration="1d")
    before = world.schedules.put

    def cancel_then_put(hint: WakeUp, at_ms: int) -> None:
        world.cancel_it(timer)
        before(hint, at_ms)

    world.schedules.put = cancel_then_put  # type: ignore[method-assign]
    assert world.arm([wake_up(timer)]) == {}
    assert world.now(timer).status is Status.CANCELLED


def test_what_the_queue_refuses_is_told_and_the_rest_is_sent() -> None:
    world = World()
    timers = [world.new(duration="60s") for _ in range(3)]
    world.wake_queue.refuses = lambda hint: hint.timer_id == timers[1].id
    failed = world.arm([wake_up(timer) for timer in timers])
    assert list(failed) == [wake_up(timers[1])]
    assert [hint.timer_id for hint in world.wake_queue.messages] == [timers[0].id, timers[2].id]


def test_one_schedule_that_fails_keeps_no_other_timer_from_its_own() -> None:
    world = World()
    timers = [world.new(duration=duration) for duration in ("1d", "1d", "60s")]
    broken = replace(world.arm, schedules=crashing(world.schedules, "put", error=DOWN))
    failed = broken([wake_up(timer) for timer in timers])
    assert failed == {wake_up(timers[0]): "no answer"}
    assert [world.now(timer).status.value for timer in timers] == ["scheduled", "armed", "scheduled"]
    assert [hint.timer_id for hint in world.wake_queue.messages] == [timers[2].id]


def test_a_queue_that_does_not_answer_fails_every_near_timer_and_no_far_one() -> None:
    world = World()
    timers = [world.new(duration=duration) for duration in ("1d", "60s", "61s")]
    broken = replace(world.arm, wake_queue=crashing(world.wake_queue, "send", error=DOWN))
    failed = broken([wake_up(timer) for timer in timers])
    assert failed == {wake_up(timer): "no answer" for timer in timers[1:]}
    assert world.now(timers[0]).status is Status.ARMED


def test_disarming_removes_the_schedule_and_may_be_done_twice() -> None:
    world = World()
    timer = world.new(duration="1d")
    world.arm([wake_up(timer)])
    for _ in range(2):
        DisarmTimer(world.schedules)(wake_up(timer))
        assert world.schedules.schedules == {}


def test_wake_ups_take_their_legs_and_those_that_could_not_be_sent_are_told() -> None:
    world = World()
    near, far = wake_up(world.new(duration="60s")), wake_up(world.new(duration="1d"))
    assert send_wake_ups([near, far], world.wake_queue, world.schedules, NOW_MS) == {}
    assert world.wake_queue.messages == [near]
    assert [schedule.wake_up for schedule in world.schedules.schedules.values()] == [far]
    world.wake_queue.refuses = lambda _: True
    assert set(send_wake_ups([near, far], world.wake_queue, world.schedules, NOW_MS)) == {near}
    down = crashing(world.schedules, "put", error=DOWN)
    assert send_wake_ups([far], world.wake_queue, down, NOW_MS) == {far: "no answer"}
