from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from minoots_contract.changes import CancelTimerRequest
from minoots_kernel.application.fire_timer import FireOutcome
from minoots_kernel.domain.commands import Arm, Fire
from minoots_kernel.domain.errors import NotFoundError, StateConflictError
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import Status, Timer
from minoots_kernel.domain.transitions import apply
from tests.unit.application.world import DEMO, World, wake_up
from tests.unit.domain.builders import NOW_MS


@pytest.fixture
def threads_that_switch_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_a_cancelled_timer_is_stored_with_who_and_why() -> None:
    world = World()
    timer = world.new("a")
    cancelled = world.cancel_it(timer, "rain")
    assert world.now(timer) == cancelled
    assert (cancelled.status, cancelled.cancelled_by, cancelled.cancel_reason) == (Status.CANCELLED, "ann", "rain")


def test_a_second_cancel_keeps_the_first_reason_and_writes_nothing() -> None:
    world = World()
    timer = world.new()
    first = world.cancel_it(timer, "rain")
    writes = len(world.store.changes)
    assert world.cancel_it(timer, "snow") == first
    assert len(world.store.changes) == writes


def test_cancel_is_rejected_once_fired() -> None:
    world = World()
    timer = world.new_fired("a")
    with pytest.raises(StateConflictError):
        world.cancel_it(timer)
    assert world.now(timer) == timer


def test_another_tenants_timer_looks_like_none() -> None:
    world = World()
    timer = world.new()
    stranger = Principal("other", "eve")
    messages = set()
    for timer_id in (timer.id, "no-such-timer"):
        with pytest.raises(NotFoundError) as refused:
            world.change(stranger, timer_id, CancelTimerRequest(requested_by="eve"))
        messages.add(refused.value.detail.replace(timer_id, ""))
    assert len(messages) == 1
    assert world.now(timer) == timer


def test_a_cancel_racing_the_arming_rereads_and_still_cancels() -> None:
    world = World()
    timer = world.new(duration="1d")

    class ArmedMeanwhile:
        def get(self, key: object) -> Timer:
            return timer if len(world.store.changes) == 1 else world.now(timer)

        def replace(self, before: Timer, after: Timer) -> None:
            if len(world.store.changes) == 1:
                world.store.replace(timer, apply(timer, Arm(1), NOW_MS).timer)
            world.store.replace(before, after)

    cancel = replace(world.change, store=ArmedMeanwhile())  # type: ignore[arg-type]
    assert cancel(DEMO, timer.id, CancelTimerRequest(requested_by="ann")).status is Status.CANCELLED
    assert [moment.event for moment in world.now(timer).timeline] == ["created", "armed", "cancelled"]


def test_a_cancel_that_comes_second_by_a_hair_is_told() -> None:
    world = World()
    timer = world.new("a")
    fired = apply(timer, Fire(1), timer.fire_at_ms).timer

    class FiredMeanwhile:
        def get(self, key: object) -> Timer:
            return timer if len(world.store.changes) == 1 else world.now(timer)

        def replace(self, before: Timer, after: Timer) -> None:
            world.store.replace(timer, fired)
            world.store.replace(before, after)

    with pytest.raises(StateConflictError):
        replace(world.change, store=FiredMeanwhile())(  # type: ignore[arg-type]
            DEMO, timer.id, CancelTimerRequest(requested_by="ann")
        )
    assert world.now(timer) == fired


@pytest.mark.usefixtures("threads_that_switch_often")
def test_of_a_hundred_cancels_against_as_many_firings_exactly_one_wins_each_time_and_the_loser_is_told() -> None:
    world = World()
    timers = [world.new("a") for _ in range(100)]
    world.clock.advance_to(timers[0].fire_at_ms)

    def cancel(timer: Timer, start: Barrier) -> bool:
        start.wait(30)
        try:
            return world.cancel_it(timer).status is Status.CANCELLED
        except StateConflictError:
            return False

    def fire(timer: Timer, start: Barrier) -> bool:
        start.wait(30)
        return world.fire(wake_up(timer)) is FireOutcome.FIRED

    with ThreadPoolExecutor(3) as pool:
        for timer in timers:
            start = Barrier(3)
            told = [pool.submit(one, timer, start) for one in (cancel, fire, fire)]
            cancelled, *fires = [one.result(30) for one in told]
            ended = world.now(timer)
            assert [cancelled, *fires].count(True) == 1
            assert ended.status is (Status.CANCELLED if cancelled else Status.FIRED)
            assert ended.version == 2
    fired = [timer.id for timer in timers if world.now(timer).status is Status.FIRED]
    assert sorted(message.timer_id for message in world.action_queue.messages) == fired


@pytest.mark.usefixtures("threads_that_switch_often")
def test_twenty_actions_that_end_at_the_same_moment_settle_their_timer_once() -> None:
    world = World()
    timer = world.new_fired(*(f"a{n}" for n in range(20)), concurrency=20)
    start = Barrier(20)
    world.receiver.answers += [lambda: [start.wait(30), 200][1]] * 20
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(world.run, world.actions_due()))
    ended = world.now(timer)
    assert ended.status is Status.SETTLED
    assert [moment.event for moment in ended.timeline] == ["created", "fired", "settled"]
    assert ended.version == 22
