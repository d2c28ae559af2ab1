"""What the life of a timer costs in write units, index included: most of a timer's bill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from math import ceil
from typing import Any

import pytest

from minoots_kernel.adapters.dynamodb.keys import timer_key
from minoots_kernel.application.ports import TimerKey
from minoots_kernel.domain.ask_commands import Acknowledge
from minoots_kernel.domain.audit import entry_of_change
from minoots_kernel.domain.circuits import Circuit, Pace, opened
from minoots_kernel.domain.commands import (
    Arm,
    Bury,
    Cancel,
    Change,
    Extend,
    Fire,
    FireNow,
    Pause,
    PutOff,
    Recheck,
    Redrive,
    Reschedule,
    Resume,
    Rewake,
    Snooze,
)
from minoots_kernel.domain.creation import new_timer
from minoots_kernel.domain.dead_letters import LetterState, dead_letter
from minoots_kernel.domain.events import TimerChange
from minoots_kernel.domain.guards import Guard, remembered
from minoots_kernel.domain.put_offs import Cause
from minoots_kernel.domain.timer import Timer, Via
from minoots_kernel.domain.transitions import apply
from tests.contract.conftest import Stores, Table
from tests.contract.timers import NOW_MS, a_timer, common_timer, ended, fired
from tests.unit.domain.asking import ask_bundle, begun
from tests.unit.domain.asking import ended as ended_asking
from tests.unit.domain.builders import request

pytestmark = pytest.mark.contract

INDEX_KEY = ("checkShard", "nextCheckAt")


def size(item: dict[str, Any]) -> int:
    """Return an item's size as DynamoDB counts it: names and values in UTF-8, a byte per two digits of a number."""
    total = 0
    for name, value in item.items():
        ((kind, content),) = value.items()
        total += len(name) + (len(content.encode()) if kind == "S" else (len(content) + 1) // 2 + 1)
    return total


def units(before: dict[str, Any] | None, after: dict[str, Any]) -> int:
    """Return what a write costs: a unit per kilobyte of the larger item, and one per index entry put or removed."""
    entries = [tuple(map(repr, map((item or {}).get, INDEX_KEY))) for item in (before, after)]
    present = [item is not None and INDEX_KEY[1] in item for item in (before, after)]
    index = 0 if entries[0] == entries[1] else sum(present)
    return ceil(max(size(before or {}), size(after)) / 1024) + index


class Meter:
    """Counts by its own arithmetic, and lets the table count too."""

    def __init__(self, stores: Stores, table: Table) -> None:
        self.stores = stores
        self.table = table
        self.counted: list[float] = []
        events: Any = table.client.meta.events
        for operation in ("PutItem", "UpdateItem", "BatchWriteItem"):
            events.register(f"provide-client-params.dynamodb.{operation}", self._ask)
            events.register(f"after-call.dynamodb.{operation}", self._count)

    def _ask(self, params: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**params, "ReturnConsumedCapacity": "INDEXES"}

    def _count(self, parsed: dict[str, Any], **_: Any) -> None:
        consumed = parsed.get("ConsumedCapacity", {})
        tables = consumed if isinstance(consumed, list) else [consumed]
        self.counted.append(sum(one.get("CapacityUnits", 0) for one in tables))

    def item(self, timer: Timer) -> dict[str, Any] | None:
        key = timer_key(timer.tenant_id, timer.id)
        return self.table.client.get_item(TableName=self.table.name, Key=key, ConsistentRead=True).get("Item")

    def live(self, timer: Timer, *steps: Callable[[Timer], Timer]) -> tuple[list[int], list[int]]:
        """Store a timer and its steps; return the units and the item's size after each."""
        self.stores.timers.create(timer)
        items = [None, self.item(timer)]
        for step in steps:
            after = step(timer)
            self.stores.timers.replace(timer, after)
            timer = after
            items.append(self.item(timer))
        costs = [units(items[n], items[n + 1] or {}) for n in range(len(items) - 1)]
        return costs, [size(item or {}) for item in items[1:]]


@pytest.fixture
def meter(dynamo: Stores, table: Table) -> Meter:
    return Meter(dynamo, table)


def agreed(meter: Meter, costs: list[int]) -> bool:
    """Tell whether Amazon's own emulator counts the same; moto only guesses, and is not asked."""
    return meter.table.name == "timers" or [float(cost) for cost in costs] == meter.counted


def armed(timer: Timer) -> Timer:
    return apply(timer, Arm(1), NOW_MS + 5).timer


def cancelled(timer: Timer) -> Timer:
    return apply(timer, Cancel("ops", "no longer needed"), NOW_MS + 5).timer


def rechecked(timer: Timer) -> Timer:
    return apply(timer, Recheck(1, timer.fire_at_ms + 99_000), NOW_MS + 5).timer


def changed(timer: Timer, change: Change) -> Timer:
    return apply(timer, change, NOW_MS + 5).timer


def extended(timer: Timer) -> Timer:
    return changed(timer, Extend("ops", by_ms=60_000))


def resumed(timer: Timer) -> Timer:
    return changed(timer, Resume("ops"))


def keyed(timer: Timer) -> Timer:
    return Guard(mark=remembered("a key of some length", "extend")).sign(timer)


LIVES: dict[str, tuple[list[Callable[[Timer], Timer]], list[int]]] = {
    "near: fires and settles": ([fired, ended], [2, 1, 2]),
    "far: is armed, fires and settles": ([armed, fired, ended], [2, 1, 1, 2]),
    "is cancelled": ([cancelled], [2, 2]),
    "is extended": ([extended], [2, 3]),
    "is rescheduled": ([lambda timer: changed(timer, Reschedule("ops", duration_ms=5_000))], [2, 3]),
    "is snoozed": ([lambda timer: changed(timer, Snooze("ops", duration_ms=3_600_000))], [2, 3]),
    "is fired now": ([lambda timer: changed(timer, FireNow("ops"))], [2, 3]),
    "is paused and resumed": ([lambda timer: changed(timer, Pause("ops")), resumed], [2, 2, 2]),
    "is paused, moved and resumed": ([lambda timer: changed(timer, Pause("ops")), extended, resumed], [2, 2, 1, 2]),
    "is armed and extended under a key": ([armed, lambda timer: keyed(extended(timer))], [2, 1, 3]),
    "is checked again": ([rechecked], [2, 3]),
}


@pytest.mark.parametrize(("steps", "expected"), LIVES.values(), ids=LIVES.keys())
def test_the_common_timer_costs_so_many_write_units(
    meter: Meter, steps: list[Callable[[Timer], Timer]], expected: list[int]
) -> None:
    costs, _ = meter.live(common_timer(), *steps)

    assert costs == expected
    assert agreed(meter, costs)


def test_a_redrive_costs_three_units_with_its_letters_mark_and_what_settles_it_three(meter: Meter) -> None:
    timer = common_timer()
    failed = ended(fired(timer), outcome="failed")
    meter.live(timer, fired, lambda due: ended(due, outcome="failed"), lambda dead: apply(dead, Bury(), NOW_MS).timer)
    letter = dead_letter(failed, failed.actions[0])
    meter.stores.dead_letters.put(letter)
    buried = meter.stores.timers.get(TimerKey(timer.tenant_id, timer.id))
    assert buried is not None
    items, before = [meter.item(timer)], len(meter.counted)

    redriven = apply(buried, Redrive(action_id="notify", death=0, requested_by="ops"), NOW_MS + 700_000).timer
    meter.stores.timers.replace(buried, redriven)
    items.append(meter.item(timer))
    meter.stores.dead_letters.mark(letter, LetterState.REDRIVEN, NOW_MS + 700_000)
    meter.stores.timers.replace(redriven, ended(redriven))
    items.append(meter.item(timer))

    assert [units(one, two or {}) for one, two in pairwise(items)] == [2, 3], "its story has grown past a kilobyte"
    assert meter.table.name == "timers" or meter.counted[before:] == [2, 1, 3]
    assert [size(item or {}) < 1_200 for item in items] == [True] * 3


def test_a_timer_created_under_a_key_costs_no_more(meter: Meter) -> None:
    timer = replace(common_timer(), request="7f3a9c0d7f3a9c0d7f3a9c0d")
    costs, sizes = meter.live(timer, armed, fired, ended)

    assert costs == [2, 1, 1, 2]
    assert max(sizes) < 1024
    assert agreed(meter, costs)


def test_a_timer_of_a_batch_costs_the_units_of_one_alone_and_a_twenty_fifth_of_a_call(meter: Meter) -> None:
    timers = [common_timer() for _ in range(100)]
    for timer in timers[:50]:
        meter.stores.timers.create(timer)
    alone = len(meter.counted), sum(meter.counted)
    assert meter.stores.timers.create_many(timers[50:]) == {}
    together = len(meter.counted) - alone[0], sum(meter.counted) - alone[1]
    items = [meter.item(timer) for timer in timers[50:]]
    assert [units(None, item or {}) for item in items] == [2] * 50
    assert (alone[0], together[0]) == (50, 2)
    assert meter.table.name == "timers" or alone[1] == together[1] == 100


def test_a_timer_without_an_action_costs_four(meter: Meter) -> None:
    costs, _ = meter.live(a_timer(actionBundle=None), fired)

    assert costs == [2, 2]
    assert agreed(meter, costs)


def test_the_common_timer_is_below_a_kilobyte_all_its_life(meter: Meter) -> None:
    _, sizes = meter.live(common_timer(), armed, fired, ended)

    assert max(sizes) < 1024
    assert sizes == sorted(sizes)


def asked_for(timer: Timer) -> Timer:
    """As the audit has it that wants everything: the longest address, ids as long as on AWS, and an end of its own."""
    longest, key, request = "2001:0db8:85a3:0000:0000:8a2e:0370:7334", "abcdefghijklmnop", "JKJaXmPLvHcESHA="
    return replace(timer, via=Via("createTimer", timer.requested_by, key, longest, request, kept_days=3_650))


@pytest.mark.parametrize(("steps", "expected"), LIVES.values(), ids=LIVES.keys())
def test_carrying_who_asked_costs_a_timer_nothing(
    meter: Meter, steps: list[Callable[[Timer], Timer]], expected: list[int]
) -> None:
    first, *others = steps
    costs, sizes = meter.live(asked_for(common_timer()), lambda timer: asked_for(first(timer)), *others)
    _, without = meter.live(common_timer(), *steps)

    assert costs == expected
    assert max(sizes) < 1_024
    assert sizes[2:] == without[2:], "the kernel's own writes carry it no further"


def test_an_entry_of_the_audit_costs_one_unit(meter: Meter, dynamo: Stores) -> None:
    timer = asked_for(common_timer())
    entry = entry_of_change(TimerChange(None, timer))
    assert entry is not None
    dynamo.audit.add([entry])

    assert meter.table.name == "timers" or meter.counted == [1]
    assert size(meter.table.item("A#")) < 1_024


def test_a_large_payload_is_paid_for_once(meter: Meter) -> None:
    costs, sizes = meter.live(common_timer(metadata={"text": "x" * 20_000}), fired, ended)

    assert costs == [2, 1, 2]
    assert max(sizes) < 1024
    assert meter.counted[1:] == costs or meter.table.name == "timers"


def test_a_heartbeat_costs_one_unit_and_so_does_each_lap_of_its_wake_up(meter: Meter) -> None:
    timer = common_timer(heartbeat=True)
    _, sizes = meter.live(timer)
    before = len(meter.counted)
    for number in range(1, 1_001):
        assert meter.stores.timers.beat(TimerKey(timer.tenant_id, timer.id), NOW_MS + number * 5_000)
    beaten = meter.stores.timers.get(TimerKey(timer.tenant_id, timer.id))
    assert beaten is not None
    meter.stores.timers.replace(beaten, apply(beaten, Rewake(1, 0), NOW_MS + 600_000).timer)
    item = meter.item(timer)
    assert item is not None
    assert (item["beats"], item["lap"]) == ({"N": "1000"}, {"N": "1"})
    assert size(item) < sizes[0] + 40 < 1_024
    assert meter.table.name == "timers" or meter.counted[before:] == [1] * 1_001


def test_an_item_says_whether_its_latest_write_was_a_heartbeat(meter: Meter) -> None:
    timer = common_timer(heartbeat=True)
    meter.live(timer)
    beaten = meter.stores.timers.beat(TimerKey(timer.tenant_id, timer.id), NOW_MS + 5_000)
    assert beaten is not None
    assert "beaten" in (meter.item(timer) or {})
    armed_now = armed(beaten)
    meter.stores.timers.replace(beaten, armed_now)
    assert "beaten" not in (meter.item(timer) or {})
    assert meter.stores.timers.beat(TimerKey(timer.tenant_id, timer.id), NOW_MS + 9_000)
    assert "beaten" in (meter.item(timer) or {})


def test_what_a_sweep_reads_does_not_grow_with_the_timers_that_are_due_later(meter: Meter) -> None:
    """Read units of the whole index up to now, with three timers due and none or two hundred far ahead."""
    read: list[float] = []
    events: Any = meter.table.client.meta.events
    ask, note = meter._ask, lambda parsed, **_: read.append(parsed["ConsumedCapacity"]["CapacityUnits"])
    events.register("provide-client-params.dynamodb.Query", ask)
    events.register("after-call.dynamodb.Query", note)
    timers = [a_timer(duration=f"{number}s") for number in (1, 2, 3)]
    for timer in timers:
        meter.stores.timers.create(timer)
    spent = []
    for far in (0, 200):
        for number in range(far):
            meter.stores.timers.create(a_timer(duration=f"{number + 2}h"))
        read.clear()
        pages = [meter.stores.timers.due_for_check(shard, NOW_MS + 60_000, 100) for shard in range(8)]
        assert sum(len(page.items) for page in pages) == len(timers)
        assert not any(page.next_position for page in pages)
        spent.append((len(read), sum(read)))
    assert spent[0] == spent[1]
    assert spent[0][1] <= 8


def test_each_put_off_costs_three_units_and_a_timer_that_had_some_settles_for_what_it_always_costs(
    meter: Meter,
) -> None:
    def put_off(timer: Timer) -> Timer:
        state = timer.actions[0]
        times = state.put_off.times if state.put_off else 0
        now_ms = state.next_attempt_at_ms or timer.fire_at_ms + 20
        reason = "hooks.example.com:443 fails, its circuit is open since 2026-09-21T14:13:20.000Z"
        return apply(timer, PutOff(state.id, 1, times, list(Cause)[times % 3], reason, now_ms + 60_000), now_ms).timer

    timer = common_timer()
    costs, sizes = meter.live(timer, fired, *[put_off] * 5, ended)
    assert costs[2:] == [3] * 5 + [2]
    assert max(sizes) < 1_024, "it stays below a kilobyte"
    assert "putOff" not in (meter.item(timer) or {})
    assert agreed(meter, costs)


def test_a_slot_costs_two_units_a_beginning_and_a_turn_one_each_and_a_circuit_that_opens_one(meter: Meter) -> None:
    circuits, circuit = meter.stores.circuits, Circuit("demo", "h:hooks.example.com:443")
    assert circuits.take(circuit, 0, NOW_MS + 9, NOW_MS)
    circuits.give_back(circuit, 0, NOW_MS + 9)
    assert circuits.begin(circuit, Pace(1), NOW_MS, None)
    circuits.next_turn(circuit, Pace(1), NOW_MS, 60_000)
    circuits.change(circuit, opened(circuit, NOW_MS))
    assert meter.table.name == "timers" or meter.counted == [1, 1, 1, 1, 1]
    for slot in range(100):
        circuits.take(circuit, slot, NOW_MS + 9, NOW_MS)
    (item,) = meter.table.items()
    assert size(item) < 2_048, "with a hundred slots taken each costs twice as much, and no more"


def test_an_acknowledgement_costs_an_asking_its_outcome_and_the_answer(meter: Meter) -> None:
    """Nine units; two of them are the sweep's index, which has to know of a deadline that is far off."""
    timer = new_timer(
        request(actionBundle=ask_bundle(timeoutMs=600_000, escalation=[])),
        timer_id="0190-asked",
        tenant_id=meter.stores.new_tenant(),
        now_ms=NOW_MS,
    )
    costs, sizes = meter.live(
        timer,
        lambda made: apply(made, Fire(1), made.fire_at_ms).timer,
        lambda asks: begun(asks, asks.fire_at_ms + 40),
        lambda asked: ended_asking(asked, now_ms=asked.fire_at_ms + 200),
        lambda waits: apply(waits, Acknowledge("a", 0, "d0", "done"), waits.fire_at_ms + 900).timer,
    )
    assert (costs, max(sizes) < 1_024) == ([2, 1, 1, 3, 2], True)
    assert agreed(meter, costs)
