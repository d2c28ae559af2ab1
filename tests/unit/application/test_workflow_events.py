from __future__ import annotations

import json
from typing import Any

import pytest

from minoots_kernel.domain.errors import (
    InvalidTimerError,
    PermanentActionError,
    TargetNotAllowedError,
    TransientActionError,
)
from minoots_kernel.domain.targets import AllowedTargets, TargetMessage
from minoots_kernel.domain.timer import Status, Timer
from tests.unit.application.world import ALLOWED, DEMO, World, wake_up
from tests.unit.domain.builders import request

FIFO = "arn:aws:sqs:us-east-1:123456789012:orders.fifo"


def create(world: World, *parameters: dict[str, Any], attempts: int = 1, **more: Any) -> Timer:
    actions = [{"id": f"a{index}", "kind": "workflow_event", "parameters": one} for index, one in enumerate(parameters)]
    bundle = {"actions": actions, "concurrency": len(actions), "retryPolicy": {"maxAttempts": attempts}}
    return world.create(DEMO, request(actionBundle=bundle, **more))


def run(world: World, timer: Timer) -> Timer:
    world.clock.advance_to(timer.fire_at_ms)
    world.fire(wake_up(timer))
    for message in world.actions_due():
        world.run(message)
    return world.now(timer)


def sent(*parameters: dict[str, Any], **more: Any) -> tuple[Timer, list[TargetMessage]]:
    world = World()
    timer = run(world, create(world, *parameters, **more))
    assert timer.status is Status.SETTLED
    return timer, world.targets.sent


def to(target: str, **more: Any) -> dict[str, Any]:
    return {"target": target, "arn": ALLOWED[target][0]} | ({"detailType": "due"} if target == "bus" else {}) | more


@pytest.mark.parametrize("target", sorted(ALLOWED))
def test_every_target_is_reached_and_settles_the_timer(target: str) -> None:
    timer, (message,) = sent(to(target))
    assert (message.target, message.arn) == (target, ALLOWED[target][0])
    assert message.identity == f"{timer.id}_a0"
    assert timer.actions[0].attempts[0].status_code is None


@pytest.mark.parametrize("target", ["queue", "topic", "stateMachine"])
def test_a_payload_is_sent_as_it_is_with_its_placeholders_filled_in(target: str) -> None:
    payload = {"order": "{{ timer.metadata.order }}", "text": "{{ timer.name }}: {{ deliveryId }}, {{ attempt }}"}
    timer, (message,) = sent(to(target, payload=payload), name="tea", metadata={"order": 7})
    assert json.loads(message.body) == {"order": 7, "text": f"tea: {timer.id}_a0, 1"}


@pytest.mark.parametrize(("target", "kind"), [("bus", "due"), ("function", "io.minoots.workflow_event.v1")])
def test_a_bus_and_a_function_get_a_cloud_event_with_the_delivery_id(target: str, kind: str) -> None:
    content = {"order": "{{ timer.metadata.order }}"}
    timer, (message,) = sent(
        to(target, **{"detail" if target == "bus" else "payload": content}), metadata={"order": [1]}
    )
    event = json.loads(message.body)
    assert (event["specversion"], event["id"], event["type"]) == ("1.0", f"{timer.id}_a0", kind)
    assert (event["source"], event["subject"], event["tenantid"]) == ("/tenants/demo/timers", timer.id, "demo")
    assert event["data"] == {"order": [1]}


@pytest.mark.parametrize("target", sorted(ALLOWED))
def test_without_a_template_the_timer_itself_is_sent(target: str) -> None:
    timer, (message,) = sent(to(target), metadata={"n": 1}, labels={"a": "b"})
    body = json.loads(message.body)
    content = body["data"] if target in {"bus", "function"} else body
    assert content["type"] == "io.minoots.timer.fired.v1"
    assert content["deliveryId"] == f"{timer.id}_a0"
    assert (content["timer"]["id"], content["timer"]["metadata"]) == (timer.id, {"n": 1})
    assert (content["timer"]["labels"], content["timer"]["latenessMs"]) == ({"a": "b"}, 0)


def test_a_text_is_a_message_as_it_is_and_json_elsewhere() -> None:
    _, (queue, machine) = sent(to("queue", payload="{{ timer.name }}"), to("stateMachine", payload="x"), name="tea")
    assert (queue.body, machine.body) == ("tea", '"x"')


def test_attributes_are_texts_with_their_placeholders_filled_in() -> None:
    _, (message,) = sent(to("topic", attributes={"n": "{{ timer.metadata.n }}", "b": "x"}), metadata={"n": 7})
    assert message.attributes == (("n", "7"), ("b", "x"))


def test_a_fifo_message_has_a_group_and_others_have_none() -> None:
    timer, messages = sent(to("queue", arn=FIFO), to("queue", arn=FIFO, groupId="g"), to("queue", payload={}))
    assert [message.group_id for message in messages] == [timer.id, "g", None]


def test_the_name_of_an_execution_is_one_for_all_attempts_and_differs_between_actions() -> None:
    world = World()
    world.targets.failures += [TransientActionError("stepfunctions refused: ThrottlingException")]
    timer = create(world, to("stateMachine"), to("stateMachine"), attempts=2)
    world.play(timer.fire_at_ms + 10_000)
    assert world.now(timer).status is Status.SETTLED
    first, second = {message.name for message in world.targets.sent}
    assert first != second
    again = World()
    retried = create(again, to("stateMachine"), attempts=1)
    run(again, retried)
    assert again.targets.sent[0].name in {first, second}
    assert all(len(name) <= 80 and name.replace("-", "").isalnum() for name in (first, second))


@pytest.mark.parametrize(
    ("failure", "tries"),
    [(TransientActionError("sqs refused: Throttling"), 3), (PermanentActionError("sqs refused: AccessDenied"), 1)],
)
def test_only_what_may_pass_is_tried_again(failure: TransientActionError | PermanentActionError, tries: int) -> None:
    world = World()
    world.targets.failures += [failure] * 3
    timer = create(world, to("queue"), attempts=3)
    world.play(timer.fire_at_ms + 60_000)
    (letter,) = world.dead_letters.letters
    assert (letter.kind, letter.reason, len(letter.attempts)) == ("workflow_event", failure.reason, tries)
    assert world.targets.sent == []


@pytest.mark.parametrize(
    ("target", "arn", "parameter"),
    [
        ("bus", "arn:aws:events:us-east-1:123456789012:event-bus/other", "AllowedBuses"),
        ("queue", "arn:aws:sqs:us-east-1:123456789012:other", "AllowedQueues"),
        ("queue", "arn:aws:sqs:us-west-2:123456789012:orders", "AllowedQueues"),
        ("queue", "arn:aws:sqs:us-east-1:123456789012:Orders", "AllowedQueues"),
        ("topic", "arn:aws:sns:us-east-1:210987654321:orders", "AllowedTopics"),
        ("function", "arn:aws:lambda:us-east-1:123456789012:function:orders:live", "AllowedFunctions"),
        ("stateMachine", "arn:aws:states:us-east-1:123456789012:stateMachine:other", "AllowedStateMachines"),
    ],
)
def test_a_target_that_is_not_allowed_is_refused_with_what_to_change(target: str, arn: str, parameter: str) -> None:
    world = World()
    with pytest.raises(TargetNotAllowedError) as caught:
        create(world, to("queue"), to(target, arn=arn))
    ((field, words),) = caught.value.fields
    assert field == "actionBundle.actions[1].parameters.arn"
    assert words.endswith(parameter)
    assert world.store.timers == []


def test_a_target_that_is_no_longer_allowed_is_not_called() -> None:
    world = World()
    timer = create(world, to("queue"), attempts=5)
    world.allowed._allowed.update(AllowedTargets(queue=[])._allowed)
    assert run(world, timer).status is Status.FAILED
    assert world.targets.sent == []
    assert "AllowedQueues" in world.dead_letters.letters[0].reason


@pytest.mark.parametrize(
    ("parameters", "field", "says"),
    [
        (to("queue", payload={"a": ["{{ timer.metadata.x }}"]}), "payload.a[0]", "timer.metadata.x"),
        (to("bus", detail={"a": "{{ nothing }}"}), "detail.a", "nothing"),
        (to("topic", attributes={"a": "{{ timer.labels.x }}"}), "attributes.a", "timer.labels.x"),
        (to("function", payload="{{"), "payload", "{{"),
        (to("stateMachine", payload=["{{ timer.metadata }}"] * 30), "payload", "more text"),
    ],
)
def test_a_template_that_cannot_be_filled_in_is_refused_when_the_timer_is_made(
    parameters: dict[str, Any], field: str, says: str
) -> None:
    world = World()
    with pytest.raises(InvalidTimerError) as caught:
        create(world, parameters, metadata={"big": "x" * 10_000})
    ((place, words),) = caught.value.fields
    assert place.startswith(f"actionBundle.actions[0].parameters.{field}")
    assert says in words
    assert world.store.timers == []
