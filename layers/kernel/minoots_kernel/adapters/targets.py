"""Workflow events, over EventBridge, SQS, SNS, Lambda and Step Functions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, Literal

from botocore.exceptions import BotoCoreError, ClientError

from minoots_kernel.adapters.aws import error_code, is_unavailable
from minoots_kernel.domain.errors import ActionError, PermanentActionError, TransientActionError
from minoots_kernel.domain.targets import DELIVERY_ATTRIBUTE, TargetMessage

__all__ = ["SOURCE", "AwsTargets", "TargetService"]

SOURCE: Final = "io.minoots.workflow"
"""The source of events that timers publish for their callers; those about timers have one of their own."""

TargetService = Literal["events", "sqs", "sns", "lambda", "stepfunctions"]

# Refusals for load, or for a moment, that only these services know.
_PASSING: Final = frozenset(
    {
        "ExecutionLimitExceeded",
        "InternalException",
        "KMSThrottling",
        "KMSThrottlingException",
        "KmsThrottled",
        "ResourceConflictException",
        "Throttled",
    }
)
_THROTTLED: Final = re.compile("Throttl|TooManyRequests|LimitExceeded|RequestLimit|SlowDown|Exceeded")
_SERVICES: Final[dict[str, TargetService]] = {
    "bus": "events",
    "queue": "sqs",
    "topic": "sns",
    "function": "lambda",
    "stateMachine": "stepfunctions",
}


class AwsTargets:
    """The port over AWS, each call in the Region of the target's ARN.

    Args:
        client: Gives the client of a service for a Region; for the deployment's own without one. It is asked when a
            message goes out, because clients are dear to make and most deployments use few of them.
        event_bus: Name or ARN of the deployment's own bus.
    """

    def __init__(self, client: Callable[[TargetService, str | None], Any], event_bus: str) -> None:
        self._client = client
        self._event_bus = event_bus
        self._senders: dict[str, Callable[[Any, TargetMessage], None]] = {
            "bus": self._publish_event,
            "queue": _send_message,
            "topic": _publish_message,
            "function": _invoke,
            "stateMachine": _start_execution,
        }

    def send(self, message: TargetMessage) -> None:
        """Send one message; see the port."""
        service = _SERVICES[message.target]
        region = message.arn.split(":")[3] if message.arn else None
        try:
            self._senders[message.target](self._client(service, region), message)
        except (ClientError, BotoCoreError) as error:
            raise _failure(service, error) from error

    def _publish_event(self, events: Any, message: TargetMessage) -> None:
        entry = {
            "EventBusName": message.arn or self._event_bus,
            "Source": SOURCE,
            "DetailType": message.detail_type,
            "Detail": message.body,
        }
        (result,) = events.put_events(Entries=[entry])["Entries"]
        if "ErrorCode" in result:
            code = str(result["ErrorCode"])
            raise _refusal("events", code, passing=code in _ENTRY_PASSING)


# What PutEvents says of one entry within an answer of 200.
_ENTRY_PASSING: Final = frozenset({"InternalException", "InternalFailure", "ThrottlingException"})


def _send_message(sqs: Any, message: TargetMessage) -> None:
    arn = (message.arn or "").split(":")
    domain = "amazonaws.com.cn" if arn[1] == "aws-cn" else "amazonaws.com"
    url = f"https://sqs.{arn[3]}.{domain}/{arn[4]}/{arn[5]}"
    sqs.send_message(QueueUrl=url, MessageBody=message.body, **_beside(message))


def _publish_message(sns: Any, message: TargetMessage) -> None:
    sns.publish(TopicArn=message.arn, Message=message.body, **_beside(message))


def _beside(message: TargetMessage) -> dict[str, Any]:
    """Return what a queue's or topic's message has beside its content."""
    texts = {**dict(message.attributes), DELIVERY_ATTRIBUTE: message.identity}
    beside: dict[str, Any] = {
        "MessageAttributes": {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}
    }
    if message.group_id is not None:
        beside |= {"MessageGroupId": message.group_id, "MessageDeduplicationId": message.identity}
    return beside


def _invoke(functions: Any, message: TargetMessage) -> None:
    functions.invoke(FunctionName=message.arn, InvocationType="Event", Payload=message.body.encode())


def _start_execution(machines: Any, message: TargetMessage) -> None:
    try:
        machines.start_execution(stateMachineArn=message.arn, name=message.name, input=message.body)
    except ClientError as error:
        # An earlier attempt started it, and its answer was lost.
        if error_code(error) != "ExecutionAlreadyExists":
            raise


def _failure(service: TargetService, error: Exception) -> ActionError:
    if isinstance(error, ClientError):
        code = error_code(error)
        return _refusal(service, code, passing=is_unavailable(error) or code in _PASSING)
    if is_unavailable(error):
        return TransientActionError(f"{service} did not answer", failure="connection")
    return PermanentActionError(f"{service} cannot be asked: {type(error).__name__}", failure="unsendable")


def _refusal(service: TargetService, code: str, *, passing: bool) -> ActionError:
    # The service's own text is left out: it may quote what was sent, and names roles of the account.
    said = f"{service} refused: {code or 'unknown'}"
    if not passing:
        return PermanentActionError(said, failure="clientError")
    return TransientActionError(said, failure="throttled" if _THROTTLED.search(code) else "serverError")
