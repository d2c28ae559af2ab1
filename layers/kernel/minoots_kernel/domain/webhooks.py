"""The request that a webhook action sends."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from minoots_contract.actions import WebhookParameters
from minoots_contract.instants import format_instant
from minoots_kernel.domain.timer import Timer, delivery_id

__all__ = ["USER_AGENT", "WebhookRequest", "webhook_request"]

USER_AGENT = "minoots/0.1 (+durable timers)"


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """One HTTP request, ready to be sent.

    Attributes:
        headers: Names are as the caller spelled them; the service's own are lower case.
        body: JSON text; none for methods that carry no body.
        timeout_ms: Time for the whole exchange, milliseconds.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None
    timeout_ms: int


def webhook_request(timer: Timer, action_id: str, parameters: WebhookParameters, now_ms: int) -> WebhookRequest:
    """Build the request of an action's next attempt.

    `webhook-id` and `webhook-timestamp` are those of Standard Webhooks 1.0: the id is the same on every attempt, the
    timestamp (epoch seconds) is the attempt's own.

    Args:
        timer: The fired timer.
        action_id: Which of its actions.
        parameters: The action's parameters.
        now_ms: When the attempt starts, epoch milliseconds.

    Returns:
        The request; without a `body` parameter it carries the timer's own envelope. The caller's own content type,
        user agent or idempotency key takes the place of the service's: a second field of the name would be invalid.
    """
    state = timer.action(action_id)
    identity = delivery_id(timer.id, action_id)
    given = {name.lower() for name in parameters.headers}
    defaults = {"content-type": "application/json", "user-agent": USER_AGENT, "idempotency-key": identity}
    headers = {
        **{name: value for name, value in defaults.items() if name not in given},
        **parameters.headers,
        "webhook-id": identity,
        "webhook-timestamp": str(now_ms // 1000),
        "minoots-timer-id": timer.id,
        "minoots-attempt": str(state.next_attempt if state else 1),
        "minoots-scheduled-for": format_instant(timer.fire_at_ms),
        "minoots-fired-at": format_instant(timer.fired_at_ms or now_ms),
        "minoots-lateness-ms": str(timer.lateness_ms or 0),
    }
    body = None if parameters.method in {"GET", "DELETE"} and parameters.body is None else _body(timer, parameters)
    return WebhookRequest(parameters.method, parameters.url, headers, body, parameters.timeout_ms)


def _body(timer: Timer, parameters: WebhookParameters) -> bytes:
    content: Any = parameters.body if parameters.body is not None else _envelope(timer)
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def _envelope(timer: Timer) -> dict[str, Any]:
    return {
        "type": "io.minoots.timer.fired.v1",
        "timer": {
            "id": timer.id,
            "tenantId": timer.tenant_id,
            "name": timer.name,
            "fireAt": format_instant(timer.fire_at_ms),
            "firedAt": format_instant(timer.fired_at_ms or timer.fire_at_ms),
            "latenessMs": timer.lateness_ms or 0,
            "metadata": timer.spec.metadata,
            "labels": timer.spec.labels,
        },
    }
