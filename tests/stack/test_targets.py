"""Workflow events of the real template reach queues, topics, buses, state machines and functions of the local stack."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from minoots_local.local_stack import LocalStack
from minoots_local.settings import LocalSettings
from tests.support.stack_process import HEADERS
from tests.support.waiting import until

pytestmark = pytest.mark.stack

QUEUE = "arn:aws:sqs:us-east-1:123456789012:orders"
TOPIC = "arn:aws:sns:us-east-1:123456789012:orders"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:orders"
SWEEP = "arn:aws:lambda:us-east-1:123456789012:function:minoots-local-KernelSweepFunction"
ALLOWED = {
    "AllowedQueues": QUEUE,
    "AllowedTopics": TOPIC,
    "AllowedStateMachines": MACHINE,
    "AllowedFunctions": SWEEP,
}


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with LocalStack(LocalSettings(port=0, aws_port=None, parameters=ALLOWED)) as running:
        yield running


@pytest.fixture(scope="module")
def take(stack: LocalStack) -> Callable[[], list[dict[str, Any]]]:
    sqs = stack.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]

    def received() -> list[dict[str, Any]]:
        got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        return list(got.get("Messages", []))

    return received


@pytest.fixture
def settled(stack: LocalStack) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def run(parameters: dict[str, Any]) -> dict[str, Any]:
        actions = [{"id": "a", "kind": "workflow_event", "parameters": parameters}]
        body = {"requestedBy": "test", "duration": 1, "metadata": {"n": 7}, "actionBundle": {"actions": actions}}
        created = httpx.post(f"{stack.url}/timers", json=body, headers=HEADERS, timeout=20)
        assert created.status_code == 201, created.text

        def ended() -> Any:
            timer = httpx.get(f"{stack.url}/timers/{created.json()['id']}", headers=HEADERS, timeout=20).json()
            return timer if timer["status"] in {"settled", "failed"} else None

        timer: dict[str, Any] = until(ended, 30)
        assert timer["status"] == "settled", timer
        return timer

    return run


Settle = Callable[[dict[str, Any]], dict[str, Any]]
Take = Callable[[], list[dict[str, Any]]]


def test_a_queue_gets_the_message_with_the_delivery_id(settled: Settle, take: Take) -> None:
    timer = settled({"target": "queue", "arn": QUEUE, "payload": {"n": "{{ timer.metadata.n }}"}})
    (got,) = until(take)
    assert json.loads(got["Body"]) == {"n": 7}
    assert got["MessageAttributes"]["minoots-delivery-id"]["StringValue"] == f"{timer['id']}_a"


def test_a_topic_passes_the_message_on_to_its_queue(stack: LocalStack, settled: Settle, take: Take) -> None:
    sns = stack.client("sns")
    sns.create_topic(Name="orders")
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE, Attributes={"RawMessageDelivery": "true"})
    settled({"target": "topic", "arn": TOPIC, "payload": "due"})
    (got,) = until(take)
    assert got["Body"] == "due"


def test_the_stacks_own_bus_needs_no_allow_list(stack: LocalStack, settled: Settle) -> None:
    seen: list[dict[str, Any]] = []
    stack.account.buses.listeners.append(lambda _bus, event: seen.append(event))
    timer = settled({"target": "bus", "detailType": "order due", "detail": {"n": "{{ timer.metadata.n }}"}})
    (event,) = [one for one in seen if one["DetailType"] == "order due"]
    detail = json.loads(event["Detail"])
    assert (event["Source"], detail["id"], detail["data"]) == ("io.minoots.workflow", f"{timer['id']}_a", {"n": 7})


def test_a_state_machine_is_started(stack: LocalStack, settled: Settle) -> None:
    machines = stack.client("stepfunctions")
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Pass", "End": True}}})
    machines.create_state_machine(name="orders", definition=definition, roleArn="arn:aws:iam::123456789012:role/any")
    timer = settled({"target": "stateMachine", "arn": MACHINE})
    (execution,) = machines.list_executions(stateMachineArn=MACHINE)["executions"]
    assert execution["name"].startswith(timer["id"])


def test_a_function_of_the_stack_is_invoked(
    stack: LocalStack, settled: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(stack.functions["KernelSweepFunction"], "invoke", seen.append)
    timer = settled({"target": "function", "arn": SWEEP, "payload": {"rebuild": False}})
    until(lambda: any(one.get("id") == f"{timer['id']}_a" for one in seen))


def test_what_is_not_on_the_list_is_a_422_that_says_what_to_change(stack: LocalStack) -> None:
    parameters = {"target": "queue", "arn": f"{QUEUE}-2"}
    actions = [{"id": "a", "kind": "workflow_event", "parameters": parameters}]
    body = {"requestedBy": "test", "duration": "1h", "actionBundle": {"actions": actions}}
    answer = httpx.post(f"{stack.url}/timers", json=body, headers=HEADERS, timeout=20)
    assert (answer.status_code, answer.json()["code"]) == (422, "target-not-allowed")
    ((field, message),) = [(one["field"], one["message"]) for one in answer.json()["errors"]]
    assert field == "actionBundle.actions[0].parameters.arn"
    assert "AllowedQueues" in message
