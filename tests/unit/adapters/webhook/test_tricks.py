"""Every trick to reach what a webhook must not reach: each is refused before a byte is sent, or even a connection made.

A trick goes the whole way: through the rules for a webhook's parameters, and if its text passes, to the sender with a
guard that allows nothing, and a name server that answers what an attacker would like.
"""

from __future__ import annotations

import socket
from typing import Any

import pytest
from pydantic import ValidationError

from minoots_contract.webhooks import WebhookParameters
from minoots_kernel.domain.errors import ActionError, PermanentActionError
from tests.support.dns import NameServer, name_server
from tests.unit.adapters.webhook.servers import OK, a_request, a_sender, raw_server

BY_TEXT, BY_ADDRESS, BY_BOTH = "by its text", "by its address", "by its text, and would be by its address"

# What is refused by the text of the URL is refused when the timer is created, the rest on the way.
TRICKS: list[tuple[str, str]] = [
    # loopback, in every spelling that a C library takes for an address
    ("http://127.0.0.1/", BY_ADDRESS),
    ("http://127.1/", BY_BOTH),
    ("http://127.0.1/", BY_BOTH),
    ("http://127.255.255.254/", BY_ADDRESS),
    ("http://2130706433/", BY_BOTH),
    ("http://0x7f000001/", BY_BOTH),
    ("http://0x7F.0x0.0x0.0x1/", BY_BOTH),
    ("http://0x7f.1/", BY_BOTH),
    ("http://017700000001/", BY_BOTH),
    ("http://127.0.0.1.:80/", "not at all"),
    ("http://0/", BY_BOTH),
    ("http://0.0.0.0/", BY_ADDRESS),
    ("http://localhost/", BY_ADDRESS),
    ("http://LOCALHOST/", BY_ADDRESS),
    ("http://localhost./", BY_ADDRESS),
    ("http://app.localhost/", BY_ADDRESS),
    # IPv6, alone and around IPv4
    ("http://[::1]/", BY_ADDRESS),
    ("http://[0:0:0:0:0:0:0:1]/", BY_ADDRESS),
    ("http://[0000::0001]/", BY_ADDRESS),
    ("http://[::]/", BY_ADDRESS),
    ("http://[::ffff:127.0.0.1]/", BY_ADDRESS),
    ("http://[::ffff:7f00:1]/", BY_ADDRESS),
    ("http://[0:0:0:0:0:ffff:7f00:0001]/", BY_ADDRESS),
    ("http://[::ffff:169.254.169.254]/", BY_ADDRESS),
    ("http://[::ffff:a9fe:a9fe]/", BY_ADDRESS),
    ("http://[::127.0.0.1]/", BY_ADDRESS),
    ("http://[::ffff:0:127.0.0.1]/", BY_ADDRESS),
    ("http://[64:ff9b::127.0.0.1]/", BY_ADDRESS),
    ("http://[64:ff9b::7f00:1]/", BY_ADDRESS),
    ("http://[64:ff9b::a9fe:a9fe]/", BY_ADDRESS),
    ("http://[64:ff9b::10.0.0.1]/", BY_ADDRESS),
    ("http://[64:ff9b:1::a00:1]/", BY_ADDRESS),
    ("http://[2002:7f00:1::]/", BY_ADDRESS),
    ("http://[2002:a9fe:a9fe::]/", BY_ADDRESS),
    ("http://[2001:0:7f00:1::]/", BY_ADDRESS),
    ("http://[fe80::1]/", BY_ADDRESS),
    ("http://[fec0::1]/", BY_ADDRESS),
    ("http://[fc00::1]/", BY_ADDRESS),
    ("http://[fd12:3456:789a::1]/", BY_ADDRESS),
    ("http://[ff02::1]/", BY_ADDRESS),
    ("http://[100::1]/", BY_ADDRESS),
    ("http://[2001:db8::1]/", BY_ADDRESS),
    # private, shared, link-local, multicast, reserved
    ("http://10.0.0.1/", BY_ADDRESS),
    ("http://10.1/", BY_BOTH),
    ("http://167772161/", BY_BOTH),
    ("http://0xa000001/", BY_BOTH),
    ("http://172.16.0.1/", BY_ADDRESS),
    ("http://172.31.255.255/", BY_ADDRESS),
    ("http://192.168.0.1/", BY_ADDRESS),
    ("http://0xc0.0xa8.1/", BY_BOTH),
    ("http://100.64.0.1/", BY_ADDRESS),
    ("http://169.254.0.1/", BY_ADDRESS),
    ("http://192.0.2.1/", BY_ADDRESS),
    ("http://198.18.0.1/", BY_ADDRESS),
    ("http://203.0.113.1/", BY_ADDRESS),
    ("http://224.0.0.1/", BY_ADDRESS),
    ("http://240.0.0.1/", BY_ADDRESS),
    ("http://255.255.255.255/", BY_ADDRESS),
    # metadata of the clouds
    ("http://169.254.169.254/latest/meta-data/", BY_ADDRESS),
    ("http://2852039166/latest/meta-data/", BY_BOTH),
    ("http://0xa9fea9fe/latest/meta-data/", BY_BOTH),
    ("http://0xA9.0xFE.0xA9.0xFE/", BY_BOTH),
    ("http://025177524776/", BY_BOTH),
    ("http://169.254.43518/", BY_BOTH),
    ("http://169.16689662/", BY_BOTH),
    ("http://169.254.170.2/v2/credentials", BY_ADDRESS),
    ("http://[fd00:ec2::254]/latest/meta-data/", BY_ADDRESS),
    ("http://metadata.google.internal/computeMetadata/v1/", BY_ADDRESS),
    ("http://100.100.100.200/latest/meta-data/", BY_ADDRESS),
    ("http://192.0.0.192/opc/v2/", BY_ADDRESS),
    ("http://168.63.129.16/machine", BY_ADDRESS),
    # names that lead there
    ("http://127.0.0.1.nip.io/", BY_ADDRESS),
    ("http://inside.example/", BY_ADDRESS),
    ("http://INSIDE.example./", BY_ADDRESS),
    ("http://both.example/", BY_ADDRESS),
    ("http://behind.example/", BY_ADDRESS),
    ("http://mapped.example/", BY_ADDRESS),
    ("http://nat64.example/", BY_ADDRESS),
    ("http://\u2139nside.example/", "not at all"),
    # two readers of a URL that disagree about its host
    ("http://public.example@127.0.0.1/", BY_TEXT),
    ("http://127.0.0.1@public.example/", BY_TEXT),
    ("http://public.example:80@127.0.0.1/", BY_TEXT),
    ("http://public.example%40127.0.0.1/", BY_TEXT),
    ("http://public.example\\@127.0.0.1/", BY_TEXT),
    ("http://127.0.0.1\\.public.example/", BY_TEXT),
    ("http://public.example#@127.0.0.1/", BY_TEXT),
    ("http://127.0.0.1 .public.example/", BY_TEXT),
    ("http://127.0.0.1\t/", BY_TEXT),
    ("http://127.0.0.1\r\nHost: public.example/", BY_TEXT),
    ("http://[::1]public.example/", BY_TEXT),
    ("http://[fe80::1%25eth0]/", BY_TEXT),
    ("http://[::1%251]/", BY_TEXT),
    ("http://127.0.0.1:80:443/", BY_TEXT),
    ("http://public.example\uff0f127.0.0.1/", BY_TEXT),
    ("http:///127.0.0.1/", BY_TEXT),
    ("http:127.0.0.1/", BY_TEXT),
    ("//127.0.0.1/", BY_TEXT),
    ("http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/", "not at all"),
    ("http://\uff11\uff12\uff17.0.0.1/", "not at all"),
    ("http://127\u30020\u30020\u30021/", "not at all"),
    ("http://0177.0.0.1/", BY_TEXT),
    # other schemes, and other protocols' ports
    ("file:///etc/passwd", BY_TEXT),
    ("gopher://127.0.0.1:6379/_FLUSHALL", BY_TEXT),
    ("ftp://127.0.0.1/", BY_TEXT),
    ("unix:///var/run/docker.sock", BY_TEXT),
    ("http+unix://%2Fvar%2Frun%2Fdocker.sock/", BY_TEXT),
    ("data:text/plain,x", BY_TEXT),
    ("http://public.example:25/", BY_TEXT),
    ("http://public.example:22/", BY_TEXT),
    ("http://public.example:0/", BY_TEXT),
    ("http://public.example:65536/", BY_TEXT),
]

NAMES = {
    "localhost": ["127.0.0.1", "::1"],
    "app.localhost": ["127.0.0.1"],
    "metadata.google.internal": ["169.254.169.254"],
    "127.0.0.1.nip.io": ["127.0.0.1"],
    "inside.example": ["10.0.0.7"],
    "both.example": ["93.184.215.14", "127.0.0.1"],
    "behind.example": ["2606:4700::1111", "fd00::1"],
    "mapped.example": ["::ffff:192.168.0.1"],
    "nat64.example": ["64:ff9b::a00:1"],
    "public.example": ["93.184.215.14"],
}


@pytest.fixture
def attempted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The addresses that somebody tried to connect a stream to; none of them is reached."""
    seen: list[Any] = []
    connect = socket.socket.connect

    def noting(sock: socket.socket, address: Any) -> None:
        if sock.type == socket.SOCK_STREAM:
            seen.append(address)
            raise ConnectionRefusedError
        connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", noting)
    return seen


def test_the_table_is_as_long_as_it_claims() -> None:
    assert len({url for url, _ in TRICKS}) == len(TRICKS) >= 60


@pytest.mark.parametrize(("url", "refused"), TRICKS)
def test_a_trick_is_refused_before_a_connection_is_made(
    url: str, refused: str, attempted: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        WebhookParameters.model_validate({"url": url})
    except ValidationError:
        assert refused in {BY_TEXT, BY_BOTH}
        if refused == BY_TEXT:
            return
    else:
        assert refused not in {BY_TEXT, BY_BOTH}
    with name_server({name: lambda _, to=to: to for name, to in NAMES.items()}) as names:
        monkeypatch.setattr(socket, "getaddrinfo", names.look_up)
        with pytest.raises(ActionError) as caught:
            a_sender().send(a_request(url))
    assert attempted == []
    if refused in {BY_ADDRESS, BY_BOTH}:
        assert isinstance(caught.value, PermanentActionError)
        assert "not a public address" in caught.value.reason


def test_what_is_public_would_have_been_called(attempted: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with name_server({name: lambda _, to=to: to for name, to in NAMES.items()}) as names:
        monkeypatch.setattr(socket, "getaddrinfo", names.look_up)
        with pytest.raises(ActionError):
            a_sender().send(a_request("http://public.example/"))
    assert attempted == [("93.184.215.14", 80)]


# Two loopback addresses stand for outside and inside: the deployment allows the one, and the other is not allowed.
OUTSIDE, INSIDE = "127.0.0.2", "127.0.0.1"
on_both = pytest.mark.allow_hosts([OUTSIDE, INSIDE])


@on_both
@pytest.mark.parametrize(
    ("plays", "arrivals", "refusals"),
    [
        pytest.param([[OUTSIDE], [INSIDE]], 1, 1, id="turns inside after the first attempt"),
        pytest.param([[INSIDE], [OUTSIDE]], 1, 1, id="was inside at first"),
        pytest.param([[OUTSIDE], [INSIDE], [OUTSIDE], [INSIDE]], 2, 2, id="goes to and fro"),
        pytest.param([[OUTSIDE, INSIDE], [INSIDE, OUTSIDE]], 0, 2, id="gives both at once"),
    ],
)
def test_a_name_that_is_rebound_never_leads_inside(
    plays: list[list[str]], arrivals: int, refusals: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        raw_server(lambda talk: talk.answer_all(OK), host=OUTSIDE) as outside,
        raw_server(lambda talk: talk.answer_all(OK), host=INSIDE, port=outside.port) as inside,
        name_server({"rebind.example": lambda number: plays[number]}) as names,
    ):
        monkeypatch.setattr(socket, "getaddrinfo", names.look_up)
        refused: list[str] = []
        for _ in plays:
            sender = a_sender(f"{OUTSIDE}/32")  # with no connection kept, as in a function that was just started
            try:
                sender.send(a_request(f"http://rebind.example:{outside.port}/"))
            except PermanentActionError as error:
                refused.append(error.reason)
            finally:
                sender.close()
        assert len(outside.requests) == arrivals
        assert refused == ["rebind.example leads to what is not a public address"] * refusals
        assert inside.connections == 0
        # Asked once an attempt: what was checked is what was connected to, and no second answer came between.
        assert names.asked == ["rebind.example"] * len(plays)


@on_both
def test_a_kept_connection_goes_on_to_where_it_was_checked_whatever_the_name_says_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with (
        raw_server(lambda talk: talk.answer_all(OK), host=OUTSIDE) as outside,
        name_server({"rebind.example": lambda number: [INSIDE if number else OUTSIDE]}) as names,
    ):
        monkeypatch.setattr(socket, "getaddrinfo", names.look_up)
        sender = a_sender(f"{OUTSIDE}/32")
        for _ in range(3):
            sender.send(a_request(f"http://rebind.example:{outside.port}/"))
        sender.close()
        assert (outside.connections, names.asked) == (1, ["rebind.example"])


def test_the_name_server_answers_over_the_wire() -> None:
    with name_server({"a.example": lambda number: [f"10.0.0.{number}", "fd00::1"]}) as names:
        assert isinstance(names, NameServer)
        assert [found[4][0] for found in names.look_up("a.example", 80)] == ["10.0.0.0", "fd00::1"]
        assert [found[4][0] for found in names.look_up("a.example", 80)] == ["10.0.0.1", "fd00::1"]
        with pytest.raises(socket.gaierror):
            names.look_up("b.example", 80)
