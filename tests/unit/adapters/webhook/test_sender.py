"""What goes over the wire, and which connections it takes."""

from __future__ import annotations

import gc
import socket
import struct
import threading
from pathlib import Path

import pytest

from minoots_kernel.adapters.webhook import sender as sender_module
from minoots_kernel.adapters.webhook.guard import AddressGuard
from minoots_kernel.adapters.webhook.sender import MAX_REPLY_BYTES, HttpWebhookSender
from minoots_kernel.domain.errors import TransientActionError
from minoots_kernel.domain.webhooks import WebhookRequest
from tests.support.receiver import receiver
from tests.unit.adapters.webhook.certificates import make_certificate
from tests.unit.adapters.webhook.conftest import Names
from tests.unit.adapters.webhook.servers import OK, TRUSTS_NOBODY, Talk, a_request, a_sender, raw_server, reply


def test_the_request_on_the_wire_is_the_one_that_was_given(sender: HttpWebhookSender) -> None:
    headers = {"X-Case": "a  b", "content-type": "application/json", "Authorization": "Bearer x", "webhook-id": "d-1"}
    with raw_server(lambda talk: talk.answer_all(OK)) as server:
        url = f"http://127.0.0.1:{server.port}/a%20b/\u00fc?q=1&r=%2f"
        assert sender.send(WebhookRequest("PUT", url, headers, b'{"a":1}', 5_000)).status_code == 200
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    assert line == "PUT /a%20b/%C3%BC?q=1&r=%2f HTTP/1.1"
    assert sorted(fields) == sorted(
        [f"Host: 127.0.0.1:{server.port}", "Content-Length: 7", *(f"{name}: {headers[name]}" for name in headers)]
    )
    assert body == b'{"a":1}'


@pytest.mark.parametrize(("method", "length"), [("GET", []), ("DELETE", []), ("POST", ["Content-Length: 0"])])
def test_without_a_body_only_methods_that_expect_one_tell_its_length(
    sender: HttpWebhookSender, method: str, length: list[str]
) -> None:
    with raw_server(lambda talk: talk.answer_all(OK)) as server:
        assert sender.send(WebhookRequest(method, server.url, {}, None, 5_000)).status_code == 200
        [request] = server.requests
    assert [line for line in request.decode().split("\r\n") if line.startswith("Content-Length")] == length


def test_a_library_receiver_understands_it(sender: HttpWebhookSender) -> None:
    with receiver() as receiving:
        assert sender.send(a_request(receiving.url + "/hook", body=b'{"a":[1]}', webhook_id="d-1")).status_code == 200
        [arrival] = receiving.wait_for(1)
    assert (arrival.path, arrival.delivery, arrival.body) == ("/hook", "d-1", {"a": [1]})


def test_requests_share_a_kept_connection(sender: HttpWebhookSender) -> None:
    with raw_server(lambda talk: talk.answer_all(reply(200, body=b"x" * 1000))) as server:
        for _ in range(3):
            assert sender.send(a_request(server.url)).status_code == 200
        assert len(set(server.ports)) == 1
        assert server.connections == 1


def test_an_idle_connection_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sender_module.KEEPALIVE_EXPIRY_S <= 15
    monkeypatch.setattr(sender_module, "KEEPALIVE_EXPIRY_S", 0)
    sender = a_sender("127.0.0.1")
    with raw_server(lambda talk: talk.answer_all(OK)) as server:
        sender.send(a_request(server.url))
        sender.send(a_request(server.url))
        sender.close()
        assert len(set(server.ports)) == 2


def test_no_cookie_of_one_request_is_on_another(sender: HttpWebhookSender) -> None:
    with raw_server(lambda talk: talk.answer_all(reply(200, "Set-Cookie: session=of-a-tenant; Path=/"))) as server:
        sender.send(a_request(server.url))
        sender.send(a_request(server.url))
        sender.send(a_request(server.url, Cookie="mine=1"))
        assert [b"of-a-tenant" in request for request in server.requests] == [False] * 3
        assert [b"cookie" in request.lower() for request in server.requests] == [False, False, True]


def test_proxies_of_the_environment_are_not_asked(sender: HttpWebhookSender, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with raw_server(lambda talk: talk.answer_all(OK)) as server:
        assert sender.send(a_request(server.url)).status_code == 200


def test_a_huge_reply_is_a_success_whose_bytes_are_left(sender: HttpWebhookSender) -> None:
    sent: list[int] = []

    def flood(talk: Talk) -> None:
        talk.read_request()
        talk.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while not talk.server.over.is_set():
            sent.append(talk.sock.send(b"x" * 65536))

    with raw_server(flood) as server:
        assert sender.send(a_request(server.url)).status_code == 200
    assert sum(sent) < 400 * MAX_REPLY_BYTES  # what the machine's own buffers take, and no more


def test_a_reply_in_chunks_without_end_is_bounded_too(sender: HttpWebhookSender) -> None:
    def flood(talk: Talk) -> None:
        talk.read_request()
        talk.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not talk.server.over.is_set():
            talk.sock.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")

    with raw_server(flood) as server:
        assert sender.send(a_request(server.url)).status_code == 200


def hang_up_after(requests: int, read_one_more: bool) -> tuple[threading.Event, threading.Event, object]:
    """A receiver whose first connection breaks after so many answers; later ones last."""
    hang_up, hung_up = threading.Event(), threading.Event()

    def talk(talk: Talk) -> None:
        if talk.number > 1:
            talk.answer_all(OK)
            return
        for _ in range(requests):
            talk.read_request()
            talk.sock.sendall(OK)
        if read_one_more:
            talk.read_request()
        else:
            hang_up.wait(10)
            # Reset: the sender's next step fails, whichever it is.
            talk.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        talk.sock.close()
        hung_up.set()

    return hang_up, hung_up, talk


def test_a_kept_connection_that_breaks_unanswered_does_not_cost_the_attempt(sender: HttpWebhookSender) -> None:
    *_, talk = hang_up_after(1, read_one_more=True)
    with raw_server(talk) as server:  # type: ignore[arg-type]
        sender.send(a_request(server.url, webhook_id="d-1"))
        assert sender.send(a_request(server.url, webhook_id="d-2", body=b'{"n":2}')).status_code == 200
        first, lost, again = server.requests
    assert b"d-1" in first
    assert b"d-2" in lost
    assert lost == again
    assert server.connections == 2


@pytest.mark.parametrize("notices", [True, False])
def test_a_connection_closed_while_idle_does_not_cost_the_attempt(
    sender: HttpWebhookSender, monkeypatch: pytest.MonkeyPatch, notices: bool
) -> None:
    if not notices:  # the close comes between the pool's look at the connection and the request
        monkeypatch.setattr("minoots_kernel.adapters.webhook.stream._is_readable", lambda _sock: False)
    hang_up, hung_up, talk = hang_up_after(1, read_one_more=False)
    with raw_server(talk) as server:  # type: ignore[arg-type]
        sender.send(a_request(server.url))
        hang_up.set()
        assert hung_up.wait(10)
        assert sender.send(a_request(server.url)).status_code == 200
        assert sender.send(a_request(server.url)).status_code == 200
        assert len(server.requests) == 3


def test_a_repeated_request_is_repeated_once(sender: HttpWebhookSender) -> None:
    def talk(talk: Talk) -> None:
        if talk.number == 1:
            talk.read_request()
            talk.sock.sendall(OK)
        talk.read_request()

    with raw_server(talk) as server:
        sender.send(a_request(server.url))
        with pytest.raises(TransientActionError, match="incomplete, or not HTTP"):
            sender.send(a_request(server.url))
        assert len(server.requests) == 3


def test_a_new_connection_that_breaks_is_not_repeated(sender: HttpWebhookSender) -> None:
    with raw_server(lambda talk: talk.read_request()) as server:
        with pytest.raises(TransientActionError):
            sender.send(a_request(server.url))
        assert len(server.requests) == 1


def test_a_kept_connection_that_breaks_within_the_answer_is_not_repeated(sender: HttpWebhookSender) -> None:
    def talk(talk: Talk) -> None:
        talk.read_request()
        talk.sock.sendall(OK)
        talk.read_request()
        talk.sock.sendall(OK[:7])

    with raw_server(talk) as server:
        sender.send(a_request(server.url))
        with pytest.raises(TransientActionError):
            sender.send(a_request(server.url))
        assert len(server.requests) == 2


def test_a_repeated_request_has_the_time_of_the_attempt_not_its_own(sender: HttpWebhookSender) -> None:
    def talk(talk: Talk) -> None:
        if talk.number == 1:
            talk.read_request()
            talk.sock.sendall(OK)
            talk.read_request()
            talk.server.over.wait(0.3)
            return
        talk.read_request()
        talk.server.over.wait(10)

    with raw_server(talk) as server:
        sender.send(a_request(server.url))
        with pytest.raises(TransientActionError, match="no answer within 500 ms"):
            sender.send(a_request(server.url, timeout_ms=500))
        assert len(server.requests) == 3


def test_over_tls_the_name_is_checked_and_the_connection_kept(tmp_path: Path, names: Names) -> None:
    serving, trusting = make_certificate("hooks.example", tmp_path)
    sender = a_sender("hooks.example", tls=trusting)
    with raw_server(lambda talk: talk.answer_all(OK), tls=serving) as server:
        names.answers["hooks.example"] = lambda: [("127.0.0.1", server.port)]
        names.answers["hooks.example."] = names.answers["hooks.example"]
        for host, connections in (("hooks.example", 1), ("HOOKS.example", 1), ("hooks.example.", 2)):
            assert sender.send(a_request(f"https://{host}:{server.port}/")).status_code == 200
            assert server.connections == connections
        sender.close()


@pytest.mark.parametrize(
    ("host", "trusts", "says"),
    [
        ("hooks.example", False, "certificate is self-signed"),
        ("other.example", True, "certificate is for another name"),
    ],
)
def test_a_certificate_that_does_not_hold_is_named(
    tmp_path: Path, names: Names, host: str, trusts: bool, says: str
) -> None:
    serving, trusting = make_certificate("hooks.example", tmp_path)
    tls = trusting if trusts else TRUSTS_NOBODY
    sender = a_sender(host, tls=tls)
    with raw_server(lambda talk: talk.answer_all(OK), tls=serving) as server:
        names.answers[host] = lambda: [("127.0.0.1", server.port)]
        with pytest.raises(TransientActionError, match=says):
            sender.send(a_request(f"https://{host}:{server.port}/"))
        assert server.requests == []


def test_without_a_context_of_its_own_the_usual_authorities_are_trusted(tmp_path: Path, names: Names) -> None:
    serving, _ = make_certificate("hooks.example", tmp_path)
    sender = HttpWebhookSender(AddressGuard(["hooks.example"]))
    with raw_server(lambda talk: talk.answer_all(OK), tls=serving) as server:
        names.answers["hooks.example"] = lambda: [("127.0.0.1", server.port)]
        with pytest.raises(TransientActionError, match="certificate is self-signed"):
            sender.send(a_request(f"https://hooks.example:{server.port}/"))


def test_a_sender_that_is_forgotten_leaves_no_socket_open() -> None:
    ended = threading.Event()

    def talk(talk: Talk) -> None:
        talk.answer_all(OK)
        ended.set()

    with raw_server(talk) as server:
        sender = a_sender("127.0.0.1")
        sender.send(a_request(server.url))
        del sender
        gc.collect()
        assert ended.wait(10)
