"""Requests and replies about dead letters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints

from minoots_contract.model import Identifier, Instant, Line, RequestedInstant, WireModel
from minoots_contract.timers import AttemptReply

__all__ = [
    "ActionKind",
    "DeadLetterFilter",
    "DeadLetterPage",
    "DeadLetterReply",
    "DiscardRequest",
    "DiscardedReply",
    "Host",
    "LetterTimerId",
    "RedriveManyRequest",
    "RedriveRequest",
    "RedrivenReply",
    "RefusedLetter",
    "UrlPrefix",
]

ActionKind = Literal["webhook", "command", "agent_prompt", "workflow_event"]
Host = Annotated[str, StringConstraints(pattern=r"^[^\s/@]{1,255}$")]
UrlPrefix = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
LetterTimerId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]
_LabelName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
_LabelValue = Annotated[str, StringConstraints(max_length=256)]


class DeadLetterReply(WireModel):
    """An action that exhausted its attempts, with its whole story."""

    id: str = Field(description="`<timer id>_<action id>`; also the delivery id.")
    timer_id: str
    action_id: str
    kind: str
    state: Literal["dead", "redriven"] = Field(
        default="dead", description="`redriven` while it is on its way again, and after it has arrived."
    )
    request: dict[str, JsonValue] = Field(description="What was sent, without header values.")
    reason: str
    attempts: list[AttemptReply]
    dead_at: Instant
    labels: dict[str, str] = Field(default_factory=dict, description="The timer's.")
    redrives: int = Field(default=0, description="How often it had been redriven before it died.")
    redriven_at: Instant | None = None


class DeadLetterPage(WireModel):
    """A page of dead letters, those of the newest timers first. It may be short, even empty, and not be the last."""

    dead_letters: list[DeadLetterReply]
    next_cursor: str | None = None


class DeadLetterFilter(WireModel):
    """Which dead letters are meant: those that all of this holds of; without anything, all."""

    host: Host | None = Field(default=None, description="The host that they were to go to; with a port if it is named.")
    url: UrlPrefix | None = Field(
        default=None, description="How the URL begins that they were to go to; or the agent's name, or the ARN."
    )
    destination: Identifier | None = Field(
        default=None, description="The destination that their webhooks or agents' bindings name."
    )
    kind: ActionKind | None = Field(default=None, description="Their action's kind.")
    reason: Line | None = Field(default=None, description="What their reason contains, in any case of letters.")
    timer_id: LetterTimerId | None = None
    labels: dict[_LabelName, _LabelValue] = Field(
        default_factory=dict, max_length=50, description="Labels of their timers."
    )
    died_after: RequestedInstant | None = Field(default=None, description="They died then or later.")
    died_before: RequestedInstant | None = Field(default=None, description="They died before.")


class RedriveRequest(WireModel):
    """Body of ``POST /dead-letters/{id}/redrive``; may be left out."""

    requested_by: Line | None = Field(default=None, description="Default: whoever the key stands for.")
    reason: Line | None = None


class _ManyRequest(WireModel):
    requested_by: Line | None = Field(default=None, description="Default: whoever the key stands for.")
    reason: Line | None = None
    filter: DeadLetterFilter = Field(description="Which dead letters; {} means all of them.")
    limit: int = Field(default=100, ge=1, le=200, description="Most dead letters for this call.")
    cursor: Annotated[str, StringConstraints(max_length=1024)] | None = Field(
        default=None, description="`nextCursor` of the call before, with the same filter."
    )


class RedriveManyRequest(_ManyRequest):
    """Body of ``POST /dead-letters:redrive``."""


class DiscardRequest(_ManyRequest):
    """Body of ``POST /dead-letters:discard``."""


class RefusedLetter(WireModel):
    """A dead letter that was left alone, and why."""

    id: str
    reason: str


class _ManyReply(WireModel):
    skipped: int = Field(description="Those of which that had been done already.")
    refused: list[RefusedLetter] = Field(description="Those that were left alone; they are dead still.")
    next_cursor: str | None = Field(default=None, description="Go on from here; absent when there are no more.")


class RedrivenReply(_ManyReply):
    """What a call of ``POST /dead-letters:redrive`` did."""

    redriven: int


class DiscardedReply(_ManyReply):
    """What a call of ``POST /dead-letters:discard`` did."""

    discarded: int
