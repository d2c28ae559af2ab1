"""What holds for everything that goes out holds for what the SDK sends, too."""

from __future__ import annotations

import gc
import gzip
import json
import logging
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from minoots_kernel.adapters.agents.mcp import McpReceiver
from minoots_kernel.adapters.agents.mcp_messages import REPLY, RESUME
from minoots_kernel.adapters.agents.mcp_transport import MOST
from minoots_kernel.adapters.webhook.conversation import MAX_ANSWER_BYTES, Conversations
from minoots_kernel.adapters.webhook.guard import AddressGuard
from minoots_kernel.application.ports import Performed
from minoots_kernel.domain.errors import ActionError, PermanentActionError, TransientActionError
from minoots_kernel.domain.webhooks import Credentials
from tests.unit.adapters.agents.mcp_servers import (
    ACCEPTED,
    DONE,
    HELLO,
    HELLO_REPLY,
    HELLO_SESSION,
    LOOPBACK,
    STREAM,
    as_json,
    call,
    delivery,
    failure,
    message,
    sent,
    stepping,
    talked,
)
from tests.unit.adapters.webhook.certificates import make_certificate
from tests.unit.adapters.webhook.conftest import Names, connects, names
from tests.unit.adapters.webhook.servers import TRUSTS_NOBODY, Talk, raw_server, reply

__all__ = ["connects", "names"]


def test_a_name_is_looked_up_once_and_the_address_that_was_checked_is_the_one_connected_to(
    names: Names, connects: list[Any]
) -> None:
    turns = iter([[("93.184.216.34", 80)], [("127.0.0.1", 80)]])
    names.answers["rebinding.example"] = lambda: next(turns)
    failed = failure("http://rebinding.example/mcp", allowed="10.0.0.0/8")
    assert (failed.failure, [address[0] for address in connects]) == ("connection", ["93.184.216.34"])


@pytest.mark.parametrize("to", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::ffff:169.254.169.254", "fd00::1"])
def test_a_name_that_leads_inside_is_not_connected_to(to: str, names: Names, connects: list[Any]) -> None:
    names.answers["inside.example"] = lambda: [(to, 80)]
    failed = failure("http://inside.example/mcp", allowed="192.0.2.0/24")
    assert (failed.failure, connects) == ("unsendable", [])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", ["/mcp/", "http://169.254.169.254/"])
@pytest.mark.parametrize("before", [[], [HELLO_REPLY], [HELLO_REPLY, ACCEPTED]])
def test_no_message_is_sent_on_to_where_a_redirect_points(status: int, to: str, before: list[bytes]) -> None:
    outcome, server = talked(*before, reply(status, f"Location: {to}"))
    assert isinstance(outcome, PermanentActionError)
    assert (outcome.failure, outcome.status_code) == ("redirect", status)
    assert len(server.requests) == len(before) + 1


def test_the_surroundings_proxies_and_passwords_are_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setitem(os.environ, name, "http://127.0.0.1:9")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    outcome, server = talked(HELLO_REPLY, ACCEPTED, DONE)
    assert outcome == Performed(200)
    assert not any(b"authorization" in request.lower() for request in server.requests)


def test_a_certificate_that_nobody_vouches_for_is_refused_and_a_good_one_is_not(tmp_path: Path) -> None:
    serving, trusting = make_certificate("localhost", tmp_path)
    with raw_server(stepping(HELLO_REPLY, ACCEPTED, DONE), serving, host="127.0.0.1") as server:
        url = f"https://localhost:{server.port}/mcp"
        conversations = [
            Conversations(AddressGuard([LOOPBACK]), tls) for tls in (ssl.create_default_context(), trusting)
        ]
        with pytest.raises(TransientActionError, match="certificate is self-signed"):
            McpReceiver(conversations[0]).deliver(delivery(url))
        assert McpReceiver(conversations[1]).deliver(delivery(url)) == Performed(200)


def test_a_cookie_is_not_kept() -> None:
    hello = as_json(message(1, result=HELLO), 200, "Set-Cookie: a=b; Path=/")
    _, server = talked(hello, ACCEPTED, DONE)
    assert not any(b"cookie" in request.lower() for request in server.requests)


def test_no_message_offers_to_unpack_anything() -> None:
    _, server = talked(HELLO_SESSION, ACCEPTED, DONE, ACCEPTED, headers={"Accept-Encoding": "gzip, br"})
    assert {sent(request)[1]["accept-encoding"] for request in server.requests} == {"identity"}


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
@pytest.mark.parametrize("before", [[], [HELLO_REPLY, ACCEPTED]])
def test_what_is_packed_all_the_same_is_not_unpacked(kind: str, before: list[bytes]) -> None:
    bomb = gzip.compress(b" " * (100 * MAX_ANSWER_BYTES))
    assert len(bomb) < MAX_ANSWER_BYTES
    packed = reply(200, f"Content-Type: {kind}", "Content-Encoding: gzip", body=bomb)
    outcome, _ = talked(*before, packed)
    assert isinstance(outcome, PermanentActionError)
    assert (outcome.reason, outcome.failure) == ("the receiver's answer is compressed, unasked", "invalidResponse")


@pytest.mark.parametrize("piece", [b": nothing\n\n", b"data: x\n", b"x"], ids=["comments", "one event", "one line"])
def test_a_stream_without_an_end_is_left_when_it_is_too_long(piece: bytes) -> None:
    flowed = [0]

    def flow(connection: Talk) -> None:
        connection.sock.sendall(f"HTTP/1.1 200 OK\r\n{STREAM}\r\n\r\n".encode())
        piece_of_it = piece * (65536 // len(piece))
        while not connection.server.over.is_set():
            connection.sock.sendall(piece_of_it)
            flowed[0] += len(piece_of_it)

    with raw_server(stepping(HELLO_REPLY, ACCEPTED, flow)) as server:
        failed = failure(server.url, timeoutMs=30_000)
    assert isinstance(failed, PermanentActionError)
    assert failed.reason == "the receiver's answer is too long"
    assert flowed[0] < 20 * MAX_ANSWER_BYTES  # what the two sides' buffers take, and no flood


def drips(head: bytes, drop: bytes) -> Callable[[Talk], None]:
    def talk(connection: Talk) -> None:
        connection.sock.sendall(head)
        connection.drip(drop)

    return talk


@pytest.mark.parametrize(
    "steps",
    [
        [drips(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n")],
        [drips(f"HTTP/1.1 200 OK\r\n{STREAM}\r\n\r\n".encode(), b": x\n\n")],
        [HELLO_REPLY, drips(b"HTTP/1.1 202 OK\r\nContent-Length: 1000\r\n\r\n", b"x")],
        [HELLO_REPLY, ACCEPTED, drips(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b" ")],
        # A stream that may be taken up again, in a minute.
        [HELLO_REPLY, ACCEPTED, reply(200, STREAM, body=b"id: 1\nretry: 60000\ndata:\n\n")],
    ],
    ids=["head", "hello", "notification", "answer", "wait"],
)
def test_one_time_is_for_the_whole_conversation(steps: list[Any]) -> None:
    with raw_server(stepping(*steps)) as server:
        began_s = time.monotonic()
        failed = failure(server.url, timeoutMs=600)
        took_s = time.monotonic() - began_s
    assert isinstance(failed, TransientActionError)
    assert (failed.failure, failed.reason) == ("timeout", "no answer within 600 ms")
    assert took_s >= 0.55


def test_a_name_that_is_looked_up_for_ever_has_the_attempts_time(names: Names) -> None:
    over = threading.Event()

    def never() -> list[tuple[str, int]]:
        over.wait(20)
        return []

    names.answers["slow.example"] = never
    try:
        failed = failure("http://slow.example/mcp", timeoutMs=300)
    finally:
        over.set()
    assert failed.failure == "timeout"


def test_a_session_that_cannot_be_ended_takes_nothing_from_the_result() -> None:
    with raw_server(stepping(HELLO_SESSION, ACCEPTED, DONE, drips(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"))) as server:
        assert call(server.url, timeoutMs=6_000) == Performed(200)
    assert [sent(request)[0] for request in server.requests] == ["POST", "POST", "POST", "DELETE"]


@pytest.mark.parametrize("before", [[], [HELLO_SESSION, ACCEPTED]], ids=["hello", "call"])
@pytest.mark.parametrize("status", [400, 404, 410, 429, 503])
def test_what_a_status_says_is_not_lost_in_a_body_without_end(before: list[bytes], status: int) -> None:
    head = f"HTTP/1.1 {status} No\r\nContent-Type: application/json\r\nRetry-After: 7\r\n\r\n".encode()

    def flood(connection: Talk) -> None:
        connection.sock.sendall(head)
        while not connection.server.over.is_set():
            connection.sock.sendall(b" " * 65536)

    with raw_server(stepping(*before, flood)) as server:
        failed = failure(server.url, timeoutMs=30_000)
    assert (failed.status_code, failed.retry_after_ms) == (status, 7_000 if status != 404 or not before else None)


def test_a_session_is_ended_when_the_call_was_refused_too() -> None:
    outcome, server = talked(HELLO_SESSION, ACCEPTED, as_json(b"{}", 503), ACCEPTED)
    assert isinstance(outcome, ActionError)
    assert outcome.status_code == 503
    assert [sent(request)[0] for request in server.requests] == ["POST", "POST", "POST", "DELETE"]


def test_a_stream_that_breaks_off_is_taken_up_where_it_did() -> None:
    again = reply(200, STREAM, body=b"id: 8\ndata: %s\n\n" % message(2, result={"content": []}))
    secret = "whsec_" + "c2Vj" * 8
    outcome, server = talked(
        HELLO_SESSION,
        ACCEPTED,
        reply(200, STREAM, body=b"id: 7\nretry: 5\ndata:\n\n"),
        again,
        ACCEPTED,
        credentials=Credentials(signing_secrets=(secret,)),
    )
    assert outcome == Performed(200)
    method, headers, _ = sent(server.requests[3])
    assert (method, headers["last-event-id"], headers["webhook-id"]) == ("GET", "7", "0190-t1_a/resume")


def test_a_stream_that_breaks_off_again_and_again_is_given_up() -> None:
    broken = reply(200, STREAM, body=b"id: 7\nretry: 0\ndata:\n\n")
    outcome, server = talked(HELLO_REPLY, ACCEPTED, broken)
    assert isinstance(outcome, TransientActionError)
    assert outcome.reason == "the MCP server did not answer the request"
    assert [sent(request)[0] for request in server.requests] == ["POST"] * 3 + ["GET"] * MOST[RESUME]


def test_a_tool_that_asks_the_caller_something_is_told_no() -> None:
    asks = (
        b'data: {"jsonrpc":"2.0","id":"q","method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}\n\n'
    )

    def ask_first(connection: Talk) -> None:
        connection.sock.sendall(f"HTTP/1.1 200 OK\r\n{STREAM}\r\n\r\n".encode() + asks)
        while len(connection.server.requests) < 4 and not connection.server.over.wait(0.01):
            pass
        connection.sock.sendall(b"data: %s\n\n" % message(2, result={"content": []}))

    with raw_server(stepping(HELLO_REPLY, ACCEPTED, ask_first, ACCEPTED)) as server:
        assert call(server.url) == Performed(200)
    told = json.loads(sent(server.requests[3])[2])
    assert (told["id"], "error" in told) == ("q", True)


def test_a_server_that_asks_without_end_is_answered_a_few_times() -> None:
    asks = b"".join(b'data: {"jsonrpc":"2.0","id":%d,"method":"ping"}\n\n' % n for n in range(5_000))
    done = b"data: %s\n\n" % message(2, result={"content": []})

    def ask(connection: Talk) -> None:
        connection.sock.sendall(f"HTTP/1.1 200 OK\r\n{STREAM}\r\n\r\n".encode() + asks)
        while len(connection.server.requests) < 3 + MOST[REPLY] and not connection.server.over.wait(0.01):
            pass
        connection.sock.sendall(done)

    with raw_server(stepping(HELLO_REPLY, ACCEPTED, ask, ACCEPTED)) as server:
        assert call(server.url) == Performed(200)
    assert len(server.requests) == 3 + MOST[REPLY]


def test_the_payload_arrives_as_it_is() -> None:
    payload = {
        "none": None,
        "deep": {"none": None, "list": [None, 1.5, {"a": None}]},
        "text": "ü\u2028\x00",
        "big": 2**60,
    }
    _, server = talked(HELLO_REPLY, ACCEPTED, DONE, payload=payload)
    assert json.loads(sent(server.requests[2])[2])["params"]["arguments"] == payload


def test_the_call_is_part_of_the_timers_trace() -> None:
    _, server = talked(HELLO_REPLY, ACCEPTED, DONE)
    traces = {sent(request)[1]["traceparent"] for request in server.requests}
    meta = json.loads(sent(server.requests[2])[2])["params"]["_meta"]
    assert traces == {meta["traceparent"]}
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    _, server = talked(HELLO_REPLY, ACCEPTED, DONE, headers={"Traceparent": given})
    assert {sent(request)[1]["traceparent"] for request in server.requests} == {given}


ASKS = b'data: {"jsonrpc":"2.0","id":"q","method":"ping"}\n\n'


@contextmanager
def nothing_left() -> Iterator[None]:
    """No thread, no file or socket, and no task more than before."""
    gc.collect()
    before = set(threading.enumerate()), len(os.listdir("/proc/self/fd"))
    yield
    gc.collect()
    for one in set(threading.enumerate()) - before[0]:
        one.join(10)  # told to end with their loop, which does not wait for them
    assert set(threading.enumerate()) <= before[0]
    assert len(os.listdir("/proc/self/fd")) <= before[1]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts what Linux shows of a process")
@pytest.mark.parametrize(
    "steps",
    [
        [HELLO_SESSION, ACCEPTED, DONE, ACCEPTED],
        [HELLO_SESSION, ACCEPTED, as_json(b"{}", 503), ACCEPTED],
        [HELLO_REPLY, ACCEPTED, reply(200, STREAM, body=b"data: %s\n\ndata: more\n\n" % message(2, result={}))],
        [HELLO_REPLY, ACCEPTED, as_json(b" " * (MAX_ANSWER_BYTES + 1))],
        [HELLO_REPLY, b"HTTP/1.1 202 OK\r\nContent-Length: 5\r\n\r\n"],
        [HELLO_REPLY, ACCEPTED, f"HTTP/1.1 200 OK\r\n{STREAM}\r\n\r\n".encode()],
        [HELLO_SESSION, ACCEPTED, reply(200, STREAM, body=ASKS + b"data: %s\n\n" % message(2, result={})), b""],
        [HELLO_REPLY, ACCEPTED, reply(200, STREAM, body=b"data: %s\n\n" % message(2, result=[]))],
        [b"rubbish\r\n\r\n"],
    ],
    ids=[
        "done",
        "refused",
        "streamed",
        "too long",
        "timeout",
        "timeout in a stream",
        "asked in a stream",
        "no result in a stream",
        "not HTTP",
    ],
)
def test_nothing_is_left_of_a_conversation(steps: list[bytes]) -> None:
    talked(*steps, timeoutMs=500)  # what is imported and made once
    with nothing_left():
        talked(*steps, timeoutMs=500)


def test_nobody_logs_what_was_said(caplog: pytest.LogCaptureFixture) -> None:
    ours = Credentials(headers={"Authorization": "Bearer t0ken"})
    wrong = as_json(message(1, result={"said": "Bearer t0ken"}))
    broken = reply(200, STREAM, body=b"data: Bearer t0ken\n\n")
    with caplog.at_level(logging.DEBUG):
        for steps in ([wrong], [HELLO_REPLY, ACCEPTED, broken], [as_json(b"Bearer t0ken")], [as_json(b"t0ken", 500)]):
            talked(*steps, credentials=ours)
    assert "t0ken" not in caplog.text
    assert not [record for record in caplog.records if record.name.partition(".")[0] in {"mcp", "client", "httpx2"}]


def test_ten_conversations_at_once_do_not_hear_each_other() -> None:
    def answer(connection: Talk) -> None:
        while request := connection.read_request():
            said = json.loads(request.partition(b"\r\n\r\n")[2])
            if said["method"] == "initialize":
                connection.sock.sendall(as_json(message(said["id"], result=HELLO)))
            elif "id" not in said:
                connection.sock.sendall(ACCEPTED)
            else:
                text = f"number {said['params']['arguments']['n']}"
                result = {"isError": True, "content": [{"type": "text", "text": text}]}
                connection.sock.sendall(as_json(message(said["id"], result=result)))

    said: dict[int, str] = {}
    with raw_server(answer) as server:
        receiver = McpReceiver(Conversations(AddressGuard([LOOPBACK]), TRUSTS_NOBODY))

        def ask(n: int) -> None:
            with pytest.raises(TransientActionError) as caught:
                receiver.deliver(delivery(server.url, {"n": n}))
            said[n] = caught.value.reason

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert said == {n: f"the tool failed: number {n}" for n in range(10)}
