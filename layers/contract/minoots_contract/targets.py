"""Parameters of actions of kind `workflow_event`: what a timer publishes, sends or starts in AWS when it fires."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, model_validator

from minoots_contract.model import DeferredModel, Line, field_error

__all__ = [
    "TARGETS",
    "BusTarget",
    "FunctionTarget",
    "QueueTarget",
    "StateMachineTarget",
    "TopicTarget",
    "WorkflowTarget",
    "read_target",
]

_PARTITION_TO_ACCOUNT = "arn:aws[a-z-]*:{service}:[a-z0-9-]+:[0-9]{{12}}:"
_MESSAGE_FIELD: Final = re.compile(r"(?!aws\.|amazon\.|minoots-)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.IGNORECASE)


def _arn(service: str, rest: str, example: str) -> AfterValidator:
    pattern = re.compile(_PARTITION_TO_ACCOUNT.format(service=service) + rest)

    def check(arn: str) -> str:
        if not pattern.fullmatch(arn):
            raise ValueError(f"write the whole ARN, such as arn:aws:{service}:us-east-1:123456789012:{example}")
        return arn

    return AfterValidator(check)


def _attributes(attributes: dict[str, str]) -> dict[str, str]:
    for name in attributes:
        if len(name) > 128 or not _MESSAGE_FIELD.fullmatch(name):
            raise ValueError(
                f"the attribute '{name[:64]}' needs another name: letters, digits, '_', '-' and '.', at most 128, and "
                "none of the prefixes aws., amazon. and minoots-"
            )
    return attributes


_QueueArn = Annotated[str, _arn("sqs", r"[A-Za-z0-9_-]{1,80}(\.fifo)?", "orders")]
_TopicArn = Annotated[str, _arn("sns", r"[A-Za-z0-9_-]{1,256}(\.fifo)?", "orders")]
_FunctionArn = Annotated[
    str, _arn("lambda", r"function:[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_$-]{1,128})?", "function:fulfil")
]
_MachineArn = Annotated[
    str, _arn("states", r"stateMachine:[A-Za-z0-9_-]{1,80}(:[A-Za-z0-9_-]{1,80})?", "stateMachine:fulfil")
]
_BusArn = Annotated[str, _arn("events", r"event-bus/[A-Za-z0-9._/-]{1,256}", "event-bus/orders")]

_PAYLOAD = "JSON with placeholders such as {{ timer.metadata.order }}; without it the timer itself is sent."
# SQS takes ten attributes of a message, and one of them is the delivery's id.
_Attributes: TypeAlias = Annotated[
    dict[str, Annotated[str, StringConstraints(min_length=1, max_length=1024)]],
    Field(max_length=9, description="Message attributes, each of type String; values may have placeholders."),
    AfterValidator(_attributes),
]
_Group = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!\"#$%&'()*+,./:;<=>?@\[\\\]^_`{|}~-]{1,128}$")]
_GROUP_HELP = "Message group of a FIFO queue or topic; the timer's id without it."


class BusTarget(DeferredModel):
    """An event on an EventBridge bus: a CloudEvent whose `id` is the delivery id and whose `data` is `detail`."""

    target: Literal["bus"]
    arn: _BusArn | None = Field(default=None, description="Another bus than the deployment's own.")
    detail_type: Annotated[Line, StringConstraints(max_length=128)]
    detail: dict[str, JsonValue] | None = Field(default=None, description=_PAYLOAD)

    @property
    def content(self) -> JsonValue:
        """The template of what is sent, if there is one."""
        return self.detail


class _Message(DeferredModel):
    arn: str
    payload: JsonValue = Field(default=None, description=_PAYLOAD)
    attributes: _Attributes = Field(default_factory=dict)
    group_id: _Group | None = Field(default=None, description=_GROUP_HELP)

    @property
    def content(self) -> JsonValue:
        """The template of what is sent, if there is one."""
        return self.payload

    @model_validator(mode="after")
    def _fifo_alone_has_groups(self) -> Self:
        if self.group_id is not None and not self.arn.endswith(".fifo"):
            raise field_error("groupId", "only FIFO queues and topics, whose names end in .fifo, have message groups")
        return self


class QueueTarget(_Message):
    """A message on an SQS queue; its attribute `minoots-delivery-id` is the delivery id."""

    target: Literal["queue"]
    arn: _QueueArn


class TopicTarget(_Message):
    """A message to an SNS topic; its attribute `minoots-delivery-id` is the delivery id."""

    target: Literal["topic"]
    arn: _TopicArn


class FunctionTarget(DeferredModel):
    """An asynchronous invocation of a Lambda function with a CloudEvent, as on a bus; `data` is `payload`."""

    target: Literal["function"]
    arn: _FunctionArn
    payload: JsonValue = Field(default=None, description=_PAYLOAD)

    @property
    def content(self) -> JsonValue:
        """The template of what is sent, if there is one."""
        return self.payload


class StateMachineTarget(DeferredModel):
    """An execution of a Step Functions state machine, whose name is made of the delivery id."""

    target: Literal["stateMachine"]
    arn: _MachineArn
    payload: JsonValue = Field(default=None, description=_PAYLOAD)

    @property
    def content(self) -> JsonValue:
        """The template of what is sent, if there is one."""
        return self.payload


WorkflowTarget: TypeAlias = BusTarget | QueueTarget | TopicTarget | FunctionTarget | StateMachineTarget
"""What a `workflow_event` goes to."""


class _Bus(DeferredModel):
    parameters: BusTarget


class _Queue(DeferredModel):
    parameters: QueueTarget


class _Topic(DeferredModel):
    parameters: TopicTarget


class _Function(DeferredModel):
    parameters: FunctionTarget


class _StateMachine(DeferredModel):
    parameters: StateMachineTarget


_Holder: TypeAlias = _Bus | _Queue | _Topic | _Function | _StateMachine
_HOLDERS: Final[dict[str, Callable[..., _Holder]]] = {
    "bus": _Bus.model_validate,
    "queue": _Queue.model_validate,
    "topic": _Topic.model_validate,
    "function": _Function.model_validate,
    "stateMachine": _StateMachine.model_validate,
}
TARGETS: Final = tuple(_HOLDERS)
"""Every kind of target."""


def read_target(parameters: dict[str, JsonValue]) -> WorkflowTarget:
    """Read the parameters of a `workflow_event`, defaults filled in.

    A union would do the same, but its errors would have the target's name within the path of each field.

    Raises:
        pydantic.ValidationError: If they do not fit; its locations begin with `parameters`.
        pydantic_core.PydanticCustomError: If they name no target.
    """
    named = parameters.get("target")
    holder = _HOLDERS.get(named) if isinstance(named, str) else None
    if holder is None:
        raise field_error("parameters.target", f"write one of {', '.join(TARGETS)}")
    return holder({"parameters": parameters}, by_alias=True, by_name=False).parameters
