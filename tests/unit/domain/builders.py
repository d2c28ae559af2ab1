"""Timers in any stage of their life, made through the domain's own functions."""

from __future__ import annotations

from typing import Any, Literal

from minoots_contract.retry import Failure
from minoots_contract.timers import CreateTimerRequest
from minoots_kernel.domain.commands import Command, Fire, RecordAttempt
from minoots_kernel.domain.creation import new_timer
from minoots_kernel.domain.timer import Attempt, Timer
from minoots_kernel.domain.transitions import apply

NOW_MS = 1_790_000_000_000
URL = "https://example.org/hook"


def bundle(
    *ids: str,
    concurrency: int = 1,
    parameters: dict[str, Any] | None = None,
    escalations: dict[str, dict[str, Any]] | None = None,
    policies: dict[str, dict[str, Any]] | None = None,
    callbacks: dict[str, str] | None = None,
    **policy: Any,
) -> dict[str, Any]:
    """An action bundle of webhooks, as it comes over the wire.

    Args:
        ids: Of its actions.
        concurrency: How many run at a time.
        parameters: Of each webhook, beside the URL.
        escalations: By id of the action that escalates.
        policies: Retry policies of single actions, by id.
        callbacks: Ids of the callbacks, by `onSuccess` and `onFailure`.
        policy: The bundle's retry policy.
    """

    def webhook(name: str) -> dict[str, Any]:
        action: dict[str, Any] = {"id": name, "kind": "webhook", "parameters": {"url": URL} | (parameters or {})}
        if name in (escalations or {}):
            action["escalation"] = (escalations or {})[name]
        if name in (policies or {}):
            action["retryPolicy"] = (policies or {})[name]
        return action

    content = {"actions": [webhook(name) for name in ids], "concurrency": concurrency, "retryPolicy": policy}
    return content | {place: webhook(name) for place, name in (callbacks or {}).items()}


def request(**changes: Any) -> CreateTimerRequest:
    body = {"requestedBy": "cli"} | changes
    if "fireAt" not in body:
        body.setdefault("duration", "30s")
    return CreateTimerRequest.model_validate(body)


def scheduled(
    *ids: str, timer_id: str = "0190-t1", tenant_id: str = "demo", now_ms: int = NOW_MS, **changes: Any
) -> Timer:
    """A timer as it begins, with an action of each id."""
    of_the_timer = ("duration", "heartbeat", "labels", "latePolicy", "metadata", "name")
    wanted = {name: changes.pop(name) for name in of_the_timer if name in changes}
    if ids:
        wanted["actionBundle"] = bundle(*ids, **changes)
    return new_timer(request(**wanted), timer_id=timer_id, tenant_id=tenant_id, now_ms=now_ms)


def after(timer: Timer, *commands: tuple[Command, int]) -> Timer:
    """The timer after commands, each with its time."""
    for command, now_ms in commands:
        timer = apply(timer, command, now_ms).timer
    return timer


def fired(*ids: str, late_ms: int = 0, **changes: Any) -> Timer:
    timer = scheduled(*ids, **changes)
    return after(timer, (Fire(timer.generation), timer.fire_at_ms + late_ms))


def outcome(
    action_id: str,
    number: int,
    now_ms: int,
    result: Literal["succeeded", "failed"] = "succeeded",
    *,
    permanent: bool = False,
    failure: Failure = "serverError",
    retry_after_ms: int | None = None,
) -> RecordAttempt:
    good = result == "succeeded"
    error = None if good else "no luck"
    kind: Failure | None = None if good else "clientError" if permanent else failure
    attempt = Attempt(number, now_ms, now_ms, result, 200 if good else 503, error, failure=kind)
    return RecordAttempt(action_id, attempt, retry_after_ms)
