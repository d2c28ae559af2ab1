"""Streams that break off, hold more than the answer, or are never done: the tool may have run by then."""

from __future__ import annotations

import json

import pytest

from minoots_kernel.adapters.webhook.exchange import shortage
from minoots_kernel.application.ports import Performed
from minoots_kernel.domain.errors import PutOffError, TransientActionError
from minoots_kernel.domain.webhooks import Credentials
from tests.unit.adapters.agents.mcp_servers import (
    ACCEPTED,
    HELLO_REPLY,
    HELLO_SESSION,
    STREAM,
    as_json,
    call,
    failure,
    message,
    sent,
    stepping,
    talked,
)
from tests.unit.adapters.webhook.conftest import Names, names
from tests.unit.adapters.webhook.servers import Talk, raw_server, reply

__all__ = ["names"]

BROKEN = b"id: 7\nretry: 5\ndata:\n\n"
UNANSWERED = "the MCP server did not answer the request"
SECRET = "whsec_" + "c2Vj" * 8


@pytest.mark.parametrize("hello", [HELLO_REPLY, HELLO_SESSION], ids=["no session", "session"])
@pytest.mark.parametrize("status", [302, 400, 401, 403, 405, 410, 422])
def test_a_stream_that_may_not_be_taken_up_is_worth_another_attempt(hello: bytes, status: int) -> None:
    refused = as_json(message(2, error={"code": -32601, "message": "x"}), status, "Location: /x")
    outcome, server = talked(hello, ACCEPTED, reply(200, STREAM, body=BROKEN), refused, ACCEPTED)
    assert isinstance(outcome, TransientActionError)
    assert (outcome.reason, outcome.failure, outcome.status_code) == (UNANSWERED, "connection", None)
    assert [sent(request)[0] for request in server.requests[:4]] == ["POST", "POST", "POST", "GET"]


@pytest.mark.parametrize("status", [408, 409, 429, 503])
def test_what_is_worth_another_attempt_anyway_says_so_of_a_stream_too(status: int) -> None:
    refused = reply(status, "Retry-After: 7")
    outcome, _ = talked(HELLO_REPLY, ACCEPTED, reply(200, STREAM, body=BROKEN), refused)
    assert isinstance(outcome, TransientActionError)
    assert (outcome.status_code, outcome.retry_after_ms) == (status, 7_000)


def test_a_stream_that_cannot_be_taken_up_for_want_of_a_look_up_does_not_put_the_attempt_off(names: Names) -> None:
    broken = reply(200, STREAM, "Connection: close", body=BROKEN)
    with raw_server(stepping(HELLO_REPLY, ACCEPTED, broken)) as server:

        def look_up() -> list[tuple[str, int]]:
            if len(names.asked) > 1:
                raise shortage("too many names are being looked up")
            return [("127.0.0.1", server.port)]

        names.answers["agents.example"] = look_up
        failed = failure(f"http://agents.example:{server.port}/mcp")
    assert isinstance(failed, TransientActionError)
    assert (failed.reason, failed.failure) == (UNANSWERED, "connection")
    assert len(names.asked) > 1


def test_before_the_call_it_does(names: Names) -> None:
    def look_up() -> list[tuple[str, int]]:
        raise shortage("too many names are being looked up")

    names.answers["agents.example"] = look_up
    with pytest.raises(PutOffError):
        call("http://agents.example/mcp")


def test_no_two_messages_of_an_attempt_have_one_id() -> None:
    asks = b'id: 7\nretry: 5\ndata: {"jsonrpc":"2.0","id":"q","method":"ping"}\n\n'
    done = reply(200, STREAM, body=b"data: %s\n\n" % message(2, result={"content": []}))
    streams = iter([reply(200, STREAM, body=asks), reply(200, STREAM, body=asks), done])

    def talk(connection: Talk) -> None:
        while request := connection.read_request():
            method, _, body = sent(request)
            said = json.loads(body) if body else {}
            if said.get("method") == "initialize":
                connection.sock.sendall(HELLO_REPLY)
            else:
                connection.sock.sendall(next(streams) if method == "GET" or "params" in said else ACCEPTED)

    with raw_server(talk) as server:
        assert call(server.url, credentials=Credentials(signing_secrets=(SECRET,))) == Performed(200)
    ids = [sent(request)[1]["webhook-id"].removeprefix("0190-t1_a") for request in server.requests]
    greeting = ["/initialize", "/notifications/initialized"]
    assert sorted(ids) == sorted([*greeting, "", "/reply", "/resume", "/reply/2", "/resume/2"])
