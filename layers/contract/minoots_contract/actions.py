"""What a timer does when it fires: an action bundle, its retry policy and the parameters of each kind of action."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from pydantic import Field, JsonValue, field_validator, model_validator

from minoots_contract.agents import AgentPromptParameters, CommandParameters, read_command, read_prompt
from minoots_contract.model import Identifier, WireModel, field_error
from minoots_contract.targets import WorkflowTarget, read_target
from minoots_contract.webhooks import WebhookParameters

__all__ = [
    "ACTION_KINDS",
    "Action",
    "ActionBundle",
    "RetryPolicy",
    "WebhookParameters",
]

ACTION_KINDS: Final = ("webhook", "command", "agent_prompt", "workflow_event")
"""Every kind of action that the contract names."""


class RetryPolicy(WireModel):
    """When a failed attempt is made again: after attempt n a delay near ``initial · multiplier^(n-1)``."""

    max_attempts: int = Field(default=1, ge=1, le=100)
    backoff_initial_ms: int = Field(default=1_000, ge=1, le=86_400_000)
    backoff_multiplier: float = Field(default=2, ge=1, le=10)
    backoff_max_ms: int = Field(default=86_400_000, ge=1, le=604_800_000, description="Cap of one delay, milliseconds.")


class Action(WireModel):
    """One thing to do when the timer fires."""

    id: Identifier
    kind: Literal["webhook", "command", "agent_prompt", "workflow_event"]
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    escalation: None = Field(default=None, description="Not available yet: leave it out.")

    @field_validator("escalation", mode="before")
    @classmethod
    def _no_escalation(cls, value: Any) -> None:
        if value is not None:
            raise ValueError("escalation is not available yet: leave it out")

    @model_validator(mode="after")
    def _parameters_fit_the_kind(self) -> Action:
        _READERS[self.kind](self)
        return self

    def webhook(self) -> WebhookParameters:
        """Return the parameters of a webhook action, defaults filled in.

        Raises:
            pydantic.ValidationError: If they do not fit; its locations begin with ``parameters``.
        """
        wire = {"parameters": self.parameters}
        return _WebhookAction.model_validate(wire, by_alias=True, by_name=False).parameters

    def workflow_event(self) -> WorkflowTarget:
        """Return the parameters of a workflow event, defaults filled in.

        Raises:
            pydantic.ValidationError: If they do not fit; its locations begin with ``parameters``.
            pydantic_core.PydanticCustomError: If they name no target.
        """
        return read_target(self.parameters)

    def agent_prompt(self) -> AgentPromptParameters:
        """Return the parameters of an agent prompt, defaults filled in.

        Raises:
            pydantic.ValidationError: If they do not fit; its locations begin with ``parameters``.
        """
        return read_prompt(self.parameters)

    def command(self) -> CommandParameters:
        """Return the parameters of a command, defaults filled in.

        Raises:
            pydantic.ValidationError: If they do not fit; its locations begin with ``parameters``.
        """
        return read_command(self.parameters)


class _WebhookAction(WireModel):
    parameters: WebhookParameters


_READERS: Final[dict[str, Callable[[Action], object]]] = {
    "webhook": Action.webhook,
    "workflow_event": Action.workflow_event,
    "agent_prompt": Action.agent_prompt,
    "command": Action.command,
}


class ActionBundle(WireModel):
    """The actions of a timer; up to ``concurrency`` of them run at a time, in the order given."""

    actions: list[Action] = Field(min_length=1, max_length=20)
    concurrency: int = Field(default=1, ge=1, le=20)
    retry_policy: RetryPolicy = RetryPolicy()

    @model_validator(mode="after")
    def _ids_are_distinct(self) -> ActionBundle:
        seen: set[str] = set()
        for index, action in enumerate(self.actions):
            if action.id in seen:
                raise field_error(f"actions[{index}].id", f"the action id '{action.id}' is used twice")
            seen.add(action.id)
        return self
