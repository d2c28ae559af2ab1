from __future__ import annotations

from dataclasses import replace

import pytest

from minoots_contract.changes import ExtendTimerRequest, FireTimerRequest, PauseTimerRequest
from minoots_kernel.application.fire_timer import FireOutcome
from minoots_kernel.application.ports import TimerKey
from minoots_kernel.domain.due_times import CHECK_AFTER_MS
from minoots_kernel.domain.errors import DependencyUnavailableError, NotFoundError, StateConflictError
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import Status, Timer
from tests.unit.application.world import DEMO, SWEEP_EVERY_MS, Crash, Faults, HidingStore, World, crashing, wake_up
from tests.unit.domain.builders import NOW_MS

HOUR_MS = 3_600_000


def watched(world: World, duration: str = "30s", *ids: str) -> Timer:
    return world.new(*ids, duration=duration, heartbeat=True)


def beat_for(world: World, timer: Timer, times: int, every_ms: int) -> None:
    for _ in range(times):
        world.play(world.clock.now_ms() + every_ms - 1)
        world.beat(DEMO, timer.id)


def test_a_beat_is_one_write_and_no_read() -> None:
    faults = Faults()
    world = World(faults)
    timer = watched(world)
    world.clock.advance(5_000)
    before = len(faults.calls)
    pushed = world.beat(DEMO, timer.id)
    assert faults.calls[before:] == ["StreamedStore.beat"]
    assert pushed == world.now(timer)
    assert (pushed.fire_at_ms, pushed.beats) == (NOW_MS + 35_000, 1)


@pytest.mark.parametrize(
    ("timeout", "every_ms", "most_messages", "most_schedules"),
    # A wake-up for each lap, which is at least a timeout less the time between two beats.
    [
        ("3s", 1_000, 510, 0),
        ("30s", 5_000, 205, 0),
        ("10m", 60_000, 120, 60),
        ("1h", 300_000, 95, 95),
        ("1h", 5_000, 4, 4),
    ],
)
def test_a_timer_beaten_a_thousand_times_and_left_to_die_fires_once_on_time(
    timeout: str, every_ms: int, most_messages: int, most_schedules: int
) -> None:
    faults = Faults()
    world = World(faults)
    timer = watched(world, timeout, "a")
    beat_for(world, timer, 1_000, every_ms)
    assert world.now(timer).beats == 1_000
    assert world.receiver.requests == []
    world.play(world.clock.now_ms() + 2 * HOUR_MS)
    ended = world.now(timer)
    assert (ended.status, ended.lateness_ms) == (Status.SETTLED, 0)
    assert [moment.event for moment in ended.timeline if moment.event != "armed"] == ["created", "fired", "settled"]
    assert world.receiver.deliveries == ["a#1"]
    assert faults.calls.count("MemoryWakeQueue.send") <= most_messages
    assert faults.calls.count("MemoryWakeSchedules.put") <= most_schedules
    assert faults.calls.count("StreamedStore.get") <= most_messages + 4, "a beat reads nothing"
    assert world.schedules.schedules == {}
    assert world.metrics.counts["SweepRepairs"] == 0, "a timer that is beaten needs no repair"


@pytest.mark.parametrize("change", ["cancel", "pause", "extend"])
def test_a_timer_that_began_near_loses_the_schedule_of_its_lap_when_it_is_changed(change: str) -> None:
    world = World()
    timer = watched(world, "6m")
    while not world.schedules.schedules:  # the lead of some lap is short enough
        beat_for(world, timer, 1, 59_000)
    assert world.now(timer).status is Status.SCHEDULED
    assert world.now(timer).lap > 0
    if change == "cancel":
        world.cancel_it(timer)
    elif change == "pause":
        world.change(DEMO, timer.id, PauseTimerRequest(requested_by="ann"))
    else:
        world.change(DEMO, timer.id, ExtendTimerRequest(requested_by="ann", by=86_400_000))
    world.play(world.clock.now_ms())
    assert not any(schedule.wake_up.lap for schedule in world.schedules.schedules.values())


def test_a_beat_arms_nothing() -> None:
    world = World()
    timer = watched(world)
    world.play(NOW_MS + 1_000)
    sent = world.wake_queue.sent
    world.beat(DEMO, timer.id)
    world.play(world.clock.now_ms())
    assert world.wake_queue.sent == sent


def test_wake_ups_that_come_in_many_copies_do_not_multiply() -> None:
    world = World()
    timer = watched(world)
    world.wake_queue.send([])
    hints = [wake_up(timer)] * 8
    for _ in range(10):
        world.clock.advance_to(hints[0].due_at_ms - 1_000)
        world.beat(DEMO, timer.id)
        outcomes = [world.fire(hint) for hint in hints]
        assert outcomes.count(FireOutcome.SENT_ON) == 1
        assert outcomes.count(FireOutcome.DROPPED) == len(hints) - 1
        (sent,) = world.wake_queue.sent
        world.wake_queue._sent.clear()
        hints = [sent.message] * 8
        assert sent.message.due_at_ms == world.now(timer).fire_at_ms


def test_a_long_wait_is_sent_on_as_a_schedule_with_a_name_of_its_own() -> None:
    world = World()
    timer = watched(world, "6h")
    world.play(NOW_MS + 1_000)
    first = dict(world.schedules.schedules)
    beat_for(world, timer, 1, 5 * HOUR_MS)
    world.clock.advance_to(timer.fire_at_ms)
    assert world.fire(wake_up(timer)) is FireOutcome.SENT_ON
    (name,) = set(world.schedules.schedules) - set(first)
    assert name == f"{timer.id}-g1-l1"


def test_the_schedule_of_a_later_lap_goes_when_the_timer_is_cancelled() -> None:
    world = World()
    timer = watched(world, "6h")
    world.play(NOW_MS + 1_000)
    beat_for(world, timer, 1, 5 * HOUR_MS)
    world.play(timer.fire_at_ms + 1_000)
    assert list(world.schedules.schedules) == [f"{timer.id}-g1-l1"]
    world.cancel_it(timer)
    world.play(world.clock.now_ms() + 1_000)
    assert world.schedules.schedules == {}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", ["replace", "send"])
def test_a_wake_up_that_failed_while_it_was_sent_on_is_sent_on_when_it_comes_back(call: str, after: bool) -> None:
    world = World()
    timer = watched(world)
    world.clock.advance(20_000)
    world.beat(DEMO, timer.id)
    world.clock.advance_to(timer.fire_at_ms)
    port = {"replace": "store", "send": "wake_queue"}[call]
    with pytest.raises(Crash):
        replace(world.fire, **{port: crashing(getattr(world, port), call, after=after)})(wake_up(timer))
    sent = len(world.wake_queue.sent)
    assert world.fire(wake_up(timer), again=True) is FireOutcome.SENT_ON
    assert len(world.wake_queue.sent) == sent + 1
    assert {one.message for one in world.wake_queue.sent} == {wake_up(world.now(timer), lap=1)}
    world.play(timer.fire_at_ms + 60_000)
    assert (world.now(timer).lateness_ms, world.now(timer).status) == (0, Status.SETTLED)


def test_a_lap_that_was_counted_unheard_with_a_beat_on_top_is_still_given_its_wake_up() -> None:
    world = World()
    timer = watched(world)
    world.clock.advance(20_000)
    world.beat(DEMO, timer.id)
    world.clock.advance_to(timer.fire_at_ms)
    hiding = HidingStore(world.store, lambda: world.beat(DEMO, timer.id))
    assert replace(world.fire, store=hiding)(wake_up(timer)) is FireOutcome.SENT_ON
    assert [one.message for one in world.wake_queue.sent][-1:] == [wake_up(world.now(timer), lap=1)]
    assert world.fire(wake_up(timer)) is FireOutcome.DROPPED, "a mere duplicate is dropped"


def test_a_wake_up_that_finds_its_timer_fired_as_it_sends_on_hands_over_what_was_not_sent() -> None:
    world = World()
    timer = watched(world, "30s", "a")
    world.clock.advance(20_000)
    world.beat(DEMO, timer.id)
    world.clock.advance_to(timer.fire_at_ms)

    def fired_by_the_next_lap_and_not_sent() -> None:
        world.clock.advance_to(world.now(timer).fire_at_ms)
        with pytest.raises(Crash):
            replace(world.fire, action_queue=crashing(world.action_queue, "send"))(wake_up(timer, lap=1))

    hiding = HidingStore(world.store, fired_by_the_next_lap_and_not_sent)
    assert replace(world.fire, store=hiding)(wake_up(timer)) is FireOutcome.REDISPATCHED
    assert [one.message.action_id for one in world.action_queue.sent] == ["a"]


def test_a_schedule_that_cannot_be_made_brings_the_wake_up_back() -> None:
    world = World()
    timer = watched(world, "6h")
    world.clock.advance(5 * HOUR_MS)
    world.beat(DEMO, timer.id)
    world.clock.advance_to(timer.fire_at_ms)
    down = crashing(world.schedules, "put", error=DependencyUnavailableError("no answer"))
    with pytest.raises(DependencyUnavailableError):
        replace(world.fire, schedules=down)(wake_up(timer))
    assert world.fire(wake_up(timer), again=True) is FireOutcome.SENT_ON


def test_a_wake_up_that_comes_back_after_the_timer_changed_its_mind_is_dropped() -> None:
    world = World()
    timer = watched(world)
    world.clock.advance(20_000)
    world.beat(DEMO, timer.id)
    world.clock.advance_to(timer.fire_at_ms)
    world.fire(wake_up(timer))
    world.change(DEMO, timer.id, ExtendTimerRequest(requested_by="ann", by=60_000))
    assert world.fire(wake_up(timer), again=True) is FireOutcome.DROPPED


def test_a_timer_whose_wake_up_was_lost_between_beats_dies_within_the_sweeps_bound() -> None:
    world = World()
    timer = watched(world)
    world.play(NOW_MS + 1_000)
    world.wake_queue._sent.clear()
    beat_for(world, timer, 100, 5_000)
    due_ms = world.now(timer).fire_at_ms
    world.play(due_ms + 2 * SWEEP_EVERY_MS)
    assert 0 < (world.now(timer).lateness_ms or 0) <= CHECK_AFTER_MS + SWEEP_EVERY_MS


def test_the_sweep_that_finds_a_timer_beaten_only_moves_its_look() -> None:
    world = World()
    timer = watched(world)
    world.clock.advance(29_000)
    world.beat(DEMO, timer.id)
    world.clock.advance_to(timer.fire_at_ms + CHECK_AFTER_MS)
    world.beat(DEMO, timer.id)
    report = world.sweep()
    assert (report.checked, report.repaired, world.wake_queue.sent) == (1, {}, [])
    assert world.now(timer).next_check_at_ms == world.now(timer).fire_at_ms + CHECK_AFTER_MS


@pytest.mark.parametrize("state", ["paused", "extended", "beaten at this instant"])
def test_a_beat_with_nothing_to_push_answers_with_the_timer_as_it_stands(state: str) -> None:
    world = World()
    timer = watched(world)
    world.clock.advance(1_000)
    match state:
        case "paused":
            world.change(DEMO, timer.id, PauseTimerRequest(requested_by="ann"))
        case "extended":
            world.change(DEMO, timer.id, ExtendTimerRequest(requested_by="ann", by=60_000))
        case _:
            world.beat(DEMO, timer.id)
    before = world.now(timer)
    assert world.beat(DEMO, timer.id) == before == world.now(timer)


def test_a_beat_comes_too_late_for_a_timer_that_has_fired_or_ended() -> None:
    world = World()
    fired, settled, cancelled = watched(world, "30s", "a"), watched(world), watched(world)
    world.cancel_it(cancelled)
    world.clock.advance_to(fired.fire_at_ms)
    for timer in (fired, settled):
        world.fire(wake_up(timer))
    for timer, status in ((fired, "fired"), (settled, "settled"), (cancelled, "cancelled")):
        before = world.now(timer)
        with pytest.raises(StateConflictError, match=f"the timer is {status}: a heartbeat comes too late"):
            world.beat(DEMO, timer.id)
        assert world.now(timer) == before


def test_a_timer_without_a_heartbeat_says_how_to_get_one() -> None:
    world = World()
    plain, over = world.new(), watched(world)
    world.change(DEMO, over.id, FireTimerRequest(requested_by="ann"))
    for timer in (plain, over):
        with pytest.raises(StateConflictError, match="create it with heartbeat: true"):
            world.beat(DEMO, timer.id)


@pytest.mark.parametrize("timer_id", ["no-such-timer", "x" * 65, ""])
def test_a_beat_of_a_timer_that_is_none_is_told_so(timer_id: str) -> None:
    world = World()
    mine = watched(world)
    for principal, name in ((DEMO, timer_id), (Principal("other", "eve"), mine.id)):
        with pytest.raises(NotFoundError):
            world.beat(principal, name)


def test_a_beat_that_missed_a_timer_by_a_hair_is_tried_again() -> None:
    world = World()
    timer = watched(world)
    world.clock.advance(1_000)

    class ResumedMeanwhile:
        tries = 0

        def beat(self, key: TimerKey, now_ms: int) -> Timer | None:
            self.tries += 1
            return None if self.tries == 1 else world.store.beat(key, now_ms)

        def get(self, key: TimerKey) -> Timer | None:
            return world.store.get(key)

    store = ResumedMeanwhile()
    assert replace(world.beat, store=store)(DEMO, timer.id).beats == 1  # type: ignore[arg-type]
    store.tries = -1_000_000
    world.clock.advance(1_000)
    never = crashing(world.store, "beat")
    with pytest.raises(Crash):
        replace(world.beat, store=never)(DEMO, timer.id)
