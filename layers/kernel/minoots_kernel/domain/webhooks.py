"""The request that a webhook action sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from minoots_contract.instants import format_instant
from minoots_contract.signatures import SECRET_PREFIX, sign
from minoots_contract.webhooks import RenderedWebhook
from minoots_kernel.domain.action_context import ending
from minoots_kernel.domain.answers import maskable
from minoots_kernel.domain.chains import Asking
from minoots_kernel.domain.delivery_ids import delivery_id
from minoots_kernel.domain.timer import Timer
from minoots_kernel.domain.tracing import trace_headers

__all__ = ["NO_CREDENTIALS", "USER_AGENT", "Credentials", "WebhookRequest", "secrets_in", "webhook_request"]

USER_AGENT = "minoots/0.1 (+durable timers)"

# Header fields that everybody knows the usual values of.
_NO_SECRETS: Final = frozenset(
    {"accept", "accept-language", "cache-control", "content-language", "content-type", "traceparent", "user-agent"}
)


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """One HTTP request, ready to be sent.

    Attributes:
        headers: Names are as the caller spelled them; the service's own are lower case.
        body: JSON text; none for methods that carry no body.
        timeout_ms: Time for the whole exchange, milliseconds.
        secrets: What of the request must be masked wherever an answer repeats it.
        tenant_id: Whose it is: all that is shared out among tenants on its way goes by it.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None
    timeout_ms: int
    secrets: frozenset[str] = frozenset()
    tenant_id: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a destination adds to the requests that go to it.

    Attributes:
        url: Where to if the action says no URL itself.
        headers: Its auth headers; they take the place of the action's own of the same name.
        signing_secrets: The secrets that sign, the newest first; without one the request is not signed.
    """

    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    signing_secrets: tuple[str, ...] = ()


NO_CREDENTIALS: Final = Credentials()


def webhook_request(
    timer: Timer,
    action_id: str,
    rendered: RenderedWebhook,
    now_ms: int,
    credentials: Credentials = NO_CREDENTIALS,
    asking: Asking | None = None,
) -> WebhookRequest:
    """Build the request of an action's next attempt.

    `webhook-id`, `webhook-timestamp` and `webhook-signature` are those of Standard Webhooks 1.0: the id is the same on
    every attempt, the timestamp (epoch seconds) is the attempt's own, and there is a signature for each secret.

    Args:
        timer: The fired timer.
        action_id: Which of its actions.
        rendered: The action's parameters for this attempt.
        now_ms: When the attempt starts, epoch milliseconds.
        credentials: What the destination adds.
        asking: By what token it asks for an acknowledgement, if it does.

    Returns:
        The request; without a `body` parameter it carries the timer's own envelope. The caller's own content type,
        user agent, idempotency key or trace takes the place of the service's: a second field of the name would be
        invalid.

    Raises:
        ValueError: If neither the action nor the destination says where to.
    """
    state = timer.action(action_id)
    identity, attempt = delivery_id(timer.id, action_id), state.next_attempt if state else 1
    url = rendered.url or credentials.url
    if url is None:
        raise ValueError("nothing says where to")
    without_content = rendered.method in {"GET", "DELETE"} and rendered.body is None
    body = None if without_content else _body(timer, action_id, rendered, asking)
    own = _first_of_each(credentials.headers, rendered.headers)
    defaults = {"content-type": "application/json", "user-agent": USER_AGENT, "idempotency-key": identity}
    if "traceparent" not in {name.lower() for name in own}:
        defaults |= trace_headers(timer, identity, attempt)
    headers = {
        **_first_of_each(own, defaults),
        "webhook-id": identity,
        "webhook-timestamp": str(now_ms // 1000),
        **_story(timer, attempt, now_ms),
    }
    if asking is not None:
        headers["minoots-acknowledgement"] = asking.url
    if credentials.signing_secrets:
        headers["webhook-signature"] = sign(credentials.signing_secrets, identity, now_ms // 1000, body or b"")
    secrets = secrets_in(own, credentials.signing_secrets) | ({asking.token} if asking else frozenset())
    return WebhookRequest(rendered.method, url, headers, body, rendered.timeout_ms, secrets, timer.tenant_id)


def _story(timer: Timer, attempt: int, now_ms: int) -> dict[str, str]:
    """Return the header fields that tell which timer it was, and how punctual."""
    return {
        "minoots-timer-id": timer.id,
        "minoots-attempt": str(attempt),
        "minoots-scheduled-for": format_instant(timer.fire_at_ms),
        "minoots-fired-at": format_instant(timer.fired_at_ms or now_ms),
        "minoots-lateness-ms": str(timer.lateness_ms or 0),
    }


def _first_of_each(*layers: Mapping[str, str]) -> dict[str, str]:
    """Join header fields; of those that differ by case alone the first counts."""
    joined: dict[str, str] = {}
    seen: set[str] = set()
    for layer in layers:
        joined |= {name: value for name, value in layer.items() if name.lower() not in seen}
        seen |= {name.lower() for name in layer}
    return joined


def secrets_in(headers: Mapping[str, str], signing_secrets: tuple[str, ...]) -> frozenset[str]:
    """Return what must be masked wherever an answer repeats it: values of header fields, and secrets that sign."""
    values = [value for name, value in headers.items() if name.lower() not in _NO_SECRETS]
    keys = [secret.removeprefix(SECRET_PREFIX) for secret in signing_secrets]
    return maskable([*values, *keys, *signing_secrets])


def _body(timer: Timer, action_id: str, rendered: RenderedWebhook, asking: Asking | None) -> bytes:
    content: Any = rendered.body
    if content is None:
        asked = {"acknowledgement": asking.context()} if asking else {}
        content = {**_envelope(timer), **ending(timer, action_id), **asked}
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
