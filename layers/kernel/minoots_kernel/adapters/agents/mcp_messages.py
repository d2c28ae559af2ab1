"""What a message of MCP carries in its header fields beside what the protocol itself wants there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from minoots_contract.signatures import sign
from minoots_kernel.domain.agents import AgentDelivery
from minoots_kernel.domain.tracing import trace_headers
from minoots_kernel.domain.webhooks import USER_AGENT

__all__ = ["CALL", "END", "REPLY", "RESUME", "Message", "fields_of", "meta_of"]

CALL: Final = "tools/call"
END: Final = "end"
RESUME: Final = "resume"
REPLY: Final = "reply"
_DECIDING: Final = frozenset({"initialize", "server/discover", "notifications/initialized", "tools/list", CALL, RESUME})

DELIVERY_META: Final = "io.minoots/delivery-id"
"""Where a tool finds the delivery id among a request's `_meta`: the same on every attempt."""
ACKNOWLEDGEMENT_META: Final = "io.minoots/acknowledgement"
"""Where a tool finds the token and the URL to acknowledge by, whatever its arguments are."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message on its way to the server.

    Attributes:
        part: Which of the conversation's it is: the method of JSON-RPC, or `end`, `resume` or `reply`.
        number: The id of a request, which its answer has to repeat; none for what is not answered.
    """

    part: str
    number: Any = None

    @classmethod
    def of(cls, verb: str, content: dict[str, Any]) -> Message:
        """Read what a request of HTTP is about.

        Args:
            verb: HTTP's method.
            content: The message of JSON-RPC in it; empty if there is none.
        """
        if verb != "POST":
            return cls({"DELETE": END}.get(verb, RESUME))
        method = content.get("method")
        return cls(method, content.get("id")) if isinstance(method, str) else cls(REPLY)

    @property
    def decides(self) -> bool:
        """Whether the call depends on it: not so on the session's end, nor on what the server asked in between."""
        return self.part in _DECIDING


def fields_of(delivery: AgentDelivery, part: str, nth: int, theirs: dict[str, str], content: bytes) -> dict[str, str]:
    """Return all fields of a message; those of the destination take the place of the binding's own.

    Args:
        delivery: What is delivered.
        part: Which message it is.
        nth: The how-manieth of its kind in this attempt, from 1.
        theirs: The fields of the protocol, which nothing takes the place of; lower-case names.
        content: The message's bytes.
    """
    given = _given(delivery)
    return {"user-agent": USER_AGENT, **_trace(delivery), **given, **theirs, **_own(delivery, part, nth, content)}


def meta_of(delivery: AgentDelivery) -> dict[str, Any]:
    """Return what the call has among its `_meta`; the trace is where MCP has it (SEP-414)."""
    meta: dict[str, Any] = {DELIVERY_META: delivery.identity, **_trace(delivery)}
    if delivery.asking is not None:
        meta[ACKNOWLEDGEMENT_META] = {"token": delivery.asking.token, "url": delivery.asking.url}
    return meta


def _given(delivery: AgentDelivery) -> dict[str, str]:
    given = {name.lower(): value for name, value in delivery.binding.headers.items()}
    return given | {name.lower(): value for name, value in delivery.credentials.headers.items()}


def _trace(delivery: AgentDelivery) -> dict[str, str]:
    """Return the trace that an attempt is part of, unless the binding brings one of its own."""
    given = _given(delivery)
    if "traceparent" in given:
        return {name: given[name] for name in ("traceparent", "tracestate") if name in given}
    return trace_headers(delivery.timer, delivery.identity, delivery.attempt)


def _own(delivery: AgentDelivery, part: str, nth: int, content: bytes) -> dict[str, str]:
    """Return the fields of Standard Webhooks and, with the call alone, those of the delivery.

    The call itself has the delivery's id, the same on every attempt. The other messages have ids of their own: to
    whoever drops what comes with an id for the second time, the call would be a repeat of them, and so would the
    second of a kind be of the first.
    """
    own: dict[str, str] = {}
    if part == CALL:
        own["idempotency-key"] = delivery.identity
        if delivery.asking is not None:
            own["minoots-acknowledgement"] = delivery.asking.url
    secrets, timestamp_s = delivery.credentials.signing_secrets, delivery.now_ms // 1000
    if secrets:
        suffix = "" if part == CALL else f"/{part}" if nth == 1 else f"/{part}/{nth}"
        identity = delivery.identity + suffix
        own["webhook-id"], own["webhook-timestamp"] = identity, str(timestamp_s)
        own["webhook-signature"] = sign(secrets, identity, timestamp_s, content)
    return own
