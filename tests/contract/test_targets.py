"""What workflow events do in AWS, on moto; it runs no functions, so those are the local stack's to show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from moto import mock_aws

from minoots_kernel.adapters import aws
from minoots_kernel.adapters.targets import AwsTargets, TargetService
from minoots_kernel.domain.errors import PermanentActionError, TransientActionError
from minoots_kernel.domain.targets import TargetMessage

pytestmark = pytest.mark.contract

ACCOUNT = "123456789012"
ID = "0190-t1_a"


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch, boto_session: boto3.Session) -> Iterator[None]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        monkeypatch.setattr("boto3.DEFAULT_SESSION", boto_session)
        yield


def client(service: TargetService, region: str | None = None) -> Any:
    return aws.client(service, {"AWS_REGION": region} if region else {})


def targets() -> AwsTargets:
    return AwsTargets(client, "own")


def message(target: str, arn: str | None, **more: Any) -> TargetMessage:
    fields = {"identity": ID, "name": "0190-t1-abc", "body": '{"n":1}', "detail_type": "due"} | more
    return TargetMessage(target=target, arn=arn, **fields)


def a_queue(name: str = "orders", region: str = "us-east-1", **attributes: str) -> tuple[str, Any]:
    sqs = client("sqs", region)
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def received() -> list[dict[str, Any]]:
        found = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
        )
        return list(found.get("Messages", []))

    return f"arn:aws:sqs:{region}:{ACCOUNT}:{name}", received


def test_a_queue_gets_the_body_and_the_delivery_id_beside_it() -> None:
    arn, received = a_queue()
    targets().send(message("queue", arn, attributes=(("kind", "tea"),)))
    (got,) = received()
    assert got["Body"] == '{"n":1}'
    texts = {name: one["StringValue"] for name, one in got["MessageAttributes"].items()}
    assert texts == {"kind": "tea", "minoots-delivery-id": ID}


def test_a_queue_of_another_region_is_asked_there() -> None:
    arn, received = a_queue(region="eu-west-1")
    targets().send(message("queue", arn))
    assert len(received()) == 1


def test_a_fifo_queue_takes_a_repeat_once() -> None:
    arn, received = a_queue("orders.fifo", FifoQueue="true")
    for _ in range(2):
        targets().send(message("queue", arn, group_id="g"))
    (got,) = received()
    assert got["Attributes"]["MessageDeduplicationId"] == ID
    assert got["Attributes"]["MessageGroupId"] == "g"


def test_a_topic_passes_body_and_delivery_id_on() -> None:
    queue, received = a_queue()
    sns = client("sns")
    topic = sns.create_topic(Name="orders")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    targets().send(message("topic", topic, attributes=(("kind", "tea"),)))
    (got,) = received()
    assert got["Body"] == '{"n":1}'
    assert got["MessageAttributes"]["minoots-delivery-id"]["StringValue"] == ID


@pytest.mark.parametrize("own", [True, False])
def test_a_bus_gets_the_event_under_our_source_and_the_callers_type(own: bool) -> None:
    queue, received = a_queue()
    events = client("events")
    name = "own" if own else "orders"
    bus = events.create_event_bus(Name=name)["EventBusArn"]
    events.put_rule(Name="all", EventBusName=name, EventPattern='{"source": ["io.minoots.workflow"]}')
    events.put_targets(Rule="all", EventBusName=name, Targets=[{"Id": "queue", "Arn": queue}])
    targets().send(message("bus", None if own else bus, body=json.dumps({"id": ID, "data": {"n": 1}})))
    (got,) = (json.loads(one["Body"]) for one in received())
    assert (got["detail-type"], got["detail"]) == ("due", {"id": ID, "data": {"n": 1}})


def a_state_machine() -> str:
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Pass", "End": True}}})
    role = f"arn:aws:iam::{ACCOUNT}:role/any"
    arn: str = client("stepfunctions").create_state_machine(name="orders", definition=definition, roleArn=role)[
        "stateMachineArn"
    ]
    return arn


def test_a_state_machine_is_started_once_however_often_the_attempt_is_made() -> None:
    arn = a_state_machine()
    for body in ('{"n":1}', '{"n":2}'):
        targets().send(message("stateMachine", arn, body=body))
    machines = client("stepfunctions")
    (execution,) = machines.list_executions(stateMachineArn=arn)["executions"]
    assert execution["name"] == "0190-t1-abc"
    assert machines.describe_execution(executionArn=execution["executionArn"])["input"] == '{"n":1}'


@pytest.mark.parametrize(
    ("target", "arn"),
    [
        ("bus", f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/none"),
        ("queue", f"arn:aws:sqs:us-east-1:{ACCOUNT}:none"),
        ("topic", f"arn:aws:sns:us-east-1:{ACCOUNT}:none"),
        ("stateMachine", f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:none"),
    ],
)
def test_what_is_not_there_fails_for_good(target: str, arn: str) -> None:
    with pytest.raises(PermanentActionError, match=r"refused: .*(NotFound|NotExist|NonExistent)"):
        targets().send(message(target, arn))


class Failing:
    """A client whose every call ends the same way."""

    def __init__(self, outcome: Any) -> None:
        self._outcome = outcome

    def __getattr__(self, _name: str) -> Any:
        def call(**_arguments: Any) -> Any:
            if isinstance(self._outcome, Exception):
                raise self._outcome
            return self._outcome

        return call


def refused(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "secret"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Call")


ARNS = {
    "queue": f"arn:aws:sqs:us-east-1:{ACCOUNT}:orders",
    "topic": f"arn:aws:sns:us-east-1:{ACCOUNT}:orders",
    "function": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:orders",
    "stateMachine": f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:orders",
    "bus": None,
}


def send(target: str, outcome: Any) -> None:
    AwsTargets(lambda _service, _region: Failing(outcome), "own").send(message(target, ARNS[target]))


@pytest.mark.parametrize(
    ("target", "outcome"),
    [
        ("queue", refused("RequestThrottled", 403)),
        ("queue", refused("AWS.SimpleQueueService.RequestThrottled")),
        ("queue", refused("KmsThrottled")),
        ("topic", refused("Throttled", 429)),
        ("topic", refused("KMSThrottling")),
        ("topic", refused("InternalError", 500)),
        ("function", refused("TooManyRequestsException", 429)),
        ("function", refused("ResourceConflictException", 409)),
        ("function", refused("ServiceException", 500)),
        ("stateMachine", refused("ExecutionLimitExceeded")),
        ("stateMachine", refused("ThrottlingException")),
        ("bus", refused("ThrottlingException")),
        ("bus", {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}),
        ("bus", {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}),
        ("topic", EndpointConnectionError(endpoint_url="https://sns")),
    ],
)
def test_what_may_pass_is_worth_another_attempt(target: str, outcome: Any) -> None:
    with pytest.raises(TransientActionError) as caught:
        send(target, outcome)
    assert "secret" not in caught.value.reason


@pytest.mark.parametrize(
    ("target", "outcome"),
    [
        ("queue", refused("AccessDenied", 403)),
        ("topic", refused("AuthorizationError", 403)),
        ("function", refused("AccessDeniedException", 403)),
        ("function", refused("ResourceNotFoundException", 404)),
        ("function", refused("RequestTooLargeException", 413)),
        ("stateMachine", refused("InvalidExecutionInput")),
        ("bus", {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "NotAuthorizedForSourceException"}]}),
        ("queue", NoCredentialsError()),
    ],
)
def test_what_will_not_pass_fails_for_good_without_the_services_own_words(target: str, outcome: Any) -> None:
    with pytest.raises(PermanentActionError) as caught:
        send(target, outcome)
    assert "secret" not in caught.value.reason
