"""Servers that have no handshake: revision 2026-07-28."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from mcp.shared.inbound import ERROR_CODE_HTTP_STATUS, classify_inbound_request
from pydantic import Field

from minoots_contract.signatures import format_secret
from minoots_kernel.application.ports import Performed
from minoots_kernel.domain.errors import PermanentActionError, TransientActionError
from minoots_kernel.domain.webhooks import Credentials
from tests.unit.adapters.agents.mcp_servers import (
    Official,
    as_json,
    call,
    failure,
    message,
    sent,
    serving,
    stepping,
    talked,
)
from tests.unit.adapters.webhook.servers import raw_server, reply

MODERN = "2026-07-28"
UNSUPPORTED = {"code": -32022, "message": "no", "data": {"supported": [MODERN], "requested": "2025-11-25"}}
DISCOVERED = {
    "supportedVersions": [MODERN],
    "capabilities": {},
    "resultType": "complete",
    "ttlMs": 0,
    "cacheScope": "public",
}
DISCOVERED_REPLY = as_json(message(2, result=DISCOVERED))


def modern_only(official: Official, refusal: dict[str, Any] | None, status: int, **how: Any) -> Any:
    """The SDK's server, which serves both kinds, behind something that refuses what has no revision in its header."""
    inner = official.app(**how)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or any(name == b"mcp-protocol-version" for name, _ in scope["headers"]):
            await inner(scope, receive, send)
            return
        body = json.loads((await receive())["body"])
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        official.requests.append((scope["method"], headers))
        rejection: Any = classify_inbound_request(body, headers=headers)
        error = refusal or {"code": rejection.code, "message": rejection.message, "data": rejection.data}
        answer = {"jsonrpc": "2.0", "id": body["id"], "error": error}
        code = status or ERROR_CODE_HTTP_STATUS[error["code"]]
        await send({"type": "http.response.start", "status": code, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    return app


@pytest.mark.parametrize("how", [{}, {"json_response": True}], ids=["stream", "json"])
@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (None, 0),
        (UNSUPPORTED, 400),
        (UNSUPPORTED, 200),
        ({"code": -32601, "message": "Method not found"}, 404),
        ({"code": -32020, "message": "Header mismatch"}, 400),
    ],
    ids=["as the SDK would", "unsupported", "unsupported, in a 200", "unknown method", "header mismatch"],
)
def test_a_server_without_a_handshake_is_asked_what_it_speaks_and_called(
    how: dict[str, Any], refusal: dict[str, Any] | None, status: int
) -> None:
    official = Official()
    with serving(modern_only(official, refusal, status, **how)) as url:
        assert call(url, tool="wake") == Performed(200)
    (got,) = official.calls
    assert (got["ticket"], got["meta"]["io.minoots/delivery-id"]) == (7, "0190-t1_a")
    asked = [(method, headers.get("mcp-method")) for method, headers in official.requests]
    assert asked == [("POST", None), ("POST", "server/discover"), ("POST", "tools/call")]
    assert official.requests[2][1]["mcp-protocol-version"] == MODERN
    assert official.requests[2][1]["idempotency-key"] == "0190-t1_a"


@pytest.mark.parametrize(("tool", "says"), [("broken", "the coffee is out"), ("nothing", "Unknown tool: nothing")])
def test_a_tool_that_fails_there_fails_as_anywhere(tool: str, says: str) -> None:
    official = Official()
    with serving(modern_only(official, UNSUPPORTED, 400)) as url:
        failed = failure(url, {}, tool=tool, headers={"Authorization": "Bearer abc-secret"})
    assert isinstance(failed, TransientActionError)
    assert says in failed.reason
    assert "abc-secret" not in failed.reason


def test_a_tool_that_wants_an_argument_in_a_header_field_gets_it_there() -> None:
    official = Official()

    def routed(ticket: Annotated[int, Field(json_schema_extra={"x-mcp-header": "Ticket"})]) -> str:
        official.calls.append({"tool": "routed", "ticket": ticket})
        return "done"

    official.server.add_tool(routed)
    with serving(modern_only(official, UNSUPPORTED, 400)) as url:
        assert call(url, tool="routed") == Performed(200)
    assert official.calls == [{"tool": "routed", "ticket": 7}]
    asked = [(headers.get("mcp-method"), headers.get("mcp-param-ticket")) for _, headers in official.requests[2:]]
    assert asked == [("tools/call", None), ("tools/list", None), ("tools/call", "7")]


def test_its_messages_are_signed_too() -> None:
    secret = format_secret(b"s" * 32)
    refused, done = as_json(message(1, error=UNSUPPORTED), 400), as_json(message(3, result={"content": []}))
    outcome, server = talked(refused, DISCOVERED_REPLY, done, credentials=Credentials(signing_secrets=(secret,)))
    assert outcome == Performed(200)
    ids = [sent(request)[1]["webhook-id"] for request in server.requests]
    assert ids == ["0190-t1_a/initialize", "0190-t1_a/server/discover", "0190-t1_a"]


def test_a_tool_that_asks_for_input_has_not_run() -> None:
    wants = {"resultType": "input_required", "inputRequests": {}, "requestState": "x"}
    outcome, _ = talked(as_json(message(1, error=UNSUPPORTED)), DISCOVERED_REPLY, as_json(message(3, result=wants)))
    assert isinstance(outcome, PermanentActionError)
    assert outcome.reason == "the tool asks for input, and nobody here can give it"


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ([as_json(message(2, result=DISCOVERED | {"supportedVersions": ["2099-01-01"]}))], "no revision"),
        ([as_json(message(2, result={"x": 1}))], "no revision"),
        ([as_json(message(2, error={"code": -32601, "message": "x"}), 404)], "error -32601"),
        ([as_json(b"{}", 401)], "answered 401"),
        ([DISCOVERED_REPLY, as_json(message(3, error={"code": -32602, "message": "x"}), 400)], "error -32602"),
        ([DISCOVERED_REPLY, as_json(b"{}", 404)], "answered 404"),
    ],
)
def test_what_will_not_change_there_fails_for_good(answers: list[bytes], says: str) -> None:
    outcome, _ = talked(as_json(message(1, error=UNSUPPORTED)), *answers)
    assert isinstance(outcome, PermanentActionError)
    assert says in outcome.reason


@pytest.mark.parametrize(
    "answers", [[as_json(b"{}", 429, "Retry-After: 7")], [DISCOVERED_REPLY, as_json(b"{}", 503, "Retry-After: 7")]]
)
def test_a_wish_to_wait_is_kept_there(answers: list[bytes]) -> None:
    outcome, _ = talked(as_json(message(1, error=UNSUPPORTED)), *answers)
    assert isinstance(outcome, TransientActionError)
    assert outcome.retry_after_ms == 7_000


@pytest.mark.parametrize(
    "refused",
    [
        as_json(message(1, error={"code": -32603, "message": "x"})),
        as_json(message(1, error=UNSUPPORTED | {"data": {"supported": ["2099-01-01"], "requested": "x"}})),
        as_json(b"{}", 404),
        as_json(message(1, error=UNSUPPORTED), 500),
        reply(410),
    ],
)
def test_a_refusal_that_says_nothing_of_other_revisions_is_the_end(refused: bytes) -> None:
    with raw_server(stepping(refused)) as server:
        failure(server.url)
    assert len(server.requests) == 1
