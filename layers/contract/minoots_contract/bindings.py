"""How an agent is reached."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import Field, JsonValue, StringConstraints, TypeAdapter, ValidationInfo, field_validator, model_validator

from minoots_contract.model import DeferredModel, Identifier, Line, field_error
from minoots_contract.urls import CallersHeaders, WebhookUrl

__all__ = ["ADAPTERS", "AgentBinding", "AgentName"]

ADAPTERS: Final = ("mcp", "langchain", "autogen", "custom", "inbox")
"""Every way to reach an agent."""

AgentName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""The name of an agent's inbox: safe in keys and in a path."""

_URL: Final[TypeAdapter[str]] = TypeAdapter(WebhookUrl)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ONLY: Final = {"tool": "mcp", "assistant": "langchain"}


class AgentBinding(DeferredModel):
    """How an agent is reached."""

    adapter: Literal["mcp", "langchain", "autogen", "custom", "inbox"]
    target: Annotated[str, StringConstraints(min_length=1, max_length=2048)] | None = Field(
        default=None,
        description="The agent's URL; for `inbox` the agent's name. May be left out when a destination is named, which "
        "has a URL itself. A host that is an address must be public, or allowed by the deployment.",
    )
    destination: Identifier | None = Field(
        default=None,
        description="The destination whose secrets sign what the agent is sent, whose auth headers and limits hold; "
        "the target must lie under its URL. Not for `inbox`.",
    )
    payload_template: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="What the agent is told, with placeholders such as {{ prompt }} and {{ timer.metadata.ticket }}.",
    )
    acknowledgement_timeout_ms: int = Field(
        default=60_000,
        ge=1,
        le=604_800_000,
        description="How long an action that requires an acknowledgement waits for one, if it does not say itself.",
    )
    headers: CallersHeaders = Field(default_factory=dict, description="Sent to the agent, such as Authorization.")
    tool: Line | None = Field(default=None, description="`mcp`: the tool to call; the action's kind without it.")
    assistant: Line | None = Field(default=None, description="`langchain` runs: the assistant; `agent` without it.")
    timeout_ms: int = Field(default=30_000, ge=100, le=30_000, description="Time for one attempt, milliseconds.")

    @field_validator("target")
    @classmethod
    def _is_an_address(cls, target: str | None, read: ValidationInfo) -> str | None:
        if target is None:
            return None
        if read.data.get("adapter") != "inbox":
            return _URL.validate_python(target)
        if not _NAME.fullmatch(target):
            raise ValueError("an inbox's target is the agent's name: letters, digits, '.', '_' and '-', at most 64")
        return target

    @model_validator(mode="after")
    def _goes_somewhere(self) -> AgentBinding:
        if self.adapter == "inbox" and self.destination is not None:
            raise field_error("destination", "an inbox is not called: leave it out")
        # Given as null it is no URL either: a caller whose variable was empty did not mean the destination's.
        if self.target is None and (self.destination is None or "target" in self.model_fields_set):
            raise field_error("target", "give the agent's URL or name, or name a destination")
        return self

    @model_validator(mode="after")
    def _has_what_its_adapter_takes(self) -> AgentBinding:
        if self.adapter == "inbox" and self.headers:
            raise field_error("headers", "an inbox sends no headers: leave them out")
        for name, adapter in _ONLY.items():
            if getattr(self, name) is not None and self.adapter != adapter:
                raise field_error(name, f"only {adapter} takes this: leave it out")
        return self
