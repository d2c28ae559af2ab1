from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from minoots_contract.changes import ExtendTimerRequest, PauseTimerRequest
from minoots_kernel.adapters.memory import MemoryEventBus, MemoryParkedRecordStore
from minoots_kernel.application.arm_timers import DisarmTimer
from minoots_kernel.application.change import change_timer
from minoots_kernel.application.publish_events import PublishEvents
from minoots_kernel.domain.commands import Recheck
from minoots_kernel.domain.errors import DependencyUnavailableError, UnreadableRecordError
from minoots_kernel.domain.events import TimerChange
from minoots_kernel.domain.timer import Status
from minoots_kernel.interfaces.arming import ArmChanges
from minoots_kernel.interfaces.streams import PARK_AFTER_MS, PARKED_AT_ONCE, Record, StreamConsumer
from tests.unit.application.world import DEMO, Faults, World, crashing, wake_up
from tests.unit.domain.builders import NOW_MS

POISON: dict[str, Any] = {"poison": {"BOOL": True}}


class Stream:
    """Records of a world's changes; an image is the number of its change, read back from there."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.parked = MemoryParkedRecordStore()

    def read(self, before: Record | None, after: Record) -> TimerChange:
        if "change" not in after:
            raise UnreadableRecordError("no such thing")
        change = self.world.store.changes[after["change"]]
        assert (before is None) == (change.before is None)
        return change

    def record(self, number: int, image: dict[str, Any], old: bool, at_ms: int) -> dict[str, Any]:
        dynamodb: dict[str, Any] = {
            "SequenceNumber": f"s{number}",
            "NewImage": image,
            "ApproximateCreationDateTime": at_ms / 1000,
        }
        if old:
            dynamodb["OldImage"] = {"old": True}
        return {"eventID": f"e{number}", "eventName": "MODIFY" if old else "INSERT", "dynamodb": dynamodb}

    def records(self, at_ms: int = NOW_MS) -> list[dict[str, Any]]:
        return [
            self.record(number, {"change": number}, change.before is not None, at_ms)
            for number, change in enumerate(self.world.store.changes)
        ]

    def consumer(self, handle: Callable[[Sequence[TimerChange]], set[int]]) -> StreamConsumer:
        return StreamConsumer("kernel_arm", self.read, handle, self.parked, self.world.clock)

    def arm(self) -> StreamConsumer:
        return self.consumer(ArmChanges(self.world.arm, DisarmTimer(self.world.schedules)))


def failures(answer: dict[str, Any]) -> list[str]:
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


def test_new_timers_of_a_batch_are_armed_by_their_legs() -> None:
    world = World()
    stream = Stream(world)
    near, far = world.new(duration="60s"), world.new(duration="1d")
    assert failures(stream.arm()({"Records": stream.records()}, None)) == []
    assert world.wake_queue.messages == [wake_up(near)]
    assert world.now(far).status is Status.ARMED


def test_the_write_that_says_armed_does_not_arm_again() -> None:
    world = World()
    stream = Stream(world)
    world.new(duration="1d")
    stream.arm()({"Records": stream.records()}, None)
    world.schedules._schedules.clear()
    stream.arm()({"Records": stream.records()[1:]}, None)
    assert world.schedules.schedules == {}


def test_a_cancelled_timer_that_was_armed_loses_its_schedule() -> None:
    world = World()
    stream = Stream(world)
    timer = world.new(duration="1d")
    stream.arm()({"Records": stream.records()}, None)
    world.cancel_it(timer)
    assert failures(stream.arm()({"Records": stream.records()[2:]}, None)) == []
    assert world.schedules.schedules == {}


def test_a_timer_that_is_moved_loses_its_old_schedule_and_gets_a_new_one() -> None:
    world = World()
    stream = Stream(world)
    timer = world.new(duration="1d")
    stream.arm()({"Records": stream.records()}, None)
    moved = world.change(DEMO, timer.id, ExtendTimerRequest(requested_by="ann", by=86_400_000))
    assert failures(stream.arm()({"Records": stream.records()[2:]}, None)) == []
    assert [schedule.wake_up for schedule in world.schedules.schedules.values()] == [wake_up(moved)]
    assert world.now(timer).status is Status.ARMED


def test_a_paused_timer_loses_its_schedule_and_gets_none() -> None:
    world = World()
    stream = Stream(world)
    timer = world.new(duration="1d")
    stream.arm()({"Records": stream.records()}, None)
    world.change(DEMO, timer.id, PauseTimerRequest(requested_by="ann"))
    assert failures(stream.arm()({"Records": stream.records()[2:]}, None)) == []
    assert (world.schedules.schedules, world.wake_queue.sent) == ({}, [])


def test_a_write_that_leaves_the_generation_alone_arms_nothing() -> None:
    world = World()
    stream = Stream(world)
    timer = world.new(duration="60s")
    change_timer(world.store, timer, Recheck(1, NOW_MS + 99_000), NOW_MS)
    stream.arm()({"Records": stream.records()[1:]}, None)
    assert world.wake_queue.sent == []


def test_a_cancelled_timer_that_never_was_armed_costs_no_call() -> None:
    world = World()
    stream, calls = Stream(world), Faults()
    world.cancel_it(world.new(duration="1d"))
    consumer = stream.consumer(ArmChanges(world.arm, DisarmTimer(calls.around(world.schedules))))
    consumer({"Records": stream.records()[1:]}, None)
    assert calls.calls == []


def test_a_schedule_that_cannot_be_removed_is_tried_again() -> None:
    world = World()
    stream = Stream(world)
    timer = world.new(duration="1d")
    stream.arm()({"Records": stream.records()}, None)
    world.cancel_it(timer)
    down = crashing(world.schedules, "delete", error=DependencyUnavailableError("slow"))
    consumer = stream.consumer(ArmChanges(world.arm, DisarmTimer(down)))
    assert failures(consumer({"Records": stream.records()[2:]}, None)) == ["s2"]


def test_a_timer_that_cannot_be_armed_now_is_reported_alone() -> None:
    world = World()
    stream = Stream(world)
    timers = [world.new(duration="60s") for _ in range(3)]
    world.wake_queue.refuses = lambda hint: hint.timer_id == timers[1].id
    assert failures(stream.arm()({"Records": stream.records()}, None)) == ["s1"]
    assert stream.parked.parked == []


@pytest.mark.parametrize("images", [["OldImage"], []])
def test_ttl_removal_is_no_event(images: list[str]) -> None:
    world = World()
    stream, bus = Stream(world), MemoryEventBus()
    dynamodb = {"SequenceNumber": "s1", **{name: {"change": 0} for name in images}}
    removal = {"eventID": "e1", "eventName": "REMOVE", "dynamodb": dynamodb, "userIdentity": {"type": "Service"}}
    assert failures(stream.consumer(PublishEvents(bus))({"Records": [removal]}, None)) == []
    assert bus.published == []
    assert stream.parked.parked == []


def test_a_poison_stream_record_is_parked_whole_and_holds_up_nobody() -> None:
    world = World()
    stream = Stream(world)
    timers = [world.new(duration="60s") for _ in range(2)]
    first, second = stream.records()
    poison = stream.record(7, POISON, old=False, at_ms=NOW_MS)
    whole = copy.deepcopy(poison)
    for _ in range(2):
        assert failures(stream.arm()({"Records": [first, poison, second]}, None)) == []
    (parked,) = stream.parked.parked
    assert (parked.consumer, parked.record, parked.reason) == ("kernel_arm", whole, "no such thing")
    assert [hint.timer_id for hint in world.wake_queue.messages[:2]] == [timer.id for timer in timers]


def test_a_poison_record_that_cannot_be_parked_stays_with_the_stream() -> None:
    world = World()
    stream = Stream(world)
    poison = stream.record(7, POISON, old=False, at_ms=NOW_MS)
    down = crashing(stream.parked, "put", error=DependencyUnavailableError("slow"))
    consumer = StreamConsumer("kernel_arm", stream.read, lambda _: set(), down, world.clock)
    assert failures(consumer({"Records": [poison]}, None)) == ["s7"]


@pytest.mark.parametrize(("age_ms", "is_parked"), [(0, False), (PARK_AFTER_MS - 1, False), (PARK_AFTER_MS, True)])
def test_a_record_that_fails_is_tried_again_until_it_is_old(age_ms: int, is_parked: bool) -> None:
    world = World()
    stream = Stream(world)
    world.new(duration="60s")
    world.wake_queue.refuses = lambda _: True
    world.clock.advance(age_ms)
    assert failures(stream.arm()({"Records": stream.records()}, None)) == ([] if is_parked else ["s0"])
    assert len(stream.parked.parked) == is_parked


def test_what_was_parked_is_handled_when_somebody_asks_and_forgotten_once_it_is_done() -> None:
    world = World()
    stream = Stream(world)
    timers = [world.new(duration="60s") for _ in range(3)]
    world.wake_queue.refuses = lambda _: True
    world.clock.advance(PARK_AFTER_MS)
    poison = stream.record(7, POISON, old=False, at_ms=NOW_MS)
    assert failures(stream.arm()({"Records": [*stream.records(), poison]}, None)) == []
    world.wake_queue.refuses = lambda hint: hint.timer_id == timers[1].id
    assert stream.arm()({"parked": True}, None) == {
        "done": 2,
        "left": [{"id": "e7", "reason": "no such thing"}, {"id": "e1", "reason": "failed again"}],
        "next": None,
    }
    assert {hint.timer_id for hint in world.wake_queue.messages} == {timers[0].id, timers[2].id}
    assert {one.id for one in stream.parked.parked} == {"e1", "e7"}


def test_what_was_parked_stays_if_nothing_can_be_handled() -> None:
    world = World()
    stream = Stream(world)
    world.new(duration="60s")
    stream.parked.put("kernel_arm", stream.records()[0], "failed until it was old")

    def out_of_order(_: Sequence[TimerChange]) -> set[int]:
        raise DependencyUnavailableError("the table does not answer")

    assert stream.consumer(out_of_order)({"parked": True}, None)["left"] == [
        {"id": "e0", "reason": "the table does not answer"}
    ]
    assert len(stream.parked.parked) == 1


def test_parked_records_are_tried_a_hundred_at_a_time() -> None:
    world = World()
    stream = Stream(world)
    for number in range(PARKED_AT_ONCE + 1):
        record = {**stream.record(7, POISON, old=False, at_ms=NOW_MS), "eventID": f"e{number:03}"}
        stream.parked.put("kernel_arm", record, "odd")
    first = stream.arm()({"parked": True}, None)
    assert (len(first["left"]), first["next"]) == (PARKED_AT_ONCE, "e099")
    assert [one["id"] for one in stream.arm()({"parked": first["next"]}, None)["left"]] == ["e100"]


def test_events_that_the_bus_refuses_are_reported_by_their_records() -> None:
    world = World()
    stream, bus = Stream(world), MemoryEventBus()
    world.new_fired("a")
    world.cancel_it(world.new(duration="1h"))
    bus.refuses = lambda event: event.type.endswith(".cancelled.v1")
    assert failures(stream.consumer(PublishEvents(bus))({"Records": stream.records()}, None)) == ["s3"]
    assert [event.type.split(".")[3] for event in bus.published] == ["created", "fired", "created"]


def test_an_empty_batch_calls_nobody() -> None:
    def nobody(_: Sequence[TimerChange]) -> set[int]:
        raise AssertionError("called")

    assert failures(Stream(World()).consumer(nobody)({"Records": []}, None)) == []
