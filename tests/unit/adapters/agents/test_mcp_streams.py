"""Streams that break off, hold more than the answer, or are never done: the tool may have run by then."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minoots_kernel.adapters.webhook.exchange import shortage
from minoots_kernel.application.ports import Performed
from minoots_kernel.domain.errors import PermanentActionError, PutOffError, TransientActionError
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
RESULT: dict[str, Any] = {"content": []}
GONE = {"code": -32601, "message": "x"}
ELSEWHERE = [{"result": RESULT}, {"error": GONE}]


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


def test_a_server_that_asks_and_does_not_take_the_answer_loses_nothing_of_the_tools_result() -> None:
    ask = b'data: {"jsonrpc":"2.0","id":"%d","method":"ping"}\n\n'

    def asking(connection: Talk) -> None:
        connection.sock.sendall(f"HTTP/1.1 200 OK\r\n{STREAM}\r\n\r\n".encode() + ask % 1 + ask % 2)
        while len(connection.server.requests) < 4 and not connection.server.over.wait(0.01):
            pass
        connection.sock.sendall(b"data: %s\n\n" % message(2, result=RESULT))

    def silence(connection: Talk) -> None:
        connection.server.over.wait()

    with raw_server(stepping(HELLO_REPLY, ACCEPTED, asking, silence)) as server:
        assert call(server.url) == Performed(200)
    assert [json.loads(sent(request)[2]).get("id") for request in server.requests[:4]] == [1, None, 2, "1"]


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


@pytest.mark.parametrize("other", ELSEWHERE, ids=["result", "error"])
def test_an_answer_to_something_else_in_a_stream_is_not_the_answer(other: dict[str, Any]) -> None:
    stray, wrong = message(77, **other), message(2, error={"code": -32602, "message": "x"})
    stream = b"data: %s\n\ndata: %s\n\n"
    outcome, _ = talked(HELLO_REPLY, ACCEPTED, reply(200, STREAM, body=stream % (stray, wrong)))
    assert isinstance(outcome, PermanentActionError)
    assert outcome.reason == "the MCP server answered with error -32602"
    outcome, _ = talked(HELLO_REPLY, ACCEPTED, reply(200, STREAM, body=stream % (stray, message(2, result=RESULT))))
    assert outcome == Performed(200)


@pytest.mark.parametrize("other", ELSEWHERE, ids=["result", "error"])
def test_a_stream_with_nothing_but_answers_to_something_else_is_unanswered(other: dict[str, Any]) -> None:
    stream = reply(200, STREAM, body=b"data: %s\n\n" % message(77, **other))
    outcome, _ = talked(HELLO_REPLY, ACCEPTED, stream)
    assert isinstance(outcome, TransientActionError)
    assert outcome.reason == UNANSWERED


def test_an_answer_to_something_else_is_passed_over_in_a_stream_that_was_taken_up_and_may_be_where_one_broke() -> None:
    stray = reply(200, STREAM, body=b"id: 8\nretry: 5\ndata: %s\n\n" % message(77, result=RESULT))
    last = reply(200, STREAM, body=b"data: %s\n\ndata: %s\n\n" % (message(77, result=RESULT), message(2, error=GONE)))
    outcome, server = talked(HELLO_REPLY, ACCEPTED, reply(200, STREAM, body=BROKEN), stray, last)
    assert isinstance(outcome, PermanentActionError)
    assert outcome.reason == "the MCP server answered with error -32601"
    assert [sent(request)[1].get("last-event-id") for request in server.requests] == [None, None, None, "7", "8"]


def test_what_will_not_change_ends_a_stream_that_could_be_taken_up_at_once() -> None:
    wrong = reply(200, STREAM, body=b"id: 7\nretry: 60000\ndata: %s\n\n" % message(2, result=[]))
    outcome, server = talked(HELLO_REPLY, ACCEPTED, wrong)
    assert isinstance(outcome, PermanentActionError)
    assert outcome.reason == "the target's answer is not MCP"
    assert len(server.requests) == 3
