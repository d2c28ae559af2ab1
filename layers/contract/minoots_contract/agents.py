"""Agents as receivers: what one is told, and the commands that are kept for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field, JsonValue, StringConstraints

from minoots_contract.acknowledgements import Required
from minoots_contract.bindings import ADAPTERS, AgentBinding, AgentName
from minoots_contract.model import DeferredModel

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

AGENT_KINDS: Final = frozenset({"agent_prompt", "command"})
"""The kinds of actions that an agent receives."""

TemplateName = AgentName
"""The name of a command template."""


class _AgentAction(DeferredModel):
    binding: AgentBinding | None = Field(default=None, description="The timer's agentBinding without it.")
    requires_acknowledgement: Required = Field(
        default=None, description="Whether the action is done only once somebody has acknowledged it, and how."
    )


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
