"""Requests that change a timer: one model for each verb, ``POST /timers/{id}/<verb>``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue, model_validator

from minoots_contract.late_policy import LatePolicy
from minoots_contract.model import Duration, LabelKey, LabelValue, Line, RequestedInstant, WireModel, field_error

__all__ = [
    "CancelTimerRequest",
    "ChangeRequest",
    "ExtendTimerRequest",
    "FireTimerRequest",
    "HeartbeatRequest",
    "PauseTimerRequest",
    "RescheduleTimerRequest",
    "ResumeTimerRequest",
    "SnoozeTimerRequest",
    "UpdateTimerRequest",
]


class ChangeRequest(WireModel):
    """What every change says: who wants it, why, and optionally upon which version of the timer."""

    requested_by: Line | None = Field(default=None, description="Default: the name of the key, or the token's subject.")
    reason: Line | None = None
    state_version: int | None = Field(
        default=None, ge=1, description="Change nothing unless the timer stands at this version; as `If-Match`."
    )


class CancelTimerRequest(ChangeRequest):
    """Body of ``POST /timers/{id}/cancel``."""


class ExtendTimerRequest(ChangeRequest):
    """Body of ``POST /timers/{id}/extend``: the due time moves away by so much."""

    by: Duration


class RescheduleTimerRequest(ChangeRequest):
    """Body of ``POST /timers/{id}/reschedule``: exactly one of ``duration`` (from now) and ``fireAt`` says when."""

    duration: Duration | None = None
    fire_at: RequestedInstant | None = None
    late_policy: LatePolicy | None = Field(default=None, description="Takes the place of the timer's own.")

    @model_validator(mode="after")
    def _says_when_once(self) -> RescheduleTimerRequest:
        if self.duration is None and self.fire_at is None:
            raise field_error("duration", "give duration or fireAt")
        if self.duration is not None and self.fire_at is not None:
            raise field_error("fireAt", "give duration or fireAt, not both")
        return self


class SnoozeTimerRequest(ChangeRequest):
    """Body of ``POST /timers/{id}/snooze``: due no sooner than so long from now, and no sooner than it was."""

    duration: Duration


class PauseTimerRequest(ChangeRequest):
    """Body of ``POST /timers/{id}/pause``."""


class ResumeTimerRequest(ChangeRequest):
    """Body of ``POST /timers/{id}/resume``: with the time that was left, or with the due time that it had."""

    keep: Literal["remaining", "dueTime"] = "remaining"


class FireTimerRequest(ChangeRequest):
    """Body of ``POST /timers/{id}/fire``: now, whatever its due time."""


class UpdateTimerRequest(WireModel):
    """Body of ``PATCH /timers/{id}``, a JSON Merge Patch: what is left out stays, null removes."""

    name: Line | None = Field(default=None, description="A timer always has a name: null is refused.")
    labels: dict[LabelKey, LabelValue | None] | None = Field(
        default=None, description="Merged name by name; null removes a label, or all of them."
    )
    metadata: dict[str, JsonValue] | None = Field(
        default=None, description="Merged at every level; null removes a value, or all of them."
    )

    def patch(self) -> dict[str, JsonValue]:
        """Return the fields that were given."""
        given: dict[str, JsonValue] = self.model_dump(mode="json", exclude_unset=True)
        return given


class HeartbeatRequest(WireModel):
    """Body of ``POST /timers/{id}/heartbeat``, which may be left out altogether."""

    requested_by: Line | None = Field(default=None, description="Taken and not kept: a beat leaves no entry.")
