"""What an action's template can name, and what is sent when there is no template."""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic import JsonValue

from minoots_contract.instants import format_instant
from minoots_contract.templates import MAX_LOOK_UPS, Budget, TemplateError, render, render_text
from minoots_kernel.domain.bundles import failure_reason, own_states
from minoots_kernel.domain.delivery_ids import delivery_id
from minoots_kernel.domain.errors import PermanentActionError
from minoots_kernel.domain.timer import Timer

__all__ = [
    "MAX_CONTENT",
    "action_context",
    "default_payload",
    "ending",
    "filled_in",
    "filled_in_text",
    "timer_budget",
    "written",
]

MAX_CONTENT: Final = 200_000
"""Most characters that placeholders may bring into what an action sends: 256 KB is what most receivers take."""

_ACTIONS_AT_THE_FULL: Final = 5


def timer_budget() -> Budget:
    """Return what trying all templates of a new timer may spend: as much as a few attempts, whatever there are."""
    return Budget(_ACTIONS_AT_THE_FULL * MAX_LOOK_UPS)


def action_context(timer: Timer, action_id: str, attempt: int, **more: JsonValue) -> dict[str, Any]:
    """Return the values that placeholders name.

    Args:
        timer: The timer; one that has not fired yet is shown as if it fired on time, so that its templates can be
            tried when it is made.
        action_id: Which of its actions.
        attempt: The attempt's number, from 1.
        more: What an action of this kind offers beside the timer, by name.

    Returns:
        `timer`, `actionId`, `deliveryId` (the same on every attempt), `attempt`, and `more`; of a callback also what
        came of all other actions, as `ending` says it.
    """
    return {
        "timer": {
            "id": timer.id,
            "tenantId": timer.tenant_id,
            "name": timer.name,
            "requestedBy": timer.requested_by,
            "createdAt": format_instant(timer.created_at_ms),
            "fireAt": format_instant(timer.fire_at_ms),
            "firedAt": format_instant(timer.fired_at_ms or timer.fire_at_ms),
            "durationMs": timer.duration_ms,
            "latenessMs": timer.lateness_ms or 0,
            "metadata": timer.spec.metadata,
            "labels": timer.spec.labels,
        },
        "actionId": action_id,
        "deliveryId": delivery_id(timer.id, action_id),
        "attempt": attempt,
        **ending(timer, action_id),
        **more,
    }


def ending(timer: Timer, action_id: str) -> dict[str, Any]:
    """Return what a callback can say of the actions that ran before it; nothing for any other action.

    Returns:
        `outcome`; `failureReason`, empty if nothing failed; and `actions` by id, each with `state`, `attempts` (how
        many), `statusCode` and `error` of its last. Before the firing all is shown as if it had come to this.
    """
    bundle = timer.spec.bundle
    if bundle is None or action_id not in {action.id for action in bundle.callbacks}:
        return {}
    failing = bundle.on_failure is not None and bundle.on_failure.id == action_id
    own = own_states(bundle, timer.actions)
    return {
        "outcome": timer.outcome or ("failed" if failing else "succeeded"),
        "failureReason": failure_reason(own) if failing else "",
        "actions": {
            state.id: {
                "state": state.status.value,
                "attempts": state.tries,
                "statusCode": state.attempts[-1].status_code if state.attempts else None,
                "error": state.error,
            }
            for state in own
        },
    }


def default_payload(context: dict[str, Any]) -> dict[str, Any]:
    """Return what is sent of a context when the caller wrote no template: all of it, under the event's type."""
    return {"type": "io.minoots.timer.fired.v1", **context}


def filled_in(template: JsonValue, context: dict[str, Any], budget: Budget | None = None) -> JsonValue:
    """Return a template with its values in place, for an attempt.

    Args:
        template: The template.
        context: What its placeholders name.
        budget: What the attempt may spend on look-ups.

    Raises:
        PermanentActionError: If it cannot be: it was stored under other rules, or its values are too large together.
    """
    try:
        return render(template, context, limit=MAX_CONTENT, budget=budget)
    except TemplateError as error:
        raise PermanentActionError(f"the template cannot be filled in: {error}") from error


def filled_in_text(template: str, context: dict[str, Any], budget: Budget | None = None) -> str:
    """Return a template of text with its values in place; text even if it is one placeholder and nothing else.

    Args:
        template: The template.
        context: What its placeholders name.
        budget: What the attempt may spend on look-ups.

    Raises:
        PermanentActionError: As `filled_in`.
    """
    try:
        return render_text(template, context, limit=MAX_CONTENT, budget=budget)
    except TemplateError as error:
        raise PermanentActionError(f"the template cannot be filled in: {error}") from error


def written(content: JsonValue) -> str:
    """Return content as compact JSON."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)
