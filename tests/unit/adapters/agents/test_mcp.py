"""One call of a tool: on a server of the official SDK, and on receivers that answer as no SDK would."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import standardwebhooks

from minoots_contract.signatures import format_secret
from minoots_kernel.adapters.webhook.conversation import MAX_ANSWER_BYTES
from minoots_kernel.application.ports import Performed
from minoots_kernel.domain.errors import PermanentActionError, TransientActionError
from minoots_kernel.domain.webhooks import Credentials
from tests.unit.adapters.agents.mcp_servers import (
    ACCEPTED,
    DONE,
    HELLO,
    HELLO_REPLY,
    Official,
    as_json,
    call,
    failure,
    message,
    sent,
    serving,
    talked,
)
from tests.unit.adapters.webhook.servers import Talk, black_hole, raw_server, reply
from tests.unit.domain.builders import NOW_MS

AT = datetime.fromtimestamp(NOW_MS // 1000, UTC)
SECRET, OLDER = format_secret(b"s" * 32), format_secret(b"o" * 32)


@pytest.fixture
def official() -> Official:
    return Official()


@pytest.fixture(params=[{}, {"json_response": True}, {"stateless_http": True}], ids=["stream", "json", "stateless"])
def url(official: Official, request: pytest.FixtureRequest) -> Iterator[str]:
    """The SDK's server in each of the ways in which it can answer."""
    with serving(official.app(**request.param)) as found:
        yield found


def test_the_tool_of_the_actions_kind_is_called_with_the_payload(official: Official, url: str) -> None:
    assert call(url) == Performed(200)
    assert official.calls == [{"tool": "agent_prompt", "ticket": 7}]


def test_a_named_tool_is_called_and_finds_the_delivery_id(official: Official, url: str) -> None:
    call(url, tool="wake", headers={"Authorization": "Bearer x"})
    (got,) = official.calls
    assert (got["tool"], got["meta"]["io.minoots/delivery-id"]) == ("wake", "0190-t1_a")
    assert {headers["authorization"] for _, headers in official.requests} == {"Bearer x"}
    assert official.requests[2][1]["idempotency-key"] == "0190-t1_a"


def test_what_a_tool_reports_on_its_way_is_passed_over(official: Official, url: str) -> None:
    call(url, tool="chatty")
    assert [one["tool"] for one in official.calls] == ["chatty"]


def test_a_tool_that_fails_is_worth_another_attempt_and_says_why_without_our_secrets(url: str) -> None:
    failed = failure(url, {}, tool="broken", headers={"Authorization": "Bearer abc-secret"})
    assert isinstance(failed, TransientActionError)
    assert "the coffee is out" in failed.reason
    assert "abc-secret" not in failed.reason


def test_a_tool_that_fails_does_not_bring_out_the_destinations_secrets(url: str) -> None:
    ours = Credentials(headers={"X-Key": "abc-secret"}, signing_secrets=(SECRET,))
    failed = failure(url, {}, tool="broken", credentials=ours)
    assert "the coffee is out" in failed.reason
    assert "abc-secret" not in failed.reason


def test_a_tool_that_is_not_there_fails(official: Official, url: str) -> None:
    assert "nothing" in failure(url, tool="nothing").reason or "error -32602" in failure(url, tool="nothing").reason
    assert official.calls == []


def test_arguments_that_the_tool_does_not_take_fail(official: Official, url: str) -> None:
    assert failure(url, {"ticket": "no number"}).reason
    assert official.calls == []


def test_a_session_is_ended_and_a_later_call_begins_another(official: Official) -> None:
    with serving(official.app()) as url:
        call(url)
        call(url)
    methods = [method for method, _ in official.requests]
    assert methods == ["POST", "POST", "POST", "DELETE"] * 2
    sessions = [headers["mcp-session-id"] for method, headers in official.requests if method == "DELETE"]
    assert len(set(sessions)) == 2
    assert {headers.get("mcp-protocol-version") for _, headers in official.requests[1:4]} == {"2025-11-25"}


def test_an_address_that_is_not_public_is_not_even_connected_to(official: Official) -> None:
    with serving(official.app()) as url:
        blocked = failure(url, allowed="10.0.0.0/8")
    assert isinstance(blocked, PermanentActionError)
    assert "not a public address" in blocked.reason
    assert official.requests == []


# What follows speaks bytes. `steps` are the answers to initialize, initialized and the call, in their order.


def test_three_requests_over_one_connection_are_all_it_takes() -> None:
    outcome, server = talked(HELLO_REPLY, ACCEPTED, DONE)
    assert outcome == Performed(200)
    assert (len(server.requests), server.connections) == (3, 1)
    bodies = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.requests]
    assert [body["method"] for body in bodies] == ["initialize", "notifications/initialized", "tools/call"]
    assert bodies[2]["params"]["arguments"] == {"ticket": 7}
    assert b"mcp-protocol-version: 2025-06-18" in server.requests[2].lower()
    assert b"mcp-protocol-version" not in server.requests[0].lower()


def test_every_request_to_a_destination_is_signed_and_let_in_and_the_call_alone_has_the_deliverys_id() -> None:
    ours = Credentials(headers={"Authorization": "Bearer t0ken"}, signing_secrets=(SECRET, OLDER))
    hello = as_json(message(1, result=HELLO), 200, "Mcp-Session-Id: s1")
    outcome, server = talked(hello, ACCEPTED, DONE, ACCEPTED, credentials=ours, headers={"authorization": "mine"})
    assert outcome == Performed(200)
    requests = [sent(request) for request in server.requests]
    assert [(method, headers["webhook-id"]) for method, headers, _ in requests] == [
        ("POST", "0190-t1_a/initialize"),
        ("POST", "0190-t1_a/notifications/initialized"),
        ("POST", "0190-t1_a"),
        ("DELETE", "0190-t1_a/end"),
    ]
    for _, headers, body in requests:
        assert headers["authorization"] == "Bearer t0ken"
        assert headers["webhook-timestamp"] == str(NOW_MS // 1000)
        assert headers["webhook-signature"].split(" ") == [
            standardwebhooks.Webhook(secret).sign(headers["webhook-id"], AT, body.decode())
            for secret in (SECRET, OLDER)
        ]


def test_a_binding_without_a_destination_is_not_signed() -> None:
    _, server = talked(HELLO_REPLY, ACCEPTED, DONE)
    assert not any(b"webhook-" in request.lower() for request in server.requests)


@pytest.mark.parametrize(
    "stream",
    [
        b"event: message\ndata: %s\n\n",
        b': comment\r\n\r\nid: 7\r\ndata: {"jsonrpc":"2.0","method":"notifications/x"}\r\n\r\ndata:%s\r\n\r\n',
        b'data: {"jsonrpc":"2.0","id":2,"method":"sampling/createMessage"}\n\ndata: %s\n\ndata: rubbish after it\n\n',
    ],
)
def test_the_result_is_found_among_the_events_of_a_stream(stream: bytes) -> None:
    events = stream % message(2, result={"content": []})
    outcome, _ = talked(
        HELLO_REPLY, ACCEPTED, reply(200, "Content-Type: text/event-stream; charset=utf-8", body=events)
    )
    assert outcome == Performed(200)


def test_an_event_in_several_lines_is_one_message() -> None:
    lines = b'data: {"jsonrpc":"2.0",\ndata: "id":2,"result":{}}\n\n'
    outcome, _ = talked(HELLO_REPLY, ACCEPTED, reply(200, "Content-Type: text/event-stream", body=lines))
    assert outcome == Performed(200)


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([as_json(b"{}", 401)], "answered 401"),
        ([as_json(b"{}", 404)], "answered 404"),
        ([reply(302, "Location: http://169.254.169.254/")], "answered 302"),
        ([as_json(b"<html>")], "not MCP"),
        ([as_json(b"[" * 100_000)], "not MCP"),
        ([as_json(message(1, result=[]))], "not MCP"),
        ([as_json(message(1, result=HELLO | {"protocolVersion": "2099-01-01"}))], "no revision"),
        ([as_json(message(1, result={}))], "no revision"),
        ([as_json(message(1, result=HELLO | {"protocolVersion": ["2025-06-18"]}))], "no revision"),
        ([as_json(message(1, error={"code": -32022, "message": "x"}))], "error -32022"),
        ([HELLO_REPLY, ACCEPTED, as_json(message(2, error={"code": -32601, "message": "secret"}))], "error -32601"),
        ([HELLO_REPLY, ACCEPTED, as_json(message(2, error={"code": -32602, "message": "secret"}))], "error -32602"),
        ([HELLO_REPLY, ACCEPTED, ACCEPTED], "not MCP"),
        ([HELLO_REPLY, ACCEPTED, as_json(b" " * (MAX_ANSWER_BYTES + 1))], "too long"),
    ],
)
def test_what_will_not_change_fails_for_good(steps: list[bytes], says: str) -> None:
    outcome, _ = talked(*steps)
    assert isinstance(outcome, PermanentActionError)
    assert says in outcome.reason
    assert "secret" not in outcome.reason


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([as_json(b"{}", 503, "Retry-After: 7")], "answered 503"),
        ([HELLO_REPLY, as_json(b"{}", 500)], "answered 500"),
        ([as_json(message(1, result=HELLO), 200, "Mcp-Session-Id: s1"), ACCEPTED, as_json(b"{}", 404)], "forgot"),
        ([HELLO_REPLY, ACCEPTED, as_json(message(2, error={"code": -32603, "message": "x"}))], "error -32603"),
        ([as_json(message(1, error={"code": "key Bearer secret\nis wrong"}))], "error None"),
        ([as_json(message(1, error={"code": [1]}))], "error None"),
        ([as_json(message(1, error={"code": 10**400}))], "error None"),
        ([as_json(message(1, error="no"))], "error None"),
        ([HELLO_REPLY, ACCEPTED, as_json(message(2, error="x"))], "error None"),
        ([HELLO_REPLY, ACCEPTED, as_json(message(3, result={}))], "did not answer"),
        (
            [HELLO_REPLY, ACCEPTED, reply(200, "Content-Type: text/event-stream", body=b"data: {}\n\n")],
            "did not answer",
        ),
        ([HELLO_REPLY, ACCEPTED, as_json(message(2, result={"isError": True}))], "the tool failed"),
        (
            [HELLO_REPLY, ACCEPTED, as_json(message(2, result={"isError": True, "content": [{"text": "a\nb\x00"}]}))],
            "the tool failed: a b ",
        ),
    ],
)
def test_what_may_change_is_worth_another_attempt(steps: list[bytes], says: str) -> None:
    outcome, _ = talked(*steps)
    assert isinstance(outcome, TransientActionError)
    assert says in outcome.reason


@pytest.mark.parametrize("steps", [[as_json(b"{}", 410)], [HELLO_REPLY, ACCEPTED, as_json(b"{}", 410)]])
def test_a_server_that_is_gone_says_so_by_the_status_that_disables_destinations(steps: list[bytes]) -> None:
    outcome, _ = talked(*steps)
    assert isinstance(outcome, PermanentActionError)
    assert outcome.status_code == 410


def test_a_servers_wish_to_wait_is_kept() -> None:
    outcome, _ = talked(as_json(b"{}", 503, "Retry-After: 7"))
    assert isinstance(outcome, TransientActionError)
    assert outcome.retry_after_ms == 7_000


def test_a_server_that_drips_has_the_time_of_the_attempt_and_no_more() -> None:
    def talk(connection: Talk) -> None:
        connection.read_request()
        connection.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        connection.drip(b": still here\n\n")

    with raw_server(talk) as server:
        outcome = failure(server.url, timeoutMs=300)
    assert isinstance(outcome, TransientActionError)
    assert outcome.reason == "no answer within 300 ms"


def test_a_server_that_does_not_answer_is_left_in_time() -> None:
    with black_hole() as port:
        assert failure(f"http://127.0.0.1:{port}/", timeoutMs=300).reason in {
            "no answer within 300 ms",
            "the host does not answer",
        }


def test_the_sdk_is_there_when_a_receiver_is_ready_and_not_before() -> None:
    lines = [
        "import sys",
        "from minoots_kernel.adapters.agents.mcp import McpReceiver",
        "from minoots_kernel.adapters.webhook.conversation import Conversations",
        "from minoots_kernel.adapters.webhook.guard import AddressGuard",
        "receiver = McpReceiver(Conversations(AddressGuard([])))",
        "before = 'mcp' in sys.modules",
        "receiver.prepare()",
        "all = set(sys.modules)",
        "from minoots_kernel.adapters.agents.mcp_session import call_tool",
        "print(before, 'mcp' in all, sorted(set(sys.modules) - all))",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False True []"
