"""What travels in queues and schedules: hints about timers, each checked against the timer before anything happens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, TypeVar

__all__ = ["ActionMessage", "MalformedMessageError", "WakeUp"]

T = TypeVar("T", str, int)


class MalformedMessageError(ValueError):
    """A message that is not one of ours."""


@dataclass(frozen=True, slots=True)
class WakeUp:
    """A wake-up of a timer, or of one action's next attempt when `action_id` is set.

    Attributes:
        generation: The timer's generation when the hint was made.
        due_at_ms: When to act, epoch milliseconds.
        lap: How often it was sent on because the due time had moved away under it, as `Timer.lap`.
    """

    tenant_id: str
    timer_id: str
    generation: int
    due_at_ms: int
    action_id: str | None = None
    attempt: int | None = None
    lap: int = 0

    @property
    def name(self) -> str:
        """The schedule's name: the same for the same wake-up, so arming twice is harmless. At most 64 characters.

        Of another lap it is another one: the schedule that delivered the wake-up may not be gone yet.
        """
        if self.action_id is None:
            return f"{self.timer_id}-g{self.generation}" + (f"-l{self.lap}" if self.lap else "")
        return f"{self.timer_id}-{blake2b(self.action_id.encode(), digest_size=6).hexdigest()}-a{self.attempt}"

    def to_json(self) -> str:
        """Write the message body."""
        body: dict[str, Any] = {
            "tenantId": self.tenant_id,
            "timerId": self.timer_id,
            "generation": self.generation,
            "dueAt": self.due_at_ms,
        }
        if self.lap:
            body["lap"] = self.lap
        if self.action_id is not None:
            body |= {"actionId": self.action_id, "attempt": self.attempt}
        return json.dumps(body, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> WakeUp:
        """Read a message body.

        Raises:
            MalformedMessageError: If it is not a wake-up.
        """
        body = _object(text)
        wake_up = cls(
            tenant_id=_field(body, "tenantId", str),
            timer_id=_field(body, "timerId", str),
            generation=_field(body, "generation", int),
            due_at_ms=_field(body, "dueAt", int),
            lap=_field(body, "lap", int) if "lap" in body else 0,
        )
        if "actionId" not in body:
            return wake_up
        return cls(
            wake_up.tenant_id,
            wake_up.timer_id,
            wake_up.generation,
            wake_up.due_at_ms,
            _field(body, "actionId", str),
            _field(body, "attempt", int),
        )


@dataclass(frozen=True, slots=True)
class ActionMessage:
    """Attempt `attempt` of an action is due.

    Attributes:
        task_token: If an execution sent it that waits beside the action: what lets that go on.
        driver: That execution's name.
    """

    tenant_id: str
    timer_id: str
    action_id: str
    attempt: int
    task_token: str | None = None
    driver: str | None = None

    def to_json(self) -> str:
        """Write the message body."""
        body: dict[str, Any] = {
            "tenantId": self.tenant_id,
            "timerId": self.timer_id,
            "actionId": self.action_id,
            "attempt": self.attempt,
        }
        if self.task_token is not None:
            body |= {"taskToken": self.task_token, "driver": self.driver or ""}
        return json.dumps(body, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> ActionMessage:
        """Read a message body.

        Raises:
            MalformedMessageError: If it is not an action message.
        """
        body = _object(text)
        return cls(
            tenant_id=_field(body, "tenantId", str),
            timer_id=_field(body, "timerId", str),
            action_id=_field(body, "actionId", str),
            attempt=_field(body, "attempt", int),
            task_token=_field(body, "taskToken", str) if "taskToken" in body else None,
            driver=_field(body, "driver", str) if "driver" in body else None,
        )


def _object(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError as error:
        raise MalformedMessageError(f"not JSON: {error}") from error
    if not isinstance(body, dict):
        raise MalformedMessageError("not a JSON object")
    return body


def _field(body: dict[str, Any], name: str, kind: type[T]) -> T:
    value = body.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise MalformedMessageError(f"{name} is not {kind.__name__}")
    return value
