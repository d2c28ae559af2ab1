"""Agents as receivers: how one is called, what it is told, and the commands that are kept for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import (
    Field,
    JsonValue,
    StringConstraints,
    TypeAdapter,
    ValidationInfo,
    field_validator,
    model_validator,
)

from minoots_contract.model import DeferredModel, Line, field_error
from minoots_contract.urls import CallersHeaders, WebhookUrl

__all__ = [
    "ADAPTERS",
    "AGENT_KINDS",
    "AgentBinding",
    "AgentName",
    "AgentPromptParameters",
    "CommandParameters",
    "TemplateName",
    "read_command",
    "read_prompt",
]

ADAPTERS: Final = ("mcp", "langchain", "autogen", "custom", "inbox")
"""Every way to reach an agent."""

AGENT_KINDS: Final = frozenset({"agent_prompt", "command"})
"""The kinds of actions that an agent receives."""

AgentName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""The name of an agent's inbox: safe in keys and in a path."""

TemplateName = AgentName
"""The name of a command template."""

_URL: Final[TypeAdapter[str]] = TypeAdapter(WebhookUrl)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ONLY: Final = {"tool": "mcp", "assistant": "langchain"}


class AgentBinding(DeferredModel):
    """How an agent is reached."""

    adapter: Literal["mcp", "langchain", "autogen", "custom", "inbox"]
    target: Annotated[str, StringConstraints(min_length=1, max_length=2048)] = Field(
        description="The agent's URL; for `inbox` the agent's name."
    )
    payload_template: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="What the agent is told, with placeholders such as {{ prompt }} and {{ timer.metadata.ticket }}.",
    )
    acknowledgement_timeout_ms: int = Field(
        default=60_000, ge=1, le=604_800_000, description="Kept for later: nothing waits for an acknowledgement yet."
    )
    headers: CallersHeaders = Field(default_factory=dict, description="Sent to the agent, such as Authorization.")
    tool: Line | None = Field(default=None, description="`mcp`: the tool to call; the action's kind without it.")
    assistant: Line | None = Field(default=None, description="`langchain` runs: the assistant; `agent` without it.")
    timeout_ms: int = Field(default=30_000, ge=100, le=30_000, description="Time for one attempt, milliseconds.")

    @field_validator("target")
    @classmethod
    def _is_an_address(cls, target: str, read: ValidationInfo) -> str:
        if read.data.get("adapter") != "inbox":
            return _URL.validate_python(target)
        if not _NAME.fullmatch(target):
            raise ValueError("an inbox's target is the agent's name: letters, digits, '.', '_' and '-', at most 64")
        return target

    @model_validator(mode="after")
    def _has_what_its_adapter_takes(self) -> AgentBinding:
        if self.adapter == "inbox" and self.headers:
            raise field_error("headers", "an inbox sends no headers: leave them out")
        for name, adapter in _ONLY.items():
            if getattr(self, name) is not None and self.adapter != adapter:
                raise field_error(name, f"only {adapter} takes this: leave it out")
        return self


class _AgentAction(DeferredModel):
    binding: AgentBinding | None = Field(default=None, description="The timer's agentBinding without it.")
    requires_acknowledgement: None = Field(default=None, description="Not available yet: leave it out.")

    @field_validator("requires_acknowledgement", mode="before")
    @classmethod
    def _no_acknowledgement(cls, value: Any) -> None:
        if value is not None:
            raise ValueError("requiresAcknowledgement is not available yet: leave it out")


class AgentPromptParameters(_AgentAction):
    """Parameters of an action of kind `agent_prompt`: wake an agent, with something to say to it."""

    prompt: Annotated[str, StringConstraints(min_length=1, max_length=65_536)] | None = Field(
        default=None, description="May have placeholders."
    )


class CommandParameters(_AgentAction):
    """Parameters of an action of kind `command`: a stored template, with its arguments, for an agent to carry out."""

    template: TemplateName = Field(description="The name of a command template of the tenant.")
    version: int | None = Field(default=None, ge=1, description="The latest without it, as the timer is created.")
    arguments: dict[str, JsonValue] = Field(
        default_factory=dict, description="What the template's {{ arguments.… }} stand for."
    )


class _Prompt(DeferredModel):
    parameters: AgentPromptParameters


class _Command(DeferredModel):
    parameters: CommandParameters


def read_prompt(parameters: Mapping[str, JsonValue]) -> AgentPromptParameters:
    """Read the parameters of an `agent_prompt`, defaults filled in.

    Raises:
        pydantic.ValidationError: If they do not fit; its locations begin with `parameters`.
    """
    return _Prompt.model_validate({"parameters": parameters}, by_alias=True, by_name=False).parameters


def read_command(parameters: Mapping[str, JsonValue]) -> CommandParameters:
    """Read the parameters of a `command`; as `read_prompt`."""
    return _Command.model_validate({"parameters": parameters}, by_alias=True, by_name=False).parameters
