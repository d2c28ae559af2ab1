"""Acknowledgements: what an action may require of its agent, what the agent answers, and what is shown of both."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from minoots_contract.bindings import AgentBinding
from minoots_contract.model import DeferredModel, Instant, Line, WireModel, field_error
from minoots_contract.webhooks import WebhookParameters

__all__ = [
    "ANSWERS",
    "AcknowledgementReply",
    "AcknowledgementRequest",
    "AcknowledgementView",
    "Answered",
    "AskView",
    "EscalationStep",
    "Required",
    "RequiredAcknowledgement",
]

MAX_WAIT_MS: Final = 604_800_000
MAX_STEPS: Final = 8
MAX_ASKS: Final = 20

Answered = Literal["accepted", "progress", "done", "refused"]
ANSWERS: Final[tuple[Answered, ...]] = ("accepted", "progress", "done", "refused")
"""What whoever was asked may answer."""

_Wait = Annotated[int, Field(ge=1_000, le=MAX_WAIT_MS)]
_Asks = Annotated[int, Field(ge=1, le=MAX_ASKS)]


class EscalationStep(DeferredModel):
    """Who is asked next: another agent, or a webhook, such as one that rings a person."""

    binding: AgentBinding | None = None
    webhook: WebhookParameters | None = None
    timeout_ms: _Wait | None = Field(
        default=None, description="How long an answer is waited for; the binding's acknowledgementTimeoutMs without it."
    )
    max_attempts: _Asks | None = Field(default=None, description="How often it is asked; as the action without it.")

    @model_validator(mode="after")
    def _asks_somebody(self) -> EscalationStep:
        if (self.binding is None) is (self.webhook is None):
            raise field_error("binding", "say who is asked: a binding, or a webhook, not both")
        return self


class RequiredAcknowledgement(DeferredModel):
    """What makes an action done: an answer, in time, by its own agent or by one of those that it escalates to."""

    timeout_ms: _Wait | None = Field(
        default=None, description="How long an answer is waited for; the binding's acknowledgementTimeoutMs without it."
    )
    done_within_ms: _Wait | None = Field(
        default=None,
        description="How long after `accepted` or `progress` to wait for `done`; `accepted` ends it without.",
    )
    max_attempts: _Asks | None = Field(
        default=None, description="How often the agent is asked; the retry policy's maxAttempts without it."
    )
    escalation: list[EscalationStep] = Field(
        default_factory=list, max_length=MAX_STEPS, description="Who is asked after that, one after the other."
    )


def _from_yes_or_no(value: Any) -> Any:
    return RequiredAcknowledgement() if value is True else None if value is False else value


Required = Annotated[RequiredAcknowledgement | None, BeforeValidator(_from_yes_or_no)]
"""`true`, or how; `false` is the same as nothing."""


class AcknowledgementRequest(WireModel):
    """Body of `POST /acknowledgements/{token}`."""

    status: Answered
    by: Line | None = Field(default=None, description="Who says so, for people; the receiver's name without it.")
    reason: Line | None = Field(default=None, description="Why, above all of a refusal.")
    result: JsonValue = Field(default=None, description="What came of it; its first 256 characters are kept.")


class AcknowledgementReply(WireModel):
    """What an answer came to."""

    timer_id: str
    action_id: str
    step: int = Field(description="0 is the action's own agent, 1 the first of its escalation.")
    status: Literal["accepted", "progress", "done", "refused", "silent", "unreachable"] | None = Field(
        default=None, description="The answer that stands; `silent` if an acceptance is repeated after its time."
    )
    state: Literal["waiting", "settled", "escalated", "failed"] = Field(
        description="Whether more is waited for from this receiver, the action is done, somebody else is asked, or "
        "nobody is left to be asked."
    )
    accepted_at: Instant | None = None
    done_at: Instant | None = None
    deadline: Instant | None = Field(default=None, description="Until when the next word is waited for.")


class AskView(WireModel):
    """One step of an action's chain: who was asked, and what came of it."""

    step: int
    receiver: str = Field(description="The adapter and where it is, without query and secrets.")
    asked_at: Instant
    attempts: int = Field(description="How often it was asked.")
    answer: Literal["accepted", "progress", "done", "refused", "silent", "unreachable"] | None = Field(
        default=None, description="What it said last; `silent` and `unreachable` are ours to say."
    )
    answered_at: Instant | None = None
    by: str | None = None
    reason: str | None = None


class AcknowledgementView(WireModel):
    """How far the acknowledgement of an action has come."""

    state: Literal["asking", "waiting", "settled", "failed"]
    deadline: Instant | None = Field(default=None, description="Until when the next word is waited for.")
    accepted_at: Instant | None = None
    done_at: Instant | None = None
    acknowledged_by: str | None = None
    result: str | None = Field(default=None, description="The first 256 characters of what came of it, as JSON.")
    asked: list[AskView] = Field(default_factory=list, description="The whole story, the action's own agent first.")
