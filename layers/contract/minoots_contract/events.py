"""Events of a timer's life as CloudEvents 1.0 in the JSON format."""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

from pydantic import Field

from minoots_contract.model import Instant, WireModel

__all__ = ["EVENT_TYPES", "OUTCOME_EVENTS", "CloudEvent", "TimerEventData", "event_type"]

TimerEventName = Literal[
    "created",
    "armed",
    "extended",
    "rescheduled",
    "snoozed",
    "paused",
    "resumed",
    "fire_requested",
    "updated",
    "skipped",
    "fired",
    "attempt_failed",
    "escalated",
    "acknowledged",
    "unacknowledged",
    "repaired",
    "settled",
    "failed",
    "redriven",
    "discarded",
    "cancelled",
]

EVENT_TYPES: Final[tuple[TimerEventName, ...]] = get_args(TimerEventName)
"""What can happen to a timer, in the words of its timeline."""

OUTCOME_EVENTS: Final[frozenset[TimerEventName]] = frozenset({"settled", "failed", "cancelled"})
"""The events that end a timer."""


def event_type(name: str) -> str:
    """Return the CloudEvents type of an event name: ``io.minoots.timer.fired.v1``."""
    return f"io.minoots.timer.{name}.v1"


class TimerEventData(WireModel):
    """What an event carries: the timer right after the write that the event belongs to."""

    timer: dict[str, Any] = Field(
        description="As `GET /timers/{id}` shows it, without `actionBundle` and `agentBinding`, which may hold "
        "secrets, and without `metadata` and `labels` where they are too large to travel."
    )


class CloudEvent(WireModel):
    """A CloudEvents 1.0 envelope (structured mode). Extension names are lower case by the standard's section 3.1.2."""

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(description="Unique with `source`; the same each time the event is sent.")
    source: str
    type: str
    subject: str = Field(description="The timer's id.")
    time: Instant
    datacontenttype: Literal["application/json"] = "application/json"
    tenantid: str
    dedupekey: str = Field(
        description="`timer:<tenant>:<id>:<stateVersion>`, with `:<event>` for a write's second event."
    )
    stateversion: int
    data: dict[str, Any]
