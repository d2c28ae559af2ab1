"""What a workflow event sends, and to what a deployment lets it be sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Final

from pydantic import JsonValue

from minoots_contract.instants import format_instant
from minoots_contract.targets import BusTarget, QueueTarget, TopicTarget, WorkflowTarget
from minoots_contract.templates import Budget
from minoots_kernel.domain.action_context import action_context, default_payload, filled_in, filled_in_text, written
from minoots_kernel.domain.delivery_ids import delivery_id
from minoots_kernel.domain.timer import Timer

__all__ = ["DELIVERY_ATTRIBUTE", "AllowedTargets", "TargetMessage", "target_message"]

DELIVERY_ATTRIBUTE: Final = "minoots-delivery-id"
"""The message attribute of queues and topics that every attempt carries alike."""

EVENT_TYPE: Final = "io.minoots.workflow_event.v1"
"""The CloudEvents type of an event that a function is invoked with."""

# Neither a bus nor an asynchronous invocation has a place for the delivery id beside the content.
_WRAPPED: Final = frozenset({"bus", "function"})
_PARAMETERS: Final = {
    "bus": "AllowedBuses",
    "queue": "AllowedQueues",
    "topic": "AllowedTopics",
    "function": "AllowedFunctions",
    "stateMachine": "AllowedStateMachines",
}
_WORDS: Final = {"bus": "event bus", "stateMachine": "state machine"}


@dataclass(frozen=True, slots=True)
class TargetMessage:
    """One message, event or start, ready to be sent.

    Attributes:
        target: Which kind of target, in the contract's word.
        arn: The target; none for the deployment's own bus.
        identity: The delivery id: the same on every attempt.
        name: The identity in the 80 letters, digits and hyphens that the name of an execution may have.
        body: The content: JSON, or for queues and topics a text as it is.
        detail_type: What a bus's rules choose by.
        attributes: Message attributes beside the delivery id's.
        group_id: The message group of a FIFO queue or topic.
    """

    target: str
    arn: str | None
    identity: str
    name: str
    body: str
    detail_type: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    group_id: str | None = None


class AllowedTargets:
    """The targets that a deployment allows, by their ARNs; its own bus is always one.

    Args:
        allowed: The ARNs of each kind of target, which are compared as they are.
    """

    def __init__(self, **allowed: Iterable[str]) -> None:
        self._allowed = {target: frozenset(arns) for target, arns in allowed.items()}

    def refusal(self, target: WorkflowTarget) -> str | None:
        """Return why a target may not be called and what to change; none if it may."""
        if target.arn is None or target.arn in self._allowed.get(target.target, ()):
            return None
        word = _WORDS.get(target.target, target.target)
        return f"this deployment does not allow that {word}: add its ARN to the stack's {_PARAMETERS[target.target]}"


def target_message(timer: Timer, action_id: str, attempt: int, target: WorkflowTarget) -> TargetMessage:
    """Build the message of an attempt.

    Raises:
        PermanentActionError: If a template cannot be filled in.
    """
    context, budget = action_context(timer, action_id, attempt), Budget()
    content = default_payload(context) if target.content is None else filled_in(target.content, context, budget)
    message = TargetMessage(
        target=target.target,
        arn=target.arn,
        identity=delivery_id(timer.id, action_id),
        name=f"{timer.id}-{blake2b(action_id.encode(), digest_size=6).hexdigest()}",
        body="" if target.target in _WRAPPED else written(content),
        detail_type=target.detail_type if isinstance(target, BusTarget) else EVENT_TYPE,
    )
    if isinstance(target, QueueTarget | TopicTarget):
        attributes = tuple((name, filled_in_text(text, context, budget)) for name, text in target.attributes.items())
        group_id = (target.group_id or timer.id) if target.arn.endswith(".fifo") else None
        body = content if isinstance(content, str) else message.body
        return replace(message, body=body, attributes=attributes, group_id=group_id)
    if target.target in _WRAPPED:
        return replace(message, body=written(_cloud_event(timer, message, content)))
    return message


def _cloud_event(timer: Timer, message: TargetMessage, content: JsonValue) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": message.identity,
        "source": f"/tenants/{timer.tenant_id}/timers",
        "type": message.detail_type,
        "subject": timer.id,
        "time": format_instant(timer.fired_at_ms or timer.fire_at_ms),
        "datacontenttype": "application/json",
        "tenantid": timer.tenant_id,
        "data": content,
    }
