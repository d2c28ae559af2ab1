from __future__ import annotations

from typing import Any

import pytest

from minoots_contract.actions import Action
from minoots_contract.targets import TARGETS, BusTarget, QueueTarget
from tests.unit.contract.test_actions import refusals

QUEUE = "arn:aws:sqs:us-east-1:123456789012:orders"
FIFO = "arn:aws:sqs:us-east-1:123456789012:orders.fifo"
ARNS = {
    "queue": QUEUE,
    "topic": "arn:aws:sns:eu-west-1:123456789012:orders",
    "function": "arn:aws:lambda:us-east-1:123456789012:function:go:live",
    "stateMachine": "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:go",
    "bus": "arn:aws:events:us-east-1:123456789012:event-bus/orders",
}


def refused(parameters: dict[str, Any]) -> dict[str, str]:
    """What is wrong with a workflow event's parameters, by the place within them."""
    found = refusals({"actions": [{"id": "a", "kind": "workflow_event", "parameters": parameters}]})
    return {".".join(map(str, path[2:])): words for path, words in found.items()}


def event(**parameters: Any) -> dict[str, Any]:
    more = {"detailType": "order due"} if parameters["target"] == "bus" else {}
    return more | parameters


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_is_read_with_its_arn(target: str) -> None:
    parameters = event(target=target, arn=ARNS[target])
    assert refused(parameters) == {}
    action = Action(id="a", kind="workflow_event", parameters=parameters)
    assert (action.workflow_event().target, action.workflow_event().arn) == (target, ARNS[target])
    assert action.workflow_event().content is None


def test_a_bus_without_an_arn_is_the_deployments_own() -> None:
    target = BusTarget.model_validate({"target": "bus", "detailType": "order due", "detail": {"n": 1}})
    assert (target.arn, target.content) == (None, {"n": 1})


@pytest.mark.parametrize(
    ("parameters", "place", "says"),
    [
        ({}, "parameters.target", "bus, queue, topic, function, stateMachine"),
        ({"target": "Queue"}, "parameters.target", "write one of"),
        ({"target": ["queue"]}, "parameters.target", "write one of"),
        ({"target": "queue"}, "parameters.arn", "required"),
        ({"target": "bus"}, "parameters.detailType", "required"),
        ({"target": "bus", "detailType": ""}, "parameters.detailType", "at least 1"),
        ({"target": "bus", "detailType": "x" * 129}, "parameters.detailType", "at most 128"),
        ({"target": "bus", "detailType": "a\nb"}, "parameters.detailType", "pattern"),
        ({"target": "bus", "detailType": "x", "detail": [1]}, "parameters.detail", "dictionary"),
        ({"target": "bus", "detailType": "x", "payload": {}}, "parameters.payload", "not permitted"),
        ({"target": "queue", "arn": "orders"}, "parameters.arn", "arn:aws:sqs:us-east-1:123456789012:orders"),
        ({"target": "queue", "arn": QUEUE + "*"}, "parameters.arn", "whole ARN"),
        ({"target": "queue", "arn": QUEUE + "\n"}, "parameters.arn", "whole ARN"),
        ({"target": "queue", "arn": ARNS["topic"]}, "parameters.arn", "whole ARN"),
        ({"target": "topic", "arn": QUEUE}, "parameters.arn", "whole ARN"),
        ({"target": "function", "arn": "go"}, "parameters.arn", "function:fulfil"),
        ({"target": "stateMachine", "arn": QUEUE}, "parameters.arn", "stateMachine:fulfil"),
        ({"target": "queue", "arn": QUEUE, "groupId": "g"}, "parameters.groupId", "FIFO"),
        ({"target": "queue", "arn": FIFO, "groupId": "a b"}, "parameters.groupId", "pattern"),
        ({"target": "queue", "arn": QUEUE, "attributes": {"a": 1}}, "parameters.attributes.a", "string"),
        ({"target": "queue", "arn": QUEUE, "attributes": {"a": ""}}, "parameters.attributes.a", "at least 1"),
        ({"target": "queue", "arn": QUEUE, "attributes": {"a b": "x"}}, "parameters.attributes", "another name"),
        ({"target": "queue", "arn": QUEUE, "attributes": {"AWS.x": "x"}}, "parameters.attributes", "another name"),
        (
            {"target": "queue", "arn": QUEUE, "attributes": {"minoots-delivery-id": "x"}},
            "parameters.attributes",
            "another name",
        ),
        (
            {"target": "queue", "arn": QUEUE, "attributes": {f"a{n}": "x" for n in range(10)}},
            "parameters.attributes",
            "9",
        ),
        ({"target": "function", "arn": ARNS["function"], "attributes": {}}, "parameters.attributes", "not permitted"),
    ],
)
def test_parameters_that_do_not_fit_are_named(parameters: dict[str, Any], place: str, says: str) -> None:
    found = refused(parameters)
    assert list(found) == [place]
    assert says in found[place]


def test_a_fifo_queue_may_have_a_group_and_every_payload_is_any_json() -> None:
    for payload in ({"a": ["{{ timer.name }}"]}, [1], "text", 0, False):
        target = QueueTarget.model_validate({"target": "queue", "arn": FIFO, "groupId": "g", "payload": payload})
        assert (target.group_id, target.content) == ("g", payload)
