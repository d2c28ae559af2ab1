"""What the simulation plays is what the template deploys, and what AWS does with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from minoots_kernel.adapters.dynamodb.codec import timer_to_item
from minoots_kernel.domain.commands import Arm, Cancel, Extend, Pause
from minoots_kernel.domain.events import TimerChange
from minoots_kernel.domain.heartbeats import beaten
from minoots_kernel.domain.messages import WakeUp
from minoots_local.patterns import Pattern
from tests.simulation import functions, queues, streams, world
from tests.simulation.faults import Fault, Rates
from tests.simulation.journal import Acked, Called, Crashed, Fired, Posted, Wrote
from tests.simulation.loop import Invocation, Loop
from tests.simulation.plan import BEGIN_MS, Order, Plan
from tests.simulation.world import run
from tests.unit.domain.builders import NOW_MS, after, fired, outcome, scheduled

pytestmark = pytest.mark.simulation

RESOURCES: Mapping[str, Any] = yaml_parse((Path(__file__).parents[2] / "template.yaml").read_text(encoding="utf-8"))[
    "Resources"
]
LOGICAL_IDS = {
    "control_plane": "ControlPlaneFunction",
    "kernel_arm": "KernelArmFunction",
    "event_fabric": "EventFabricFunction",
    "kernel_fire": "KernelFireFunction",
    "orchestrator": "OrchestratorFunction",
    "kernel_sweep": "KernelSweepFunction",
}


def mapping(function: str, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = RESOURCES[LOGICAL_IDS[function]]["Properties"]["Events"][name]["Properties"]
    return found


def test_timeouts_batches_and_redrives_are_the_templates() -> None:
    for function, timeout_ms in functions.TIMEOUTS_MS.items():
        assert RESOURCES[LOGICAL_IDS[function]]["Properties"]["Timeout"] * 1000 == timeout_ms
    assert mapping("kernel_fire", "WakeUps")["BatchSize"] == functions.FIRE_BATCH
    assert mapping("orchestrator", "Attempts")["BatchSize"] == functions.RUN_BATCH
    for function in ("kernel_arm", "event_fabric"):
        stream = mapping(function, "TimerChanges")
        assert (stream["BatchSize"], stream["ParallelizationFactor"]) == (streams.BATCH, streams.LANES)
        assert stream["MaximumRecordAgeInSeconds"] * 1000 == streams.MAX_AGE_MS
    waits = {"WakeQueue": world.WAKE_VISIBILITY_MS, "ActionQueue": world.ACTION_VISIBILITY_MS}
    for queue, visibility_ms in waits.items():
        properties = RESOURCES[queue]["Properties"]
        assert properties["VisibilityTimeout"] * 1000 == visibility_ms
        assert properties["RedrivePolicy"]["maxReceiveCount"] == queues.MAX_RECEIVES


def changes() -> list[TimerChange]:
    """A change of every kind."""
    timer = scheduled("a")
    armed = after(timer, (Arm(1), NOW_MS))
    watched = replace(timer, timeout_ms=30_000, beat_at_ms=NOW_MS)
    done = fired("a")
    settled = after(done, (outcome("a", 1, done.fire_at_ms + 5), done.fire_at_ms + 5))
    lives = [
        [timer, armed, after(armed, (Cancel("ann"), NOW_MS))],
        [timer, after(timer, (Cancel("ann"), NOW_MS))],
        [timer, armed, after(armed, (Pause("ann"), NOW_MS))],
        [timer, after(timer, (Pause("ann"), NOW_MS))],
        [timer, armed, after(armed, (Extend("ann", by_ms=5_000), NOW_MS))],
        [watched, beaten(watched, NOW_MS + 1_000) or watched],
        [timer, done, settled],
        [timer, replace(timer, version=2)],
    ]
    return [TimerChange(None, timer), *(TimerChange(one, two) for life in lives for one, two in pairwise(life))]


READS = {"kernel_arm": streams.what_arming_reads, "event_fabric": streams.all_but_beats}


@pytest.mark.parametrize("function", READS)
def test_functions_read_what_the_filters_in_the_template_let_through(function: str) -> None:
    filters = mapping(function, "TimerChanges")["FilterCriteria"]["Filters"]
    patterns = [Pattern(one["Pattern"], "filter") for one in filters]
    let_through = set()
    for change in changes():
        beats = change.before is not None and change.before.beats != change.after.beats
        images = {"NewImage": timer_to_item(change.after, "{}") | ({"beaten": {"S": "yes"}} if beats else {})}
        if change.before is not None:
            images["OldImage"] = timer_to_item(change.before, "{}")
        record = {"eventName": "MODIFY" if change.before else "INSERT", "dynamodb": images}
        expected = any(pattern.matches(record) for pattern in patterns)
        assert READS[function](change) is expected, (change.before, change.after)
        let_through.add(expected)
    assert let_through == {True, False}


def a_plan(rates: Rates, *orders: Order, heal_ms: int = 4 * 3_600_000) -> Plan:
    return Plan(1, rates, BEGIN_MS + heal_ms, 0, 3, {}, orders)


def an_order(duration: int = 20_000, **bundle: Any) -> Order:
    action = {"id": "a", "kind": "webhook", "parameters": {"url": "https://hooks.example/x"}}
    wanted = {
        "requestedBy": "ann",
        "name": "one",
        "duration": duration,
        "actionBundle": {"actions": [action], **bundle},
    }
    return Order(0, BEGIN_MS, "acme", "create", None, wanted)


def test_without_a_fault_a_timer_lives_as_it_should() -> None:
    history = run(a_plan(Rates({}), an_order()))
    assert [str(write.after.status) for write in history.journal.of(Wrote)] == ["scheduled", "fired", "settled"]
    assert len(history.journal.of(Posted)) == 1
    assert history.rested


def test_a_message_whose_function_crashes_comes_back_after_its_visibility_timeout_and_dies_at_the_sixth() -> None:
    rates = Rates({}, {("fire_timer", "TimerStore.get", Fault.CRASH_BEFORE): 1.0})
    history = run(a_plan(rates, an_order(), heal_ms=3_000_000))
    dead = history.world.ports.wake_queue.dead
    crashes = [call for call in history.journal.of(Called) if call.end is Fault.CRASH_BEFORE]
    first = [call.at_ms for call in crashes if call.by.record["messageId"] == dead[0].id]
    assert len(first) == queues.MAX_RECEIVES
    assert all(later - earlier >= world.WAKE_VISIBILITY_MS for earlier, later in pairwise(first))
    assert history.journal.of(Posted), "and the sweep brings the timer to its end"


def test_a_schedule_fires_in_the_minute_that_it_was_asked_for() -> None:
    history = run(a_plan(Rates({}), an_order(7_200_000)))
    (fires,) = history.journal.of(Fired)
    (armed,) = [entry for entry in history.journal.entries if type(entry).__name__ == "Armed"]
    assert 0 <= fires.at_ms - armed.at < 60_000


def test_a_stream_whose_function_crashes_is_read_again_in_its_order() -> None:
    rates = Rates({}, {("publish_events", "EventBus.publish", Fault.CRASH_BEFORE): 0.8})
    history = run(a_plan(rates, an_order(), heal_ms=600_000))
    assert any(str(crash.by).startswith("event_fabric") for crash in history.journal.of(Crashed))
    done = [ack.hint.after.version for ack in history.journal.of(Acked) if ack.by.use_case == "publish_events"]
    assert done == sorted(done)
    assert set(done) == {1, 2, 3}


def test_a_crash_ends_every_strand_of_its_invocation_where_it_stands() -> None:
    loop = Loop(BEGIN_MS)
    invocation = Invocation(loop, "f", "u", 1, 0, BEGIN_MS + 1000)
    story: list[str] = []

    def strand(name: str) -> None:
        story.append(f"{name} begins")
        loop.pause(50)
        story.append(f"{name} goes on")

    ended: list[object] = []
    for name in ("one", "two"):
        task = invocation.strand(name, lambda name=name: strand(name))
        loop.at(BEGIN_MS, lambda task=task: loop.switch(task))
    invocation.ended = ended.append
    loop.at(BEGIN_MS + 20, invocation.crash)
    loop.run(BEGIN_MS + 500)
    assert story == ["one begins", "two begins"]
    assert ended == [None]
    assert all(task.dead for task in invocation.tasks)


def test_a_forged_hint_names_what_nobody_sent() -> None:
    rates = Rates({Fault.FORGED_HINT: 1.0})
    history = run(a_plan(rates, an_order(), heal_ms=600_000))
    genuine = WakeUp("acme", history.journal.of(Wrote)[0].after.id, 1, BEGIN_MS + 20_000)
    forged = [message for message in history.world.ports.wake_queue.dead if message.forged]
    assert history.world.fates.counts[Fault.FORGED_HINT] >= 2
    assert all(WakeUp.from_json(message.body) != genuine for message in forged)
