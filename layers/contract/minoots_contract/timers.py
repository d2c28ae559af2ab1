"""Requests and replies about timers."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, JsonValue, model_validator

from minoots_contract.acknowledgements import AcknowledgementView
from minoots_contract.actions import ActionBundle
from minoots_contract.agents import AGENT_KINDS, AgentBinding
from minoots_contract.late_policy import LatePolicy
from minoots_contract.model import (
    Duration,
    Instant,
    LabelKey,
    LabelValue,
    Line,
    RequestedInstant,
    TenantId,
    WireModel,
    field_error,
)
from minoots_contract.retry import Failure

__all__ = [
    "MAX_HEARTBEAT_MS",
    "TERMINAL_STATUSES",
    "TIMER_STATUSES",
    "ActionReply",
    "AttemptReply",
    "CreateTimerRequest",
    "HealthReply",
    "HeartbeatReply",
    "Outcome",
    "PutOffReply",
    "TimelineEntry",
    "TimerPage",
    "TimerReply",
    "TimerStatus",
]

MAX_HEARTBEAT_MS: Final = 366 * 86_400_000
"""Longest duration of a heartbeat timer."""

TimerStatus = Literal["scheduled", "armed", "paused", "fired", "settled", "failed", "cancelled"]
TIMER_STATUSES: tuple[TimerStatus, ...] = ("scheduled", "armed", "paused", "fired", "settled", "failed", "cancelled")
TERMINAL_STATUSES: frozenset[TimerStatus] = frozenset({"settled", "failed", "cancelled"})
"""Statuses that a timer does not leave by itself."""

Outcome = Literal["succeeded", "escalated", "failed"]
"""What came of a timer's actions."""


class CreateTimerRequest(WireModel):
    """Body of ``POST /timers``: exactly one of ``duration`` and ``fireAt`` says when."""

    tenant_id: TenantId | None = Field(default=None, description="Optional: the key names the tenant.")
    requested_by: Line | None = Field(default=None, description="Default: the name of the key, or the token's subject.")
    name: Line | None = Field(default=None, description="Default: timer_<epoch ms>.")
    duration: Duration | None = None
    fire_at: RequestedInstant | None = None
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict, max_length=50)
    action_bundle: ActionBundle | None = None
    late_policy: LatePolicy | None = Field(default=None, description="Default: the deployment's, which is to fire.")
    heartbeat: bool | None = Field(
        default=None,
        description="Whether each `POST /timers/{id}/heartbeat` pushes it out by its whole duration.",
    )
    agent_binding: AgentBinding | None = Field(
        default=None,
        description="The receiver of agent_prompt and command actions that name none; without an actionBundle, of one "
        "agent_prompt.",
    )

    @model_validator(mode="after")
    def _says_when_once(self) -> CreateTimerRequest:
        if self.duration is None and self.fire_at is None:
            raise field_error("duration", "give duration or fireAt")
        if self.duration is not None and self.fire_at is not None:
            raise field_error("fireAt", "give duration or fireAt, not both")
        return self

    @model_validator(mode="after")
    def _has_a_timeout_if_it_beats(self) -> CreateTimerRequest:
        if self.heartbeat and self.fire_at is not None:
            raise field_error("fireAt", "a heartbeat timer has a duration, after which it fires if nothing is heard")
        if self.heartbeat and self.duration is not None and self.duration > MAX_HEARTBEAT_MS:
            raise field_error("duration", "nobody waits longer than 366 days for a heartbeat")
        return self

    @model_validator(mode="after")
    def _every_agent_action_has_a_receiver(self) -> CreateTimerRequest:
        for place, action in self.action_bundle.placed() if self.action_bundle else ():
            if action.kind in AGENT_KINDS and self.agent_binding is None and not action.parameters.get("binding"):
                field = f"actionBundle.{place}.parameters.binding"
                raise field_error(field, "say which agent: here, or for all actions in the timer's agentBinding")
        return self


class HeartbeatReply(WireModel):
    """What a heartbeat timer waits for."""

    timeout_ms: int = Field(description="After so long without a heartbeat it fires, milliseconds.")
    beats: int = Field(description="Heartbeats so far.")


class TimelineEntry(WireModel):
    """One thing that happened to a timer."""

    event: str
    at: Instant
    by: str | None = Field(default=None, description="Who asked for it, when somebody did.")
    note: str | None = Field(default=None, description="Why, in the words of whoever asked; of a repair, what it was.")


class AttemptReply(WireModel):
    """One try of an action."""

    attempt: int
    started_at: Instant
    ended_at: Instant
    outcome: Literal["succeeded", "failed"]
    status_code: int | None = Field(default=None, description="The receiver's HTTP status, if it answered.")
    error: str | None = None
    failure: Failure | None = Field(
        default=None,
        description="The class of a failure, as `retryOn` names them; `gone`, `unsendable`, `expired` beside.",
    )
    connect_ms: int | None = Field(
        default=None, description="Milliseconds until the connection stood, TLS included; absent on a kept connection."
    )
    first_byte_ms: int | None = Field(default=None, description="Milliseconds until the answer began.")
    response_excerpt: str | None = Field(
        default=None, description="How the body of an answer that is a failure began, secrets masked."
    )


class PutOffReply(WireModel):
    """That an attempt waits because its receiver, or its tenant, must not be asked for more now."""

    times: int = Field(description="How often, since the attempt before it.")
    since: Instant = Field(description="Since when it waits for this, with no other cause in between.")
    reason: str


class ActionReply(WireModel):
    """How far an action of a fired timer has come."""

    id: str
    state: Literal["waiting", "dispatched", "succeeded", "failed", "escalated", "skipped"] = Field(
        description="`escalated`: no longer tried, as the action that it escalates to succeeded. `skipped`: not needed."
    )
    delivery_id: str = Field(description="The `webhook-id` that every attempt carries.")
    attempts: list[AttemptReply] = Field(default_factory=list)
    next_attempt_at: Instant | None = None
    put_off: PutOffReply | None = Field(
        default=None, description="Present while the next attempt is put off; that is no attempt."
    )
    given_up: str | None = Field(
        default=None, description="Why there is no further attempt though `maxAttempts` allows one."
    )
    acknowledgement: AcknowledgementView | None = Field(
        default=None, description="Of an action that requires one, once it has been asked for."
    )


class TimerReply(WireModel):
    """A timer as its callers see it."""

    id: str
    tenant_id: str
    name: str
    status: TimerStatus
    duration_ms: int
    created_at: Instant
    fire_at: Instant
    requested_by: str
    metadata: dict[str, JsonValue]
    labels: dict[str, str]
    action_bundle: ActionBundle | None = None
    late_policy: LatePolicy | None = Field(default=None, description="Absent when it fires however late it is.")
    heartbeat: HeartbeatReply | None = None
    agent_binding: AgentBinding | None = None
    armed_at: Instant | None = None
    paused_at: Instant | None = None
    remaining_ms: int | None = Field(default=None, description="What a paused timer has left, milliseconds.")
    fired_at: Instant | None = None
    lateness_ms: int | None = Field(default=None, description="firedAt - fireAt, milliseconds.")
    settled_at: Instant | None = None
    cancelled_at: Instant | None = None
    cancel_reason: str | None = None
    cancelled_by: str | None = None
    failure_reason: str | None = None
    outcome: Outcome | None = Field(
        default=None,
        description="What came of the actions, once all but a callback have ended: `escalated` if one that did not get "
        "through was made good by the action that it escalates to.",
    )
    state_version: int
    actions: list[ActionReply] | None = None
    timeline: list[TimelineEntry] = Field(default_factory=list)


class TimerPage(WireModel):
    """A page of timers, newest first. A page may be short, even empty, and still have a ``nextCursor``."""

    timers: list[TimerReply]
    next_cursor: str | None = None


class HealthReply(WireModel):
    """Body of ``GET /healthz``."""

    status: Literal["ok"] = "ok"
    service: Literal["minoots-control-plane"] = "minoots-control-plane"
