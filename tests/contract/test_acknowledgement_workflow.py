"""The state machine that waits beside actions: in memory, and moto's Step Functions with a machine that waits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from minoots_kernel.adapters import aws
from minoots_kernel.adapters.memory import MemoryAcknowledgementWorkflow
from minoots_kernel.adapters.stepfunctions import StepFunctionsWorkflow
from minoots_kernel.application.acknowledgement_ports import AcknowledgementWorkflow
from minoots_kernel.domain.errors import DependencyUnavailableError
from minoots_kernel.domain.executions import Execution, NextMove
from tests.support.waiting import until

FIRST = Execution("0190-t1-abc-a1", "demo", "0190-t1", "look", NextMove("ask", 1, 60))

DEFINITION = {
    "StartAt": "Ask",
    "States": {
        "Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {
                "QueueUrl": "QUEUE",
                "MessageBody": {"token.$": "$$.Task.Token", "name.$": "$$.Execution.Name", "input.$": "$"},
            },
            "HeartbeatSecondsPath": "$.next.seconds",
            "TimeoutSeconds": 600,
            "End": True,
        }
    },
}


@dataclass
class Member:
    """One member of the family, and how its executions are seen from outside."""

    workflow: AcknowledgementWorkflow
    token_of: Callable[[str], str]
    names: Callable[[], list[str]]
    ended: Callable[[str], bool]


def _memory() -> Member:
    workflow = MemoryAcknowledgementWorkflow()

    def token_of(name: str) -> str:
        workflow.waiting.add(name)
        return name

    return Member(workflow, token_of, lambda: list(workflow.started), lambda name: name not in workflow.waiting)


def _moto() -> Member:
    queue = boto3.client("sqs", "us-east-1").create_queue(QueueName="asked")["QueueUrl"]
    machines, messages = boto3.client("stepfunctions", "us-east-1"), boto3.client("sqs", "us-east-1")
    definition = json.dumps(DEFINITION).replace("QUEUE", queue)
    role = "arn:aws:iam::123456789012:role/any"
    arn = machines.create_state_machine(name="asking", definition=definition, roleArn=role)["stateMachineArn"]

    def executions() -> dict[str, str]:
        found = machines.list_executions(stateMachineArn=arn)["executions"]
        return {one["name"]: one["status"] for one in found}

    def token_of(name: str) -> str:
        found = until(lambda: messages.receive_message(QueueUrl=queue).get("Messages"))
        body = json.loads(found[0]["Body"])
        assert body["name"] == name
        assert body["input"]["timerId"] == "0190-t1"
        return str(body["token"])

    workflow = StepFunctionsWorkflow(lambda: aws.client("stepfunctions", {}), arn)
    return Member(workflow, token_of, lambda: list(executions()), lambda name: executions()[name] == "SUCCEEDED")


@pytest.fixture(params=["memory", "moto"])
def member(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Member]:
    if request.param == "memory":
        yield _memory()
        return
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        yield _moto()


def test_starting_twice_is_starting_once(member: Member) -> None:
    member.workflow.start(FIRST)
    member.workflow.start(FIRST)
    member.workflow.start(replace(FIRST, first=NextMove("ask", 1, 7)))
    assert member.names() == [FIRST.name]
    member.workflow.wake(member.token_of(FIRST.name))


def test_an_execution_that_is_woken_goes_on_and_its_token_is_over(member: Member) -> None:
    member.workflow.start(FIRST)
    token = member.token_of(FIRST.name)
    assert member.workflow.keep(token)
    assert member.workflow.wake(token)
    until(lambda: member.ended(FIRST.name))
    assert not member.workflow.wake(token)
    assert not member.workflow.keep(token)


def test_a_token_of_nobody_wakes_nobody(member: Member) -> None:
    assert not member.workflow.wake("AQ-nobody")
    assert not member.workflow.keep("AQ-nobody")


class Silent:
    """A client that gets no answer, or a refusal."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, _name: str) -> Callable[..., None]:
        def call(**_arguments: object) -> None:
            raise self.error

        return call


def refusal(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "StartExecution")


@pytest.mark.parametrize(
    "error", [EndpointConnectionError(endpoint_url="x"), refusal("ThrottlingException"), refusal("Any", 500)]
)
def test_silence_and_refusals_for_load_are_worth_another_try(error: Exception) -> None:
    workflow = StepFunctionsWorkflow(lambda: Silent(error), "arn")
    for call in (lambda: workflow.start(FIRST), lambda: workflow.wake("x"), lambda: workflow.keep("x")):
        with pytest.raises(DependencyUnavailableError):
            call()


def test_other_refusals_are_not_hidden() -> None:
    workflow = StepFunctionsWorkflow(lambda: Silent(refusal("AccessDeniedException")), "arn")
    with pytest.raises(ClientError):
        workflow.wake("x")
