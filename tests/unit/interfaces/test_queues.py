from __future__ import annotations

import logging
from threading import Barrier, Event
from typing import Any

import pytest

from minoots_kernel.domain.errors import DependencyUnavailableError, UnknownHintError
from minoots_kernel.domain.messages import ActionMessage, MalformedMessageError, WakeUp
from minoots_kernel.domain.timer import Status
from minoots_kernel.interfaces.queues import QueueConsumer
from tests.unit.application.world import World, wake_up


def batch(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": f"m{number}", "body": body} for number, body in enumerate(bodies)]}


def failures(answer: dict[str, Any]) -> list[str]:
    assert list(answer) == ["batchItemFailures"]
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


@pytest.mark.parametrize(
    "error",
    [
        UnknownHintError("early"),
        DependencyUnavailableError("slow"),
        MalformedMessageError("no"),
        RuntimeError("a defect"),
        RecursionError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_message_that_fails_is_reported_and_its_siblings_are_done(error: Exception) -> None:
    done: list[str] = []

    def handle(body: str) -> None:
        if body == "bad":
            raise error
        done.append(body)

    consumer = QueueConsumer(handle, 4)
    assert failures(consumer(batch("one", "bad", "two", "bad"), None)) == ["m1", "m3"]
    assert sorted(done) == ["one", "two"]
    assert failures(consumer(batch("one"), None)) == []
    assert failures(consumer(batch(), None)) == []


def test_failures_are_logged_and_only_defects_as_errors(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "minoots_kernel")
    errors = iter([UnknownHintError("early"), DependencyUnavailableError("slow"), RuntimeError("a defect")])

    def handle(_: str) -> None:
        raise next(errors)

    QueueConsumer(handle, 1)(batch("a", "b", "c"), None)
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "ERROR"]


def test_one_slow_message_does_not_delay_its_siblings() -> None:
    siblings_done = Event()
    others = Barrier(9, action=siblings_done.set)

    def handle(body: str) -> None:
        if body == "slow":
            assert siblings_done.wait(30), "the siblings were kept waiting"
        else:
            others.wait(30)

    bodies = ["slow", *(str(number) for number in range(9))]
    assert failures(QueueConsumer(handle, 10)(batch(*bodies), None)) == []


def test_a_batch_of_wake_ups_fires_what_is_due_and_reports_what_is_not_known() -> None:
    world = World()
    timers = [world.new("a") for _ in range(3)]
    world.clock.advance_to(timers[0].fire_at_ms)
    bodies = [wake_up(timer).to_json() for timer in timers]
    unknown = WakeUp("demo", "not-yet", 1, timers[0].fire_at_ms).to_json()
    consumer = QueueConsumer(lambda body: world.fire(WakeUp.from_json(body)), 10)
    assert failures(consumer(batch(*bodies, unknown, "{}", "not json"), None)) == ["m3", "m4", "m5"]
    assert {world.now(timer).status for timer in timers} == {Status.FIRED}
    assert failures(consumer(batch(*bodies), None)) == [], "duplicates are done, not failed"


def test_a_batch_of_attempts_runs_each_and_reports_the_one_that_comes_too_early() -> None:
    world = World()
    timer = world.new_fired("a", "b", "c", concurrency=2)
    consumer = QueueConsumer(lambda body: world.run(ActionMessage.from_json(body)), 5)
    bodies = [message.to_json() for message in world.actions_due()]
    early = ActionMessage("demo", timer.id, "a", 9).to_json()
    assert failures(consumer(batch(*bodies, early), None)) == ["m2"]
    assert sorted(world.receiver.deliveries) == ["a#1", "b#1"]
