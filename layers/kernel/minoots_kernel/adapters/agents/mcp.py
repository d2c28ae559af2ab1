"""Agents behind an MCP server: one call of a tool over streamable HTTP.

Of the protocol (revisions 2025-03-26 to 2025-11-25) a caller of one tool needs four messages: initialize, the
notification that it is done, the call, and the end of the session. These are written here; the official SDK brings an
HTTP client of its own, which could not be held to checked addresses, and 30 MB (ADR 0018). Its server is what the
tests talk to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from minoots_contract.signatures import sign
from minoots_kernel.adapters.clock import SystemClock
from minoots_kernel.adapters.webhook.conversation import Answer, Conversation, Conversations
from minoots_kernel.adapters.webhook.replies import Reply, refusal
from minoots_kernel.application.ports import Clock, Performed
from minoots_kernel.domain.agents import AgentDelivery
from minoots_kernel.domain.answers import MASK, echoes
from minoots_kernel.domain.errors import PermanentActionError, TransientActionError
from minoots_kernel.domain.webhooks import USER_AGENT, secrets_in

__all__ = ["McpReceiver"]

OFFERED: Final = "2025-11-25"
SPOKEN: Final = frozenset({"2024-11-05", "2025-03-26", "2025-06-18", OFFERED})
DELIVERY_META: Final = "io.minoots/delivery-id"
"""Where a tool finds the delivery id among a request's `_meta`: the same on every attempt."""
ACKNOWLEDGEMENT_META: Final = "io.minoots/acknowledgement"
"""Where a tool finds the token and the URL to acknowledge by, whatever its arguments are."""

# JSON-RPC 2.0, 5.1: parse error, invalid request, unknown method, invalid parameters; and MCP's unsupported version.
_LASTING: Final = frozenset({-32700, -32600, -32601, -32602, -32022})
CALL: Final = "tools/call"
_LARGEST_CODE: Final = 2**31
NOT_MCP: Final = "the target's answer is not MCP"
_SHOWN: Final = 120


class McpReceiver:
    """Calls the binding's tool with the payload as its arguments.

    Args:
        conversations: Makes the requests.
        clock: Tells what time it is when a server names one; the system's without it.
    """

    def __init__(self, conversations: Conversations, clock: Clock | None = None) -> None:
        self._conversations = conversations
        self._clock = clock or SystemClock()

    def deliver(self, delivery: AgentDelivery) -> Performed:
        """Call the tool; see the port."""
        with self._conversations.within(delivery.binding.timeout_ms, delivery.timer.tenant_id) as conversation:
            session = _Session(conversation, delivery, self._clock)
            session.begin()
            try:
                result = session.call()
            finally:
                session.end()
        if result.get("isError") is True:
            raise TransientActionError(_complaint(result, delivery), failure="serverError")
        return Performed(200)


class _Session:
    def __init__(self, conversation: Conversation, delivery: AgentDelivery, clock: Clock) -> None:
        self._conversation = conversation
        self._delivery = delivery
        self._clock = clock
        self._own: dict[str, str] = {}

    def begin(self) -> None:
        """Introduce ourselves, and agree on a revision of the protocol."""
        client = {"name": "minoots", "version": "1"}
        result = self._request(1, "initialize", protocolVersion=OFFERED, capabilities={}, clientInfo=client)
        version = result.get("protocolVersion")
        if not isinstance(version, str) or version not in SPOKEN:
            raise PermanentActionError(
                "the MCP server speaks no revision of the protocol that is known here", failure="invalidResponse"
            )
        self._own["mcp-protocol-version"] = str(version)
        with self._post({"jsonrpc": "2.0", "method": "notifications/initialized"}) as answer:
            self._check(answer)
            for _ in answer.lines():
                pass  # read to its end, the connection can be used again

    def call(self) -> dict[str, Any]:
        """Call the tool and return its result."""
        delivery = self._delivery
        self._own["idempotency-key"] = delivery.identity
        if delivery.asking is not None:
            self._own["minoots-acknowledgement"] = delivery.asking.url
        return self._request(
            2,
            CALL,
            name=delivery.binding.tool or delivery.kind,
            arguments=delivery.payload,
            _meta={DELIVERY_META: delivery.identity, **_asked(delivery)},
        )

    def end(self) -> None:
        """Let the server forget the session; whether it does changes nothing for the action."""
        if "mcp-session-id" in self._own:
            with suppress(Exception), self._ask("DELETE", "end") as answer:
                answer.header("content-length")

    def _headers(self) -> dict[str, str]:
        """Return the fields of every request; those of the destination take the place of the binding's own."""
        given = {name.lower(): value for name, value in self._delivery.binding.headers.items()}
        given |= {name.lower(): value for name, value in self._delivery.credentials.headers.items()}
        fixed = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        return {"user-agent": USER_AGENT, **given, **fixed, **self._own}

    def _signed(self, part: str, content: bytes) -> dict[str, str]:
        """Return the fields of Standard Webhooks, as everything else that names a destination has them.

        The call itself has the delivery's id, the same on every attempt. The other messages have ids of their own: to
        whoever drops what comes with an id for the second time, the call would be a repeat of them.
        """
        secrets, timestamp_s = self._delivery.credentials.signing_secrets, self._delivery.now_ms // 1000
        if not secrets:
            return {}
        identity = self._delivery.identity if part == CALL else f"{self._delivery.identity}/{part}"
        signature = sign(secrets, identity, timestamp_s, content)
        return {"webhook-id": identity, "webhook-timestamp": str(timestamp_s), "webhook-signature": signature}

    def _post(self, body: dict[str, Any]) -> Any:
        return self._ask("POST", body["method"], json.dumps(body, separators=(",", ":")).encode())

    def _ask(self, verb: str, part: str, content: bytes | None = None) -> Any:
        headers = self._headers() | self._signed(part, content or b"")
        return self._conversation.ask(verb, self._delivery.target, headers, content)

    def _request(self, number: int, method: str, **params: Any) -> dict[str, Any]:
        with self._post({"jsonrpc": "2.0", "id": number, "method": method, "params": params}) as answer:
            self._check(answer)
            session = answer.header("mcp-session-id")
            if session is not None:
                self._own["mcp-session-id"] = session
            for message in _messages(answer):
                if message.get("id") == number and ("result" in message or "error" in message):
                    return _result(message)
        raise TransientActionError("the MCP server did not answer the request", failure="connection")

    def _check(self, answer: Answer) -> None:
        failure = refusal(Reply(answer.status, answer.headers), self._clock.now_ms())
        if failure is not None and answer.status == 404 and "mcp-session-id" in self._own:
            raise TransientActionError("the MCP server forgot the session", 404, failure="serverError")
        if failure is not None:
            raise failure


def _asked(delivery: AgentDelivery) -> dict[str, Any]:
    if delivery.asking is None:
        return {}
    return {ACKNOWLEDGEMENT_META: {"token": delivery.asking.token, "url": delivery.asking.url}}


def _messages(answer: Answer) -> Iterator[dict[str, Any]]:
    """Yield the JSON-RPC messages of an answer: one document, or the events of a stream as they come."""
    kind = (answer.header("content-type") or "").partition(";")[0].strip().lower()
    texts = _events(answer.lines()) if kind == "text/event-stream" else iter(["\n".join(answer.lines())])
    for text in texts:
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            raise PermanentActionError(NOT_MCP, failure="invalidResponse") from None
        if isinstance(message, dict):
            yield message


def _events(lines: Iterator[str]) -> Iterator[str]:
    """Yield the data of server-sent events that have any (WHATWG HTML, 9.2.6)."""
    data: list[str] = []
    for line in lines:
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line:
            text, data = "\n".join(data), []
            if text:
                yield text


def _result(message: dict[str, Any]) -> dict[str, Any]:
    error = message.get("error")
    if error is not None:
        code = error.get("code") if isinstance(error, dict) else None
        if type(code) is not int or abs(code) > _LARGEST_CODE:
            code = None  # whatever else is there may be anything, our own secrets too
        said = f"the MCP server answered with error {code}"
        if code in _LASTING:
            raise PermanentActionError(said, failure="clientError")
        raise TransientActionError(said, failure="serverError")
    result = message["result"]
    if not isinstance(result, dict):
        raise PermanentActionError(NOT_MCP, failure="invalidResponse")
    return result


def _complaint(result: dict[str, Any], delivery: AgentDelivery) -> str:
    """Return what the tool says went wrong, in one line, without what we sent in headers."""
    content = result.get("content")
    parts = content if isinstance(content, list) else []
    text = next((part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)), "")
    ours = delivery.credentials
    secrets = secrets_in(delivery.binding.headers, ()) | secrets_in(ours.headers, ours.signing_secrets)
    if delivery.asking:
        secrets |= {delivery.asking.token}
    for secret in sorted(echoes(secrets), key=len, reverse=True):  # of two that overlap the longer one first
        text = text.replace(secret, MASK)
    line = "".join(character if character.isprintable() else " " for character in text)[:_SHOWN]
    return f"the tool failed: {line}" if line else "the tool failed"
