"""Whatever goes wrong is one of the port's two errors, in words that are our own."""

from __future__ import annotations

import logging
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest

from minoots_kernel.adapters.webhook.backend import GuardedBackend
from minoots_kernel.adapters.webhook.guard import AddressGuard, BlockedAddressError
from minoots_kernel.adapters.webhook.sender import HttpWebhookSender
from minoots_kernel.domain.errors import ActionError, PermanentActionError, TransientActionError
from minoots_kernel.domain.webhooks import WebhookRequest
from tests.unit.adapters.webhook.conftest import Names
from tests.unit.adapters.webhook.servers import OK, Talk, a_request, raw_server

SECRET = "hunter2"


def half_a_body(talk: Talk) -> None:
    talk.read_request()
    talk.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


def resets(talk: Talk) -> None:
    talk.read_request()
    talk.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def says(answer: bytes) -> Callable[[Talk], None]:
    def talk(talk: Talk) -> None:
        talk.read_request()
        talk.sock.sendall(answer)

    return talk


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (half_a_body, "the receiver's answer is incomplete, or not HTTP"),
        (says(b""), "the receiver's answer is incomplete, or not HTTP"),
        (says(b"HTTP/1.1 200"), "the receiver's answer is incomplete, or not HTTP"),
        (says(b"220 mail.example ESMTP hunter2\r\n"), "the receiver's answer is incomplete, or not HTTP"),
        (
            says(b"HTTP/1.1 200 OK\r\nContent-Length: hunter2\r\n\r\n"),
            "the receiver's answer is incomplete, or not HTTP",
        ),
        (says(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000), "the receiver's answer is incomplete, or not HTTP"),
        (resets, "the connection broke"),
    ],
)
def test_a_reply_that_is_none_is_transient(
    sender: HttpWebhookSender, talk: Callable[[Talk], None], reason: str
) -> None:
    with raw_server(talk) as server, pytest.raises(TransientActionError) as caught:
        sender.send(a_request(server.url))
    assert (caught.value.reason, caught.value.status_code) == (reason, None)


def test_a_refused_connection_is_transient(sender: HttpWebhookSender) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(TransientActionError, match=r"^the receiver refused the connection$"):
        sender.send(a_request(f"http://127.0.0.1:{port}/"))


def test_a_port_without_tls_is_transient(sender: HttpWebhookSender) -> None:
    def talk(talk: Talk) -> None:
        talk.sock.recv(65536)
        talk.sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with (
        raw_server(talk) as server,
        pytest.raises(TransientActionError, match=r"^the receiver did not complete the TLS handshake$"),
    ):
        sender.send(a_request(server.url.replace("http:", "https:")))


def test_a_name_without_address_is_transient(sender: HttpWebhookSender, names: Names) -> None:
    names.answers["empty.example"] = list
    for host in ("nowhere.example", "empty.example"):
        with pytest.raises(TransientActionError, match=r"^the host's name leads to no address$"):
            sender.send(a_request(f"http://{host}/"))


def test_a_network_that_cannot_be_reached_is_transient(
    sender: HttpWebhookSender, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(_sock: socket.socket, _address: Any) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    names.answers["far.example"] = lambda: [("2606:4700::1", 80), ("93.184.215.14", 80)]
    with pytest.raises(TransientActionError, match=r"^the receiver cannot be reached$"):
        sender.send(a_request("http://far.example/"))


def test_both_families_are_tried_though_one_has_many_addresses(
    sender: HttpWebhookSender, names: Names, connects: list[Any]
) -> None:
    many = [(f"2606:4700::{n}", 80) for n in range(1, 7)]
    with raw_server(lambda talk: talk.answer_all(OK)) as server:
        names.answers["both.example"] = lambda: [*many, ("127.0.0.1", server.port)]
        assert sender.send(a_request("http://both.example/")).status_code == 200
        assert connects[:2] == [many[0], ("127.0.0.1", server.port)]


def test_what_is_connected_to_is_what_was_checked(sender: HttpWebhookSender, names: Names, connects: list[Any]) -> None:
    answers = iter([[("93.184.215.14", 80)], [("10.0.0.1", 80)]])
    names.answers["rebind.example"] = lambda: next(answers)
    with pytest.raises(TransientActionError, match="refused"):
        sender.send(a_request("http://rebind.example/"))
    assert connects == [("93.184.215.14", 80)]
    with pytest.raises(PermanentActionError, match=r"^rebind\.example leads to what is not a public"):
        sender.send(a_request("http://rebind.example/"))
    assert connects == [("93.184.215.14", 80)]
    assert names.asked == ["rebind.example"] * 2


def test_one_private_address_among_public_ones_refuses_them_all(
    sender: HttpWebhookSender, names: Names, connects: list[Any]
) -> None:
    public = [(f"93.184.215.{n}", 80) for n in range(6)]
    names.answers["mixed.example"] = lambda: [*public, ("192.168.0.1", 80)]
    with pytest.raises(PermanentActionError, match="not a public"):
        sender.send(a_request("http://mixed.example/"))
    assert connects == []


def test_a_redirect_to_a_private_address_is_not_followed(sender: HttpWebhookSender, connects: list[Any]) -> None:
    answer = b"HTTP/1.1 307 There\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n"
    with raw_server(says(answer)) as server:
        with pytest.raises(PermanentActionError, match="answered 307"):
            sender.send(a_request(server.url))
        assert connects == [("127.0.0.1", server.port)]


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": {"X-Token": f"{SECRET} "}},
        {"headers": {"X-Token": f" {SECRET}"}},
        {"headers": {"X-Token": f"{SECRET}\r\nX: y"}},
        {"headers": {"X-Token": f"{SECRET}\u20ac"}},
        {"headers": {"X-Token": 5}},
        {"headers": {f"X {SECRET}": "x"}},
        {"url": f"http://127.0.0.1:99999/{SECRET}"},
        {"url": f"http://\u2488.example/{SECRET}"},
        {"url": f"http://{'x' * 64}.example/{SECRET}"},
        {"url": f"http://127.0.0.1/{SECRET}\x00"},
        {"url": f"ftp://127.0.0.1/{SECRET}"},
        {"url": f"/{SECRET}"},
        {"url": f"http://[{SECRET}]/"},
    ],
)
def test_a_request_that_cannot_be_sent_is_not_quoted(sender: HttpWebhookSender, changes: dict[str, Any]) -> None:
    given = {"method": "POST", "headers": {}, "body": b"{}", "timeout_ms": 1_000}
    with raw_server(lambda talk: talk.answer_all(OK)) as server, pytest.raises(ActionError) as caught:
        sender.send(WebhookRequest(**{"url": server.url} | given | changes))
    assert SECRET not in caught.value.reason
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("error", [RuntimeError(SECRET), ValueError(SECRET), KeyError(SECRET), MemoryError(SECRET)])
def test_a_fault_of_ours_is_transient_and_logged_without_its_words(
    sender: HttpWebhookSender, names: Names, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def fail() -> list[tuple[str, int]]:
        raise error

    names.answers["odd.example"] = fail
    with (
        caplog.at_level(logging.ERROR),
        pytest.raises(TransientActionError, match=f"^the attempt broke off: {type(error).__name__}$"),
    ):
        sender.send(a_request("http://odd.example/"))
    assert SECRET not in caplog.text
    assert type(error).__name__ in caplog.text


def test_what_stops_the_process_is_not_held_up(sender: HttpWebhookSender, names: Names) -> None:
    def stop() -> list[tuple[str, int]]:
        raise KeyboardInterrupt

    names.answers["stop.example"] = stop
    with pytest.raises(KeyboardInterrupt):
        sender.send(a_request("http://stop.example/"))


def test_sockets_of_the_machine_are_no_receivers() -> None:
    with pytest.raises(BlockedAddressError):
        GuardedBackend(AddressGuard()).connect_unix_socket("/run/some.sock")
