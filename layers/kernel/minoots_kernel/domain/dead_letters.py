"""What remains of an action that exhausted its attempts: the delivery with its whole story."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from minoots_kernel.domain.timer import ActionState, Attempt, Timer, delivery_id

__all__ = ["DeadLetter", "dead_letter"]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that failed for good. Times are epoch milliseconds.

    Attributes:
        id: The delivery id, `<timer id>.<action id>`.
        request: What was asked for, as JSON, without header values: they may be secrets.
    """

    id: str
    tenant_id: str
    timer_id: str
    action_id: str
    kind: str
    request: dict[str, Any]
    reason: str
    attempts: tuple[Attempt, ...]
    dead_at_ms: int


def dead_letter(timer: Timer, state: ActionState) -> DeadLetter:
    """Make the dead letter of a failed action; one that never ran, because its timer was too late, has no attempts."""
    action = timer.spec.action(state.id)
    parameters = _without_header_values(action.parameters) if action else {}
    last = state.attempts[-1] if state.attempts else None
    return DeadLetter(
        id=delivery_id(timer.id, state.id),
        tenant_id=timer.tenant_id,
        timer_id=timer.id,
        action_id=state.id,
        kind=action.kind if action else "unknown",
        request=parameters,
        reason=(last.error if last else timer.failure_reason) or "unknown",
        attempts=state.attempts,
        dead_at_ms=last.ended_at_ms if last else timer.failed_at_ms or timer.fire_at_ms,
    )


def _without_header_values(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return parameters, an agent's binding among them included, with the names of headers alone."""
    shown = dict(parameters)
    if isinstance(shown.get("headers"), dict):
        shown["headers"] = sorted(shown["headers"])
    if isinstance(shown.get("binding"), dict):
        shown["binding"] = _without_header_values(shown["binding"])
    return shown
