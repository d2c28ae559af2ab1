"""Timers to store, and their lives."""

from __future__ import annotations

from typing import Any

from minoots_contract.timers import CreateTimerRequest
from minoots_kernel.adapters.memory import SequentialIds
from minoots_kernel.domain.commands import Fire, RecordAttempt
from minoots_kernel.domain.creation import new_timer
from minoots_kernel.domain.timer import Attempt, Timer
from minoots_kernel.domain.transitions import apply

NOW_MS = 1_800_000_000_000

_ids = SequentialIds()


def new_id() -> str:
    return _ids.new_id()


def webhook(action_id: str = "notify", **parameters: Any) -> dict[str, Any]:
    return {"id": action_id, "kind": "webhook", "parameters": {"url": "https://example.com/hook", **parameters}}


def a_timer(tenant: str = "demo", *, timer_id: str | None = None, now_ms: int = NOW_MS, **request: Any) -> Timer:
    """Make a timer of a request in the wire's spelling; it is due in 30 s and has one webhook if nothing is said."""
    body = {"requestedBy": "cli", "duration": "30s", "actionBundle": {"actions": [webhook()]}, **request}
    return new_timer(
        CreateTimerRequest.model_validate(body), timer_id=timer_id or new_id(), tenant_id=tenant, now_ms=now_ms
    )


def common_timer(tenant: str = "acme-production", **request: Any) -> Timer:
    """Make what most timers will be: three labels, a hundred bytes of metadata, a webhook with a small body."""
    body = {
        "requestedBy": "agent:planner-7",
        "name": "follow-up-invoice-48213",
        "duration": "10m",
        "labels": {"team": "billing", "environment": "production", "run": "7f3a9c"},
        "metadata": {"invoice": 48213, "customer": "c_9f2b7710", "note": "remind about the open amount, second letter"},
        "actionBundle": {
            "actions": [
                webhook(
                    "notify",
                    url="https://hooks.example.com/v1/agents/planner-7/wake",
                    body={"conversation": "cv_31c09", "step": 4},
                )
            ],
            "retryPolicy": {"maxAttempts": 5, "backoffInitialMs": 2000},
        },
        **request,
    }
    return a_timer(tenant, **body)


def fired(timer: Timer) -> Timer:
    return apply(timer, Fire(timer.generation), timer.fire_at_ms + 12).timer


def ended(timer: Timer, *, outcome: str = "succeeded") -> Timer:
    """Record the next attempt of a fired timer's first action that has not ended."""
    state = next(state for state in timer.actions if not state.status.terminal)
    at_ms = timer.fire_at_ms + 40 + 10 * state.tries
    attempt = (
        Attempt(state.next_attempt, at_ms, at_ms + 85, "succeeded", 200)
        if outcome == "succeeded"
        else Attempt(
            state.next_attempt, at_ms, at_ms + 85, "failed", 404, "the receiver answered 404", failure="clientError"
        )
    )
    return apply(timer, RecordAttempt(state.id, attempt), at_ms + 85).timer
