"""`timeout_ms` is for the whole exchange, wherever the receiver or the network is slow."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any

import httpcore
import pytest

from minoots_kernel.adapters.memory import MemoryCircuitStore, MemoryMetrics, VirtualClock
from minoots_kernel.adapters.webhook import exchange
from minoots_kernel.adapters.webhook.exchange import exchange_within
from minoots_kernel.adapters.webhook.guard import AddressGuard
from minoots_kernel.adapters.webhook.resolver import Resolver
from minoots_kernel.adapters.webhook.sender import HttpWebhookSender
from minoots_kernel.application.protect import Protect
from minoots_kernel.domain.circuits import FAILURES_TO_OPEN, Call
from minoots_kernel.domain.errors import PutOffError, TransientActionError
from minoots_kernel.domain.webhooks import WebhookRequest
from tests.support.waiting import until
from tests.unit.adapters.webhook.conftest import Names
from tests.unit.adapters.webhook.servers import OK, Talk, a_request, black_hole, raw_server
from tests.unit.application.world import Watcher

TIMEOUT_MS = 300


@contextmanager
def in_time(at_least_s: float = TIMEOUT_MS / 1000 - 0.05) -> Iterator[None]:
    """The block ends with the exchange's time: not before, and soon after."""
    began_s = time.monotonic()
    with pytest.raises(TransientActionError, match=f"no answer within {TIMEOUT_MS} ms"):
        yield
    assert at_least_s <= time.monotonic() - began_s < 8  # servers hang for ten


def request(url: str, body: bytes = b"{}") -> WebhookRequest:
    return a_request(url, timeout_ms=TIMEOUT_MS, body=body)


def says_nothing(talk: Talk) -> None:
    talk.read_request()
    talk.server.over.wait(10)


def drips_headers(talk: Talk) -> None:
    talk.read_request()
    talk.sock.sendall(b"HTTP/1.1 200 OK\r\n")
    talk.drip(b"X-A: b\r\n")


def drips_the_status(talk: Talk) -> None:
    talk.read_request()
    talk.sock.sendall(b"HTTP/1.1 200 ")
    talk.drip(b"O")


def drips_interim_replies(talk: Talk) -> None:
    talk.read_request()
    talk.drip(b"HTTP/1.1 103 Early Hints\r\n\r\n")


def drips_the_body(talk: Talk) -> None:
    talk.read_request()
    talk.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    talk.drip(b"x")


def drips_chunks(talk: Talk) -> None:
    talk.read_request()
    talk.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    talk.drip(b"1\r\nx\r\n")


@pytest.mark.parametrize(
    "talk", [says_nothing, drips_headers, drips_the_status, drips_interim_replies, drips_the_body, drips_chunks]
)
def test_a_receiver_that_holds_its_reply_back_is_left_in_time(
    sender: HttpWebhookSender, talk: Callable[[Talk], None]
) -> None:
    with raw_server(talk) as server, in_time():
        sender.send(request(server.url))


@pytest.mark.parametrize(("sip_every_s", "sip_bytes"), [(10.0, 1), (0.005, 65_536)])
def test_a_receiver_that_does_not_take_the_request_is_left_in_time(
    sender: HttpWebhookSender, sip_every_s: float, sip_bytes: int
) -> None:
    def sip(talk: Talk) -> None:
        while not talk.server.over.wait(sip_every_s):
            talk.sock.recv(sip_bytes)

    with raw_server(sip) as server, in_time():
        sender.send(request(server.url, body=b"x" * 40_000_000))


def test_a_handshake_that_does_not_come_is_left_in_time(sender: HttpWebhookSender) -> None:
    with raw_server(lambda talk: talk.server.over.wait(10)) as server, in_time():
        sender.send(request(server.url.replace("http:", "https:")))


def test_a_kept_connection_has_the_deadline_of_each_request_not_of_its_first(sender: HttpWebhookSender) -> None:
    def talk(talk: Talk) -> None:
        talk.read_request()
        talk.sock.sendall(OK)
        talk.read_request()
        talk.server.over.wait(0.4)
        talk.sock.sendall(OK)
        drips_headers(talk)

    with raw_server(talk) as server:
        assert sender.send(a_request(server.url, timeout_ms=200)).status_code == 200
        assert sender.send(a_request(server.url, timeout_ms=5_000)).status_code == 200
        with in_time():
            sender.send(request(server.url))
        assert server.connections == 1


def test_a_port_that_swallows_connections_is_left_in_time(sender: HttpWebhookSender) -> None:
    with black_hole() as port, in_time():
        sender.send(request(f"http://127.0.0.1:{port}/"))


def test_many_addresses_share_the_time_and_only_four_are_tried(
    sender: HttpWebhookSender, names: Names, connects: list[Any]
) -> None:
    with ExitStack() as stack:
        holes = [("127.0.0.1", stack.enter_context(black_hole())) for _ in range(6)]
        connects.clear()
        names.answers["many.example"] = lambda: holes
        with in_time():
            sender.send(request("http://many.example/"))
    assert connects == holes[:4]


def test_an_address_that_swallows_leaves_time_for_the_next(sender: HttpWebhookSender, names: Names) -> None:
    with black_hole() as port, raw_server(lambda talk: talk.answer_all(OK)) as server:
        names.answers["two.example"] = lambda: [("127.0.0.1", port), ("127.0.0.1", server.port)]
        assert sender.send(a_request("http://two.example/", timeout_ms=1_000)).status_code == 200


@contextmanager
def hanging_look_ups(names: Names, *hosts: str) -> Iterator[None]:
    """Names whose look-up does not end before the block does."""
    release = threading.Event()

    def hang() -> list[tuple[str, int]]:
        release.wait(60)
        return [("127.0.0.1", 9)]

    names.answers.update(dict.fromkeys(hosts, hang))
    before = set(threading.enumerate())
    try:
        yield
    finally:
        release.set()
        for thread in set(threading.enumerate()) - before:
            if thread.name == "webhook-lookup":
                assert thread.daemon
                thread.join(10)


def test_a_name_server_that_does_not_answer_is_left_in_time(sender: HttpWebhookSender, names: Names) -> None:
    with hanging_look_ups(names, "slow.example"), in_time():
        sender.send(request("http://slow.example/"))


FAST = [(socket.AF_INET, ("127.0.0.1", 9))]


def give_up(resolver: Resolver, host: str, party: str) -> None:
    with exchange_within(100, party) as exchange, pytest.raises(httpcore.ConnectTimeout):
        resolver.resolve(host, 9, exchange)


def find_none_free(resolver: Resolver, host: str, party: str) -> None:
    began_s = time.monotonic()
    with exchange_within(100, party) as exchange, pytest.raises(PutOffError, match="too many names"):
        resolver.resolve(host, 9, exchange)
    assert time.monotonic() - began_s < 8


def find(resolver: Resolver, host: str, party: str) -> None:
    with exchange_within(30_000, party) as exchange:
        assert resolver.resolve(host, 9, exchange) == FAST


def test_look_ups_are_bounded_and_who_finds_none_free_is_put_off(names: Names) -> None:
    resolver = Resolver(max_lookups=2)
    names.answers["fast.example"] = lambda: [("127.0.0.1", 9)]
    with hanging_look_ups(names, "slow.example"):
        for party in ("a", "b"):
            give_up(resolver, "slow.example", party)
        find_none_free(resolver, "fast.example", "c")
        until(lambda: len(names.asked) == 2)  # who looks up may begin after who asked has given up
        assert names.asked == ["slow.example", "slow.example"]
        names.answers["127.0.0.1"] = names.answers["fast.example"]
        find(resolver, "127.0.0.1", "c")  # an address takes none
    find(resolver, "fast.example", "c")


def test_a_tenant_whose_names_hang_takes_no_look_up_from_others(names: Names) -> None:
    resolver = Resolver()
    hosts = [f"n{number}.evil{number}.example" for number in range(16)]
    names.answers["fast.example"] = lambda: [("127.0.0.1", 9)]
    with hanging_look_ups(names, *hosts):
        for host in hosts:
            give_up(resolver, host, "evil")
        find_none_free(resolver, "fast.example", "evil")
        find(resolver, "fast.example", "good")
    find(resolver, "fast.example", "evil")


def test_names_below_one_parent_take_no_look_up_from_a_tenants_others(names: Names) -> None:
    resolver = Resolver()
    hosts = [f"N{number}.evil.example{'.' * (number % 2)}" for number in range(8)]
    names.answers["fast.example"] = names.answers["more.evil.example"] = lambda: [("127.0.0.1", 9)]
    with hanging_look_ups(names, *hosts):
        for host in hosts:
            give_up(resolver, host, "demo")
        find_none_free(resolver, "more.evil.example", "demo")
        find(resolver, "more.evil.example", "other")
        find(resolver, "fast.example", "demo")
    find(resolver, "more.evil.example", "demo")


def test_a_look_up_that_becomes_free_in_time_is_taken(names: Names) -> None:
    resolver = Resolver(max_lookups=1)
    names.answers["fast.example"] = lambda: [("127.0.0.1", 9)]
    with ExitStack() as hanging:
        hanging.enter_context(hanging_look_ups(names, "slow.example"))
        give_up(resolver, "slow.example", "a")
        soon = threading.Timer(0.2, hanging.close)
        soon.start()
        find(resolver, "fast.example", "b")
        soon.join()


def test_an_attempt_without_a_free_look_up_is_put_off_and_nobodys_fault(names: Names) -> None:
    sender = HttpWebhookSender(AddressGuard(["127.0.0.1"]))
    shield = Protect(MemoryCircuitStore(), VirtualClock(0), MemoryMetrics(), Watcher(), draw=lambda _: 0)
    mine = replace(request("http://n.evil.example/"), tenant_id="mine")
    call = Call("mine", "h:n.evil.example:80")
    with hanging_look_ups(names, "n.evil.example"):
        for _ in range(8):
            with in_time():
                sender.send(mine)
        for _ in range(2 * FAILURES_TO_OPEN):
            with pytest.raises(PutOffError) as put_off, shield.admitted(call):
                sender.send(replace(mine, timeout_ms=50))
            assert put_off.value.turn is None
        with shield.admitted(call):
            pass  # its circuit is closed
    sender.close()


@contextmanager
def taken(sender: HttpWebhookSender) -> Iterator[None]:
    """Keep the sender's only connection in use."""

    def hold() -> None:
        with suppress(TransientActionError):
            sender.send(a_request(server.url, timeout_ms=30_000))

    with raw_server(says_nothing) as server:
        holds = threading.Thread(target=hold)
        holds.start()
        while not server.requests:
            time.sleep(0.005)
        yield
    holds.join()


def test_an_attempt_without_a_free_connection_is_put_off_and_nobodys_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MAX_WAIT_S", 0.05)
    sender = HttpWebhookSender(AddressGuard(["127.0.0.1"]), max_connections=1)
    shield = Protect(MemoryCircuitStore(), VirtualClock(0), MemoryMetrics(), Watcher(), draw=lambda _: 0)
    call = Call("mine", "h:hooks.example:80")
    with taken(sender):
        for _ in range(2 * FAILURES_TO_OPEN):
            with pytest.raises(PutOffError, match="all are in use") as put_off, shield.admitted(call):
                sender.send(a_request("http://127.0.0.1:9/", timeout_ms=10_000))
            assert put_off.value.turn is None
        with shield.admitted(call):
            pass  # its circuit is closed
    sender.close()


def test_a_connection_that_becomes_free_in_time_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MAX_WAIT_S", 15)
    sender = HttpWebhookSender(AddressGuard(["127.0.0.1"]), max_connections=1)
    with raw_server(lambda talk: talk.answer_all(OK)) as server, ExitStack() as holding:
        holding.enter_context(taken(sender))
        soon = threading.Timer(0.2, holding.close)
        soon.start()
        assert sender.send(a_request(server.url, timeout_ms=30_000)).status_code == 200
        soon.join()
    sender.close()


@pytest.mark.parametrize(("timeout_ms", "longest_s"), [(30_000, 2.0), (1_000, 0.5)])
def test_what_is_short_here_is_waited_for_and_leaves_the_receiver_its_time(timeout_ms: int, longest_s: float) -> None:
    with exchange_within(timeout_ms) as current:
        assert 0 < current.patience_s() <= longest_s
