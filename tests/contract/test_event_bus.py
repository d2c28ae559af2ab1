"""What every event bus does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID

from minoots_contract.events import CloudEvent
from minoots_kernel.adapters import aws
from minoots_kernel.adapters.eventbridge import EventBridgeBus
from minoots_kernel.adapters.memory import MemoryEventBus
from minoots_kernel.application.ports import EventBus
from minoots_kernel.domain.errors import DependencyUnavailableError
from minoots_kernel.domain.events import TimerChange, cloud_events
from tests.contract.faults import Wire, body_of
from tests.contract.timers import NOW_MS, common_timer, ended, fired

pytestmark = pytest.mark.contract


@dataclass
class Bus:
    """One member of the family; `published` returns the events in the order of arrival."""

    port: EventBus
    published: Callable[[], list[CloudEvent]]
    refuse: Callable[[CloudEvent], None]
    wire: Wire | None = None


def _in_memory() -> Bus:
    port = MemoryEventBus()

    def refuse(event: CloudEvent) -> None:
        port.refuses = lambda other: other == event

    return Bus(port, lambda: port.published, refuse)


def envelopes() -> list[dict[str, Any]]:
    """Return what a rule for everything passed on to its queue."""
    (queue,) = get_backend("sqs")[DEFAULT_ACCOUNT_ID][aws.DEFAULT_REGION].queues.values()
    return [json.loads(message.body) for message in queue._messages]


def _on_moto() -> Bus:
    queues = aws.client("sqs", {})
    url = queues.create_queue(QueueName="listener")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client = aws.client("events", {})
    client.create_event_bus(Name="timer-events")
    client.put_rule(Name="all", EventBusName="timer-events", EventPattern='{"source": ["io.minoots"]}')
    client.put_targets(Rule="all", EventBusName="timer-events", Targets=[{"Id": "listener", "Arn": arn}])
    wire = Wire(client, moto=True)

    def refuse(event: CloudEvent) -> None:
        def fault(request: AWSPreparedRequest) -> Any:
            entries = body_of(request)["Entries"]
            index = next(i for i, entry in enumerate(entries) if json.loads(entry["Detail"])["id"] == event.id)
            request.body = json.dumps({"Entries": entries[:index] + entries[index + 1 :]}).encode()
            answer = wire.send(request)
            reply = json.loads(answer.content)
            reply["Entries"].insert(index, {"ErrorCode": "ThrottlingException", "ErrorMessage": "injected"})
            return wire.answer(request, {**reply, "FailedEntryCount": 1})

        wire.intercept("PutEvents", fault)

    def published() -> list[CloudEvent]:
        return [CloudEvent.model_validate(envelope["detail"]) for envelope in envelopes()]

    return Bus(EventBridgeBus(client, "timer-events"), published, refuse, wire)


@pytest.fixture(params=["memory", "moto"])
def bus(request: pytest.FixtureRequest) -> Bus:
    if request.param == "memory":
        return _in_memory()
    request.getfixturevalue("moto")
    return _on_moto()


@pytest.fixture
def eventbridge(moto: None) -> Bus:
    return _on_moto()


def events_of_a_life() -> list[CloudEvent]:
    created = common_timer(metadata={"note": "喝茶", "third": 1 / 3})
    steps = [None, created, fired(created), ended(fired(created))]
    changes = [TimerChange(before, after) for before, after in pairwise(steps) if after]
    return [event for change in changes for _, event in cloud_events(change)]


def many(number: int, size: int = 10) -> list[CloudEvent]:
    (event, *_) = events_of_a_life()
    return [
        event.model_copy(update={"id": f"event-{n}", "dedupekey": f"event-{n}", "data": {"text": "x" * size}})
        for n in range(number)
    ]


def test_events_arrive_whole(bus: Bus) -> None:
    events = events_of_a_life()
    assert len(events) == 3

    assert bus.port.publish(events) == []

    assert bus.published() == events


@pytest.mark.parametrize("number", [0, 1, 10, 11, 25])
def test_any_number_of_events_is_published_in_order(bus: Bus, number: int) -> None:
    events = many(number)

    assert bus.port.publish(events) == []

    assert bus.published() == events


def test_an_event_that_was_refused_is_told_and_the_rest_arrives(bus: Bus) -> None:
    events = many(8)
    bus.refuse(events[5])

    assert bus.port.publish(events) == [events[5]]

    assert bus.published() == events[:5] + events[6:]


def test_an_event_on_the_bus_can_be_chosen_by_its_type(eventbridge: Bus) -> None:
    eventbridge.port.publish(events_of_a_life())

    assert [envelope["detail-type"] for envelope in envelopes()] == [
        "io.minoots.timer.created.v1",
        "io.minoots.timer.fired.v1",
        "io.minoots.timer.settled.v1",
    ]
    assert {envelope["source"] for envelope in envelopes()} == {"io.minoots"}
    assert envelopes()[0]["time"].startswith("2027-01-15T08:00:00")
    assert envelopes()[0]["detail"]["time"] == "2027-01-15T08:00:00.000Z"
    assert NOW_MS == 1_800_000_000_000


def test_large_events_are_spread_over_calls(eventbridge: Bus) -> None:
    events = many(10, size=100_000)

    assert eventbridge.port.publish(events) == []

    assert eventbridge.published() == events
    assert eventbridge.wire is not None
    assert eventbridge.wire.calls == ["PutEvents"] * 5


def test_an_event_too_large_for_the_bus_is_refused_and_harms_no_other(eventbridge: Bus) -> None:
    small, large = many(3), many(1, size=250_000)[0]

    assert eventbridge.port.publish([small[0], large, *small[1:]]) == [large]

    assert eventbridge.published() == small


def test_a_bus_that_is_away_is_said_to_be(eventbridge: Bus) -> None:
    assert eventbridge.wire is not None
    eventbridge.wire.break_off("PutEvents", times=3)

    with pytest.raises(DependencyUnavailableError):
        eventbridge.port.publish(many(3))


def test_a_bus_that_goes_away_midway_refuses_the_rest(eventbridge: Bus) -> None:
    wire = eventbridge.wire
    assert wire is not None
    wire.intercept("PutEvents", wire.send)
    wire.break_off("PutEvents", times=3)
    events = many(25)

    assert eventbridge.port.publish(events) == events[10:]

    assert eventbridge.published() == events[:10]
