from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from minoots_kernel.adapters.memory import VirtualClock
from minoots_kernel.application.fire_timer import WAIT_OUT_MS, FireOutcome
from minoots_kernel.domain.commands import Arm, Cancel, Command, Recheck
from minoots_kernel.domain.errors import DependencyUnavailableError, UnknownHintError
from minoots_kernel.domain.messages import ActionMessage, WakeUp
from minoots_kernel.domain.timer import Status, Timer
from minoots_kernel.domain.transitions import REDISPATCH_AFTER_MS, apply
from tests.unit.application.world import WAKE_VISIBILITY_MS, Crash, HidingStore, StreamedStore, World, crashing, wake_up
from tests.unit.domain.builders import NOW_MS

DUE_MS = NOW_MS + 30_000


class RacingStore(StreamedStore):
    """A store in which another write always comes first, once for each of the commands given."""

    def __init__(self, store: StreamedStore, *rivals: Command) -> None:
        self.__dict__ = store.__dict__
        self.rivals = list(rivals)

    def replace(self, before: Timer, after: Timer) -> None:
        if self.rivals:
            super().replace(before, apply(before, self.rivals.pop(0), NOW_MS).timer)
        super().replace(before, after)


def due(*ids: str, **changes: Any) -> tuple[World, Timer]:
    world = World()
    timer = world.new(*ids, **changes)
    world.clock.advance_to(timer.fire_at_ms)
    return world, timer


def test_a_due_timer_fires_and_its_actions_are_sent() -> None:
    world, timer = due("a", "b", "c", concurrency=2)
    world.clock.advance(40)
    assert world.fire(wake_up(timer)) is FireOutcome.FIRED
    assert world.now(timer).lateness_ms == 40
    assert world.action_queue.messages == [ActionMessage("demo", timer.id, name, 1) for name in "ab"]
    assert world.metrics.counts["TimersFired"] == 1
    assert world.metrics.durations_ms["Lateness"] == [40]


def test_a_timer_with_no_action_fires_and_settles_in_the_same_write() -> None:
    world, timer = due()
    assert world.fire(wake_up(timer)) is FireOutcome.FIRED
    assert (world.now(timer).status, world.now(timer).version) == (Status.SETTLED, 2)
    assert world.action_queue.messages == []


@pytest.mark.parametrize(("left_ms", "delay_s"), [(WAIT_OUT_MS + 1, 1), (10_000, 9), (900_000, 899), (5_000_000, 900)])
def test_a_wake_up_that_comes_too_early_is_sent_again_with_what_is_left(left_ms: int, delay_s: int) -> None:
    world = World()
    timer = world.new(duration=left_ms)
    assert world.fire(wake_up(timer)) is FireOutcome.SENT_AGAIN
    sent = world.wake_queue.sent[-1]
    assert (sent.message, sent.due_at_ms) == (wake_up(timer), NOW_MS + delay_s * 1000)
    assert world.now(timer).status is Status.SCHEDULED


@pytest.mark.parametrize("left_ms", [1, 300, WAIT_OUT_MS])
def test_the_last_moments_are_waited_out_and_never_cut_short(left_ms: int) -> None:
    world = World()
    timer = world.new()
    world.clock.advance_to(timer.fire_at_ms - left_ms)
    assert world.fire(wake_up(timer)) is FireOutcome.FIRED
    assert world.now(timer).fired_at_ms == timer.fire_at_ms


def test_a_clock_that_wakes_too_soon_is_not_believed() -> None:
    class Sleepy(VirtualClock):
        def sleep_ms(self, duration_ms: int) -> None:
            self.advance(max(1, duration_ms // 2))

    world = World()
    timer = world.new()
    clock = Sleepy(timer.fire_at_ms - 1_000)
    assert replace(world.fire, clock=clock)(wake_up(timer)) is FireOutcome.FIRED
    assert world.now(timer).lateness_ms == 0


def test_a_due_time_that_moved_under_its_generation_is_carried_on_to_and_not_fired_early() -> None:
    world, timer = due()
    later = replace(world.now(timer), fire_at_ms=DUE_MS + 20_000, version=2)
    world.store.replace(timer, later)
    assert world.fire(wake_up(timer)) is FireOutcome.SENT_ON
    assert world.now(timer) == replace(later, lap=1, version=3)
    sent = world.wake_queue.sent[-1]
    assert (sent.message.due_at_ms, sent.due_at_ms, sent.message.lap) == (DUE_MS + 20_000, DUE_MS + 19_000, 1)


def test_a_duplicate_wake_up_fires_nothing_and_sends_nothing() -> None:
    world, timer = due("a")
    world.fire(wake_up(timer))
    fired = world.now(timer)
    world.clock.advance(1_000)
    assert world.fire(wake_up(timer)) is FireOutcome.DROPPED
    assert world.now(timer) == fired
    assert len(world.action_queue.messages) == 1


def test_a_wake_up_that_failed_after_the_firing_hands_over_at_once_when_it_comes_back() -> None:
    world, timer = due("a", "b", concurrency=1)
    world.action_queue.refuses = lambda _: True
    with pytest.raises(DependencyUnavailableError):
        world.fire(wake_up(timer))
    world.action_queue.refuses = lambda _: False
    world.clock.advance(2_000)
    assert world.fire(wake_up(timer), again=True) is FireOutcome.REDISPATCHED
    (message,) = world.actions_due()
    assert message.action_id == "a"
    world.run(message)
    assert world.fire(wake_up(timer), again=True) is FireOutcome.DROPPED, "what was tried since was handed over"


def test_a_stale_generation_dies() -> None:
    world, timer = due("a")
    world.cancel_it(timer)
    cancelled = world.now(timer)
    assert world.fire(wake_up(timer)) is FireOutcome.DROPPED
    assert world.now(timer) == cancelled
    assert world.action_queue.messages == []
    assert world.wake_queue.messages == []


def test_a_hint_newer_than_the_timer_is_retried() -> None:
    world, timer = due()
    with pytest.raises(UnknownHintError):
        world.fire(wake_up(timer, generation=2))
    assert world.now(timer) == timer


def test_a_hint_of_a_timer_that_is_not_visible_is_retried() -> None:
    with pytest.raises(UnknownHintError):
        World().fire(WakeUp("demo", "not-yet", 1, NOW_MS))


@pytest.mark.parametrize("rivals", [[Arm(1)], [Arm(1), Recheck(1, DUE_MS), Recheck(1, DUE_MS + 1)]])
def test_a_wake_up_racing_another_write_rereads_and_still_fires(rivals: list[Command]) -> None:
    world, timer = due("a")
    racing = RacingStore(world.store, *rivals)
    assert replace(world.fire, store=racing)(wake_up(timer)) is FireOutcome.FIRED
    assert world.now(timer).status is Status.FIRED
    assert world.now(timer).version == 2 + len(rivals)
    assert len(world.action_queue.messages) == 1


def test_a_firing_whose_answer_was_lost_and_that_another_write_hid_still_sends_its_actions() -> None:
    world, timer = due("a", "b", concurrency=2)

    def look_again() -> None:
        fired = world.now(timer)
        world.store.replace(fired, apply(fired, Recheck(1, DUE_MS + 60_000), DUE_MS).timer)

    fire = replace(world.fire, store=HidingStore(world.store, look_again))
    assert fire(wake_up(timer)) is FireOutcome.REDISPATCHED
    assert [message.action_id for message in world.action_queue.messages] == ["a", "b"]
    assert fire(wake_up(timer)) is FireOutcome.DROPPED, "a mere duplicate sends nothing"


def test_a_cancel_that_comes_first_by_a_hair_wins() -> None:
    world, timer = due("a")
    racing = RacingStore(world.store, Cancel("ann"))
    assert replace(world.fire, store=racing)(wake_up(timer)) is FireOutcome.DROPPED
    assert world.now(timer).status is Status.CANCELLED
    assert world.action_queue.messages == []


def test_a_crash_before_the_firing_is_healed_by_the_returning_wake_up() -> None:
    world, timer = due("a")
    with pytest.raises(Crash):
        replace(world.fire, store=crashing(world.store, "replace"))(wake_up(timer))
    world.clock.advance(WAKE_VISIBILITY_MS)
    assert world.fire(wake_up(timer)) is FireOutcome.FIRED


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_between_fire_and_sending_the_actions_is_healed_by_the_returning_wake_up(after: bool) -> None:
    world, timer = due("a", "b", concurrency=2)
    fire = replace(world.fire, action_queue=crashing(world.action_queue, "send", after=after))
    with pytest.raises(Crash):
        fire(wake_up(timer))
    world.actions_due()  # whatever was sent is lost as well
    world.clock.advance(WAKE_VISIBILITY_MS)
    assert world.fire(wake_up(timer)) is FireOutcome.REDISPATCHED
    assert [message.action_id for message in world.actions_due()] == ["a", "b"]
    assert sum(moment.event == "fired" for moment in world.now(timer).timeline) == 1


def test_a_crash_between_fire_and_sending_the_actions_is_healed_by_the_sweep() -> None:
    world, timer = due("a")
    with pytest.raises(Crash):
        replace(world.fire, action_queue=crashing(world.action_queue, "send"))(wake_up(timer))
    world.clock.advance(REDISPATCH_AFTER_MS)
    assert world.sweep().repaired == {"undispatched": 1}
    assert world.actions_due() == [ActionMessage("demo", timer.id, "a", 1)]


def test_actions_that_the_queue_refuses_are_sent_when_the_wake_up_returns() -> None:
    world, timer = due("a", "b", concurrency=2)
    world.action_queue.refuses = lambda message: message.action_id == "b"
    with pytest.raises(DependencyUnavailableError):
        world.fire(wake_up(timer))
    world.action_queue.refuses = lambda _: False
    (message,) = world.actions_due()
    world.run(message)
    world.clock.advance(WAKE_VISIBILITY_MS)
    assert world.fire(wake_up(timer)) is FireOutcome.REDISPATCHED
    assert [message.action_id for message in world.actions_due()] == ["b"]


def test_a_wake_up_that_cannot_be_sent_again_is_not_lost_silently() -> None:
    world = World()
    timer = world.new()
    world.wake_queue.refuses = lambda _: True
    with pytest.raises(DependencyUnavailableError):
        world.fire(wake_up(timer))


def test_the_wake_up_of_an_attempt_is_passed_on_at_its_time() -> None:
    world = World()
    hint = WakeUp("demo", "t1", 1, NOW_MS + 900, "a", 3)
    assert world.fire(hint) is FireOutcome.FORWARDED
    assert world.clock.now_ms() == NOW_MS + 900
    assert world.action_queue.messages == [ActionMessage("demo", "t1", "a", 3)]


def test_the_wake_up_of_an_attempt_that_comes_too_early_is_sent_again() -> None:
    world = World()
    hint = WakeUp("demo", "t1", 1, NOW_MS + 60_000, "a", 3)
    assert world.fire(hint) is FireOutcome.SENT_AGAIN
    assert world.wake_queue.messages == [hint]
    assert world.action_queue.messages == []
