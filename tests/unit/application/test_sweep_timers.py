from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from minoots_contract.changes import ExtendTimerRequest
from minoots_kernel.adapters.memory import VirtualClock
from minoots_kernel.application.ports import Delayed, Page, TimerKey
from minoots_kernel.domain.due_times import CHECK_AFTER_MS
from minoots_kernel.domain.errors import DependencyUnavailableError, TransientActionError
from minoots_kernel.domain.events import cloud_events
from minoots_kernel.domain.messages import ActionMessage, WakeUp
from minoots_kernel.domain.timer import Status, Timer
from minoots_kernel.domain.transitions import REDISPATCH_AFTER_MS
from tests.unit.application.world import DEMO, SWEEP_EVERY_MS, Crash, StreamedStore, World, crashing, wake_up
from tests.unit.domain.builders import NOW_MS

DUE_MS = NOW_MS + 30_000


def test_a_timer_that_nobody_armed_is_woken_by_the_sweep() -> None:
    world = World()
    timer = world.new()
    world.clock.advance_to(timer.fire_at_ms + CHECK_AFTER_MS)
    report = world.sweep()
    assert (report.checked, report.repaired, report.failed, report.complete) == (1, {"unfired": 1}, 0, True)
    assert world.wake_ups_due() == [wake_up(timer)]
    assert world.now(timer).next_check_at_ms == world.clock.now_ms() + CHECK_AFTER_MS
    assert world.now(timer).status is Status.SCHEDULED, "the sweep fires nothing itself"
    assert world.metrics.counts["SweepRepairs"] == 1


def test_a_repair_is_told_by_the_timer_by_a_metric_of_its_kind_and_by_an_event() -> None:
    world = World()
    timer = world.new()
    world.clock.advance_to(timer.fire_at_ms + CHECK_AFTER_MS)
    world.store.changes.clear()
    world.sweep()
    (change,) = world.store.changes
    ((moment, event),) = cloud_events(change)
    assert (moment.event, moment.note, event.type) == ("repaired", "unfired", "io.minoots.timer.repaired.v1")
    assert world.now(timer).timeline[-1] == moment
    assert world.metrics.counts["RepairedUnfired"] == 1


def test_a_far_timer_that_never_was_armed_is_told_from_one_whose_wake_up_was_lost() -> None:
    world = World()
    lost, unarmed = world.new(duration="2h"), world.new(duration="2h")
    world.arm([wake_up(lost)])
    world.schedules._schedules.clear()
    world.clock.advance_to(lost.fire_at_ms + CHECK_AFTER_MS)
    assert world.sweep().repaired == {"unfired": 1, "unarmed": 1}
    notes = [world.now(timer).timeline[-1].note for timer in (lost, unarmed)]
    assert notes == ["unfired", "unarmed"]


def test_an_attempt_that_never_closed_is_told_from_a_first_one_that_never_began() -> None:
    world = World()
    first, later = world.new_fired("a"), world.new_fired("a", maxAttempts=2)
    world.actions_due()
    world.receiver.answers.append(TransientActionError("busy", 503))
    world.run(ActionMessage("demo", later.id, "a", 1))
    world.clock.advance(REDISPATCH_AFTER_MS * 3)
    world.action_queue._sent.clear()
    assert world.sweep().repaired == {"undispatched": 1, "unclosed": 1}
    assert world.now(first).timeline[-1].note == "undispatched"


def test_a_timer_that_ended_by_the_hint_that_was_sent_for_it_still_tells_of_the_repair() -> None:
    world = World()
    timer = world.new()
    world.clock.advance_to(timer.fire_at_ms + CHECK_AFTER_MS)

    class FiredAtOnce:
        def send(self, batch: Sequence[Delayed[WakeUp]]) -> list[Delayed[WakeUp]]:
            for delayed in batch:
                world.fire(delayed.message)
            return []

    report = replace(world.sweep, wake_queue=FiredAtOnce())()
    ended = world.now(timer)
    assert (report.repaired, ended.status, ended.next_check_at_ms) == ({"unfired": 1}, Status.SETTLED, None)
    assert [moment.event for moment in ended.timeline] == ["created", "fired", "settled", "repaired"]


def test_a_repair_that_is_made_again_and_again_takes_one_line_of_the_story() -> None:
    world = World()
    timer = world.new()
    for _ in range(100):
        world.clock.advance(SWEEP_EVERY_MS)
        world.sweep()
    world.wake_ups_due()
    story = world.now(timer).timeline
    assert [moment.event for moment in story] == ["created", "repaired"]
    assert story[-1].version == world.now(timer).version


@pytest.mark.parametrize("phase_ms", range(0, SWEEP_EVERY_MS, 7_001))
@pytest.mark.parametrize(
    "wanted", [{"duration": "4s"}, {"duration": "10m"}, {"duration": "3h"}, {"duration": "30s", "heartbeat": True}]
)
def test_a_lost_wake_up_makes_a_timer_late_by_no_more_than_the_stated_bound(
    wanted: dict[str, Any], phase_ms: int
) -> None:
    world = World()
    world.play(NOW_MS + phase_ms)
    timer = world.new("a", **wanted)
    if "heartbeat" in wanted:
        world.play(world.clock.now_ms() + 20_000)
        timer = world.beat(DEMO, timer.id)
    world.play(timer.fire_at_ms - 2_000)
    for lost in (world.wake_queue._sent, world.schedules._schedules):
        lost.clear()
    world.store.changes.clear()
    world.play(timer.fire_at_ms + 10 * SWEEP_EVERY_MS)
    ended = world.now(timer)
    assert 0 < (ended.lateness_ms or 0) <= CHECK_AFTER_MS + SWEEP_EVERY_MS
    assert ended.status is Status.SETTLED
    assert sum(moment.event == "repaired" for moment in ended.timeline) == 1


class CountedStore(StreamedStore):
    """Counts what a sweep asks, and what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()

    def due_for_check(self, *place: Any, **named: Any) -> Page[TimerKey]:
        page = super().due_for_check(*place, **named)
        self.asked["pages"] += 1
        self.asked["keys"] += len(page.items)
        return page

    def get_many(self, keys: Sequence[TimerKey]) -> list[Timer]:
        self.asked["reads"] += len(keys)
        return super().get_many(keys)

    def replace(self, before: Timer, after: Timer) -> None:
        self.asked["writes"] += 1
        super().replace(before, after)


def test_what_a_sweep_costs_does_not_grow_with_the_timers_that_are_due_later() -> None:
    asked = []
    for far in (0, 2_000):
        world = World()
        store = CountedStore()
        for timer in [world.new(duration=f"{hours}h") for hours in range(2, far + 2)]:
            store.create(timer)
        for timer in [world.new() for _ in range(5)]:
            store.create(timer)
        world.clock.advance_to(DUE_MS + CHECK_AFTER_MS)
        assert replace(world.sweep, store=store)().repaired == {"unfired": 5}
        asked.append(store.asked)
    assert asked[0] == asked[1]
    assert asked[0] == {"pages": 8, "keys": 5, "reads": 5, "writes": 5}


class LongShard(StreamedStore):
    """A shard that never ends, beside seven that are short."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.clock, self.pages = clock, list[int]()

    def due_for_check(self, shard: int, *_: Any, **__: Any) -> Page[TimerKey]:
        self.clock.advance(1_000)
        self.pages.append(shard)
        return Page((), "on") if shard == 3 else Page(())


def test_a_shard_without_an_end_keeps_no_other_from_being_swept() -> None:
    world = World()
    store = LongShard(world.clock)
    report = replace(world.sweep, store=store)(world.clock.now_ms() + 40_000)
    assert not report.complete
    assert set(store.pages[:8]) == set(range(8))
    assert set(store.pages[8:]) == {3}


def test_a_sweep_with_little_time_begins_each_minute_with_another_shard() -> None:
    world = World()
    store = LongShard(world.clock)
    for _ in range(8):
        replace(world.sweep, store=store)(world.clock.now_ms() + 1)
        world.clock.advance(SWEEP_EVERY_MS - 1_000)
    assert sorted(store.pages) == list(range(8))


def test_what_is_on_its_way_is_left_alone() -> None:
    world = World()
    for duration in ("1s", "30s", "1d"):
        world.new("a", duration=duration)
    world.clock.advance(CHECK_AFTER_MS)
    assert world.sweep().checked == 0
    assert world.store.changes[3:] == []


def test_a_lost_action_message_is_sent_again_and_only_when_it_must_be_lost() -> None:
    world = World()
    timer = world.new_fired("a", "b", concurrency=2)
    world.actions_due()
    world.clock.advance_to(DUE_MS + CHECK_AFTER_MS)
    assert world.sweep().repaired == {}
    world.clock.advance_to(DUE_MS + CHECK_AFTER_MS + REDISPATCH_AFTER_MS)
    assert world.sweep().repaired == {"undispatched": 1}
    assert world.actions_due() == [ActionMessage("demo", timer.id, name, 1) for name in "ab"]
    assert world.sweep().checked == 0, "looked at again only later"


def test_a_lost_next_attempt_is_sent_again_after_its_time() -> None:
    world = World()
    timer = world.new_fired("a", maxAttempts=2)
    world.receiver.answers.append(TransientActionError("busy", 503, retry_after_ms=600_000))
    world.run(*world.actions_due())
    world.clock.advance_to(DUE_MS + 500_000)
    assert world.sweep().checked == 0
    world.clock.advance_to(DUE_MS + 601_000 + REDISPATCH_AFTER_MS)
    world.actions_due()
    assert world.sweep().repaired == {"unclosed": 1}
    assert world.actions_due() == [ActionMessage("demo", timer.id, "a", 2)]


def test_a_stale_index_repairs_nothing() -> None:
    class StaleIndex(StreamedStore):
        def due_for_check(self, shard: int, *_: object, **__: object) -> Page[TimerKey]:
            return Page(tuple(TimerKey(timer.tenant_id, timer.id) for timer in self.timers)) if shard == 0 else Page(())

    world = World()
    stale = StaleIndex()
    timer, gone = world.new("a"), world.new()
    for one in (timer, gone):
        stale.create(one)
    world.clock.advance_to(DUE_MS)
    world.fire(wake_up(gone))
    stale.replace(gone, world.now(gone))
    report = replace(world.sweep, store=stale)()
    assert (report.checked, report.repaired, report.failed) == (2, {}, 0)
    assert world.wake_queue.messages == []


def test_an_index_that_names_a_timer_that_is_gone_does_no_harm() -> None:
    class Forgetful(StreamedStore):
        def get_many(self, keys: Sequence[TimerKey]) -> list[Timer]:
            return []

    world = World()
    store = Forgetful()
    store.create(world.new())
    world.clock.advance_to(DUE_MS + CHECK_AFTER_MS)
    report = replace(world.sweep, store=store)()
    assert (report.checked, report.failed, report.repaired) == (1, 0, {})


def test_one_timer_that_cannot_be_repaired_does_not_keep_the_others_from_it() -> None:
    world = World()
    timers = [world.new() for _ in range(20)]
    world.wake_queue.refuses = lambda hint: hint.timer_id == timers[7].id
    world.clock.advance_to(DUE_MS + CHECK_AFTER_MS)
    report = world.sweep()
    assert (report.checked, report.failed, report.repaired) == (20, 1, {"unfired": 19})
    world.wake_queue.refuses = lambda _: False
    assert world.sweep().repaired == {"unfired": 1}


def test_many_timers_are_repaired_page_by_page() -> None:
    world = World()
    timers = [world.new(duration=1_000 + n % 7) for n in range(950)]
    world.wake_ups_due()
    world.clock.advance_to(DUE_MS + CHECK_AFTER_MS)
    world.wake_ups_due()
    report = world.sweep()
    assert report.repaired == {"unfired": 950}
    assert {hint.timer_id for hint in world.wake_ups_due()} == {timer.id for timer in timers}


def test_a_sweep_that_runs_out_of_time_says_so_and_the_next_goes_on() -> None:
    world = World()
    for _ in range(10):
        world.new()
    world.clock.advance_to(DUE_MS + CHECK_AFTER_MS)
    assert not world.sweep(world.clock.now_ms()).complete
    assert world.sweep(world.clock.now_ms() + 1).checked == 10


def test_a_look_at_a_timer_that_changed_meanwhile_leaves_the_time_of_the_next_look_alone() -> None:
    world = World()
    timer = world.new()
    world.clock.advance_to(DUE_MS + CHECK_AFTER_MS)

    class ChangedMeanwhile(StreamedStore):
        def get_many(self, keys: Sequence[TimerKey]) -> list[Timer]:
            found = world.store.get_many(keys)
            if found:
                world.change(DEMO, timer.id, ExtendTimerRequest(requested_by="ann", by=3_600_000))
            return found

        def __getattribute__(self, name: str) -> object:
            return object.__getattribute__(self, name) if name == "get_many" else getattr(world.store, name)

    assert replace(world.sweep, store=ChangedMeanwhile())().failed == 0
    assert world.now(timer).next_check_at_ms == DUE_MS + 3_600_000 + CHECK_AFTER_MS


@pytest.mark.parametrize("after", [False, True])
def test_a_sweep_that_crashes_between_its_repair_and_its_note_repairs_again(after: bool) -> None:
    world = World()
    timer = world.new()
    world.clock.advance_to(DUE_MS + CHECK_AFTER_MS)
    with pytest.raises(Crash):
        replace(world.sweep, wake_queue=crashing(world.wake_queue, "send", after=after))()
    world.wake_ups_due()
    assert world.sweep().repaired == {"unfired": 1}
    assert world.wake_ups_due() == [wake_up(timer)]


def test_a_page_that_cannot_be_read_is_left_to_the_next_sweep_and_keeps_no_other_from_it() -> None:
    world = World()
    timers = [world.new() for _ in range(40)]
    world.clock.advance_to(DUE_MS + CHECK_AFTER_MS)
    down = DependencyUnavailableError("no answer")
    report = replace(world.sweep, store=crashing(world.store, "get_many", error=down))()
    assert report.checked == len(timers)
    assert 0 < report.failed < len(timers)
    assert report.repaired == {"unfired": len(timers) - report.failed}
    assert world.sweep().repaired == {"unfired": report.failed}


def test_the_longer_an_attempt_is_overdue_the_longer_until_it_is_sent_again() -> None:
    world = World()
    world.new_fired("a")
    world.actions_due()
    looks = []
    for _ in range(60):
        world.clock.advance(15_000)
        if world.sweep().repaired:
            looks.append(world.clock.now_ms())
    gaps = [after - before for before, after in pairwise(looks)]
    assert len(looks) <= 6, "a queue that lags by a quarter of an hour is not filled with copies"
    assert gaps == sorted(gaps)


def test_a_rebuild_may_be_kept_to_a_stretch_of_time() -> None:
    world = World()
    timers = [world.new(duration=f"{n}h") for n in range(1, 6)]
    world.schedules._schedules.clear()
    first, last = (timers[n].next_check_at_ms or 0 for n in (1, 3))
    assert world.sweep.rebuild(since_ms=first, until_ms=last).repaired == {"rearmed": 3}
    scheduled = {schedule.wake_up.timer_id for schedule in world.schedules.schedules.values()}
    assert scheduled == {timer.id for timer in timers[1:4]}


def test_rebuilding_sends_every_hint_of_every_living_timer_afresh() -> None:
    world = World()
    waiting = world.new_fired("w", maxAttempts=2)
    world.receiver.answers.append(TransientActionError("busy", 503, retry_after_ms=7_200_000))
    world.run(*world.actions_due())
    near, far = world.new(duration="60s"), world.new(duration="1d")
    under_way = world.new_fired("a", "b")
    world.cancel_it(world.new())
    world.new_fired()
    for lost in (world.wake_queue, world.action_queue):
        lost._sent.clear()
    world.schedules._schedules.clear()
    before = {timer.id: timer for timer in world.store.timers}

    report = world.sweep.rebuild()
    assert report.repaired == {"rearmed": 2, "redispatched": 2}
    assert world.wake_queue.messages == [wake_up(near)]
    assert [schedule.wake_up for schedule in world.schedules.schedules.values()] == [wake_up(far)]
    assert {
        (sent.message.timer_id, sent.message.action_id, sent.message.attempt) for sent in world.action_queue.sent
    } == {
        (under_way.id, "a", 1),
        (waiting.id, "w", 2),
    }
    assert {timer.id: timer for timer in world.store.timers} == before, "rebuilding writes nothing"


def test_what_was_rebuilt_ends_as_if_nothing_had_been_lost() -> None:
    world = World()
    waiting = world.new_fired("w", maxAttempts=2)
    world.receiver.answers.append(TransientActionError("busy", 503, retry_after_ms=1_000_000))
    world.run(*world.actions_due())
    far = world.new("x", duration="1h")
    world.store.changes.clear()
    world.action_queue._sent.clear()
    world.schedules._schedules.clear()
    world.sweep.rebuild()
    world.play(far.fire_at_ms + 1_000)
    assert world.receiver.deliveries == ["w#1", "w#2", "x#1"]
    assert {world.now(timer).status for timer in (waiting, far)} == {Status.SETTLED}
    assert world.now(far).lateness_ms == 0
    assert world.receiver.requests[1][0] >= DUE_MS + 1_000_000
