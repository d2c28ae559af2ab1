from __future__ import annotations

import logging
from dataclasses import dataclass, field
from threading import Barrier, Event
from typing import Any

import pytest

from minoots_kernel.domain.errors import DependencyUnavailableError, UnknownHintError
from minoots_kernel.domain.messages import ActionMessage, MalformedMessageError, WakeUp
from minoots_kernel.domain.timer import Status
from minoots_kernel.interfaces.queues import QueueConsumer
from tests.unit.application.world import World, wake_up


@dataclass
class Visibility:
    """Remembers which receipts were hidden for how long."""

    hidden: dict[str, int] = field(default_factory=dict)
    answers: bool = True

    def hide(self, receipt_handle: str, for_s: int) -> None:
        if not self.answers:
            raise DependencyUnavailableError("The queue did not answer.")
        self.hidden[receipt_handle] = for_s


def batch(*bodies: str, deliveries: int = 1) -> dict[str, Any]:
    records = [
        {
            "messageId": f"m{number}",
            "receiptHandle": f"r{number}",
            "body": body,
            "attributes": {"ApproximateReceiveCount": str(deliveries)},
        }
        for number, body in enumerate(bodies)
    ]
    return {"Records": records}


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

    def handle(body: str, _: bool) -> None:
        if body == "bad":
            raise error
        done.append(body)

    consumer = QueueConsumer(handle, 4, Visibility())
    assert failures(consumer(batch("one", "bad", "two", "bad"), None)) == ["m1", "m3"]
    assert sorted(done) == ["one", "two"]
    assert failures(consumer(batch("one"), None)) == []
    assert failures(consumer(batch(), None)) == []


@pytest.mark.parametrize(("deliveries", "after_s"), [(1, 2), (2, 15), (3, 90), (4, 360), (9, 360)])
def test_a_message_that_fails_comes_back_soon_and_later_each_time(deliveries: int, after_s: int) -> None:
    seen: list[bool] = []
    visibility = Visibility()

    def handle(body: str, again: bool) -> None:
        seen.append(again)
        if body == "bad":
            raise DependencyUnavailableError("slow")

    QueueConsumer(handle, 1, visibility)(batch("good", "bad", deliveries=deliveries), None)
    assert visibility.hidden == {"r1": after_s}
    assert seen == [deliveries > 1] * 2, "it is told whether it was delivered before"


def test_a_message_that_cannot_be_brought_back_is_a_failure_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    def handle(_: str, __: bool) -> None:
        raise DependencyUnavailableError("slow")

    assert failures(QueueConsumer(handle, 1, Visibility(answers=False))(batch("a"), None)) == ["m0"]
    assert "message waits longer" in caplog.messages


def test_failures_are_logged_and_only_defects_as_errors(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "minoots_kernel")
    errors = iter([UnknownHintError("early"), DependencyUnavailableError("slow"), RuntimeError("a defect")])

    def handle(_: str, __: bool) -> None:
        raise next(errors)

    QueueConsumer(handle, 1, Visibility())(batch("a", "b", "c"), None)
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "ERROR"]


def test_one_slow_message_does_not_delay_its_siblings() -> None:
    siblings_done = Event()
    others = Barrier(9, action=siblings_done.set)

    def handle(body: str, _: bool) -> None:
        if body == "slow":
            assert siblings_done.wait(30), "the siblings were kept waiting"
        else:
            others.wait(30)

    bodies = ["slow", *(str(number) for number in range(9))]
    assert failures(QueueConsumer(handle, 10, Visibility())(batch(*bodies), None)) == []


def test_a_batch_of_wake_ups_fires_what_is_due_and_reports_what_is_not_known() -> None:
    world = World()
    timers = [world.new("a") for _ in range(3)]
    world.clock.advance_to(timers[0].fire_at_ms)
    bodies = [wake_up(timer).to_json() for timer in timers]
    unknown = WakeUp("demo", "not-yet", 1, timers[0].fire_at_ms).to_json()
    consumer = QueueConsumer(lambda body, again: world.fire(WakeUp.from_json(body), again=again), 10, Visibility())
    assert failures(consumer(batch(*bodies, unknown, "{}", "not json"), None)) == ["m3", "m4", "m5"]
    assert {world.now(timer).status for timer in timers} == {Status.FIRED}
    assert failures(consumer(batch(*bodies), None)) == [], "duplicates are done, not failed"


def test_a_batch_of_attempts_runs_each_and_reports_the_one_that_comes_too_early() -> None:
    world = World()
    timer = world.new_fired("a", "b", "c", concurrency=2)
    consumer = QueueConsumer(lambda body, again: world.run(ActionMessage.from_json(body), again=again), 5, Visibility())
    bodies = [message.to_json() for message in world.actions_due()]
    early = ActionMessage("demo", timer.id, "a", 9).to_json()
    assert failures(consumer(batch(*bodies, early), None)) == ["m2"]
    assert sorted(world.receiver.deliveries) == ["a#1", "b#1"]
