"""Answers that the SDK would not read: what a tool did is done, however it says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from minoots_kernel.adapters.agents.mcp_answers import MAX_DEPTH, answer_to
from minoots_kernel.adapters.agents.mcp_messages import CALL, Message
from minoots_kernel.application.ports import Performed
from minoots_kernel.domain.errors import PermanentActionError, TransientActionError
from tests.unit.adapters.agents.mcp_servers import (
    ACCEPTED,
    DONE,
    HELLO,
    HELLO_REPLY,
    STREAM,
    as_json,
    message,
    sent,
    talked,
)
from tests.unit.adapters.webhook.servers import reply


def as_stream(body: bytes) -> bytes:
    return reply(200, STREAM, body=b"data: %s\n\n" % body)


WAYS = pytest.mark.parametrize("way", [as_json, as_stream], ids=["json", "stream"])


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def saying(said: bytes) -> bytes:
    return b'{"jsonrpc":"2.0","id":2,"result":{"content":[],"x":%s}}' % said


@WAYS
@pytest.mark.parametrize(
    "answer",
    [
        saying(rb'"cut \ud83d"'),
        saying(rb'{"\udc00": "cut \ud83d"}'),
        saying(b'"cut \xf0\x9f"'),
        saying(b'"a tab\tand a bell\x07"'),
        saying(b"[NaN, Infinity, -Infinity, 1e999]"),
        saying(nested(150)),
        saying(nested(300)),
        saying(nested(100_000)),
        saying(b'{"[": "' + rb"]\"]" * 1000 + b'", "deep": ' + nested(300) + b"}"),
        b'{"id":2,"result":{"content":[]}}',
        b'{"jsonrpc":2,"id":2,"result":{"content":[]},"error":null}',
        b'{"jsonrpc":"2.0","id":"2","result":{"content":[]}}',
    ],
    ids=[
        "half a pair",
        "half a pair in a name",
        "half a character",
        "control characters",
        "no numbers",
        "deep",
        "deeper",
        "deepest",
        "brackets in strings",
        "no version",
        "an error that is none",
        "an id as text",
    ],
)
def test_a_result_is_a_result(way: Callable[[bytes], bytes], answer: bytes) -> None:
    outcome, server = talked(HELLO_REPLY, ACCEPTED, way(answer))
    assert outcome == Performed(200)
    assert len(server.requests) == 3


@WAYS
def test_a_tool_that_fails_in_half_characters_fails_in_words_that_can_be_stored(way: Callable[[bytes], bytes]) -> None:
    answer = rb'{"jsonrpc":"2.0","id":2,"result":{"isError":true,"content":[{"text":"cut \ud83d"}]}}'
    outcome, _ = talked(HELLO_REPLY, ACCEPTED, way(answer))
    assert isinstance(outcome, TransientActionError)
    assert outcome.reason == "the tool failed: cut ?"


def test_no_more_of_a_result_is_lost_than_what_is_too_deep() -> None:
    asked, fits = Message(CALL, 2), "[" * (MAX_DEPTH - 2) + "]" * (MAX_DEPTH - 2)
    cut = "[" * (MAX_DEPTH - 2) + "null" + "]" * (MAX_DEPTH - 2)
    tail = '"b":"]}[{","c":{"d":[1,"\\\\"]}'
    whole = '{"jsonrpc":"2.0","id":2,"result":{"a":%s,"e":%s,%s}}'
    found = answer_to(asked, (whole % (fits, nested(500).decode(), tail)).encode())
    assert found.decode() == whole % (fits, cut, tail)


@pytest.mark.parametrize("broken", [b"[" * 500, b'{"id":2,"result":' + b"[" * 500 + b'"', nested(500) + b"]"])
def test_what_is_deep_and_no_json_is_no_answer(broken: bytes) -> None:
    with pytest.raises(PermanentActionError, match="not MCP"):
        answer_to(Message(CALL, 2), broken)


@WAYS
@pytest.mark.parametrize("number", [True, 2.5, "3", [2], None])
def test_another_id_is_another_answer(way: Callable[[bytes], bytes], number: Any) -> None:
    answer = json.dumps({"jsonrpc": "2.0", "id": number, "result": {"content": []}}).encode()
    outcome, _ = talked(HELLO_REPLY, ACCEPTED, way(answer))
    assert isinstance(outcome, TransientActionError)
    assert outcome.reason == "the MCP server did not answer the request"


@WAYS
@pytest.mark.parametrize(
    "hello",
    [
        {"protocolVersion": "2025-06-18", "capabilities": {}},
        {"protocolVersion": "2025-06-18"},
        HELLO | {"serverInfo": {"name": "x", "version": 1}},
        HELLO | {"serverInfo": {"name": "x"}},
        HELLO | {"capabilities": [], "instructions": ["x"], "_meta": 1},
    ],
)
def test_a_server_that_greets_carelessly_is_called(way: Callable[[bytes], bytes], hello: dict[str, Any]) -> None:
    outcome, server = talked(way(message(1, result=hello)), ACCEPTED, DONE)
    assert outcome == Performed(200)
    assert sent(server.requests[2])[1]["mcp-protocol-version"] == "2025-06-18"


def test_a_server_without_a_handshake_that_says_what_it_speaks_and_no_more_is_called() -> None:
    none = as_json(message(1, error={"code": -32601, "message": "x"}), 404)
    known = as_json(message(2, result={"supportedVersions": ["2026-07-28"]}))
    outcome, server = talked(none, known, as_json(message(3, result={"content": []})))
    assert outcome == Performed(200)
    assert sent(server.requests[2])[1]["mcp-protocol-version"] == "2026-07-28"


def test_a_refusal_in_half_characters_is_the_refusal_that_it_is() -> None:
    outcome, _ = talked(as_json(rb'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"\ud83d"}}', 400))
    assert isinstance(outcome, PermanentActionError)
    assert outcome.reason == "the MCP server answered with error -32700"
