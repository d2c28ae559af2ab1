"""What passes the guard, address by address and spelling by spelling."""

from __future__ import annotations

import ipaddress

import pytest

from minoots_kernel.adapters.webhook.guard import AddressGuard, BlockedAddressError
from minoots_kernel.domain.errors import PermanentActionError
from tests.unit.adapters.webhook.servers import OK, a_request, a_sender, raw_server


def _words(text: str) -> list[str]:
    return text.split()


BLOCKED = _words("""
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.254 127.0.0.1 127.255.255.254 169.254.0.1
    169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.9 192.0.0.10 192.0.0.170 192.0.0.192
    192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1
    239.255.255.255 240.0.0.1 255.255.255.254 255.255.255.255
    :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1
    64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 64:ff9b:1::808:808 100::1 100:0:0:1::1
    2001::1 2001:0:4136:e378:8000:63bf:f5ff:fffe 2001:0:808:808::f7f7:f7f7 2001:1::1 2001:2::1 2001:3::1 2001:4:112::1
    2001:10::1 2001:20::1 2001:2f:ffff::1 2001:30::1 2001:1ff:ffff::1 2001:db8::1 2002:7f00:1:: 2002:a00:1::1
    2002:808:808::1 3fff::1 3fff:fff:ffff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fe80::1%1
    fec0::1 fec0::1%2 feff::1 ff02::1 ff0e::1 ff02::1%lo
    0x7f.1 2130706433 0177.0.0.1 127.1 localhost 127.0.0.1:80 [::1]
""")

PUBLIC = _words("""
    1.1.1.1 8.8.8.8 93.184.215.14 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 128.0.0.1 172.15.255.255
    172.32.0.0 192.0.1.1 192.88.98.255 198.17.255.255 198.20.0.0 223.255.255.255
    2000::1 2001:200::1 2001:4860:4860::8888 2001:db7::1 2001:db9::1 2003::1 2606:4700:4700::1111 2600:1f18::1 3ffe::1
    3fff:1000::1 2606:4700::1%eth0 ::ffff:8.8.8.8 64:ff9b::8.8.8.8
""")


@pytest.mark.parametrize("address", BLOCKED)
def test_an_address_that_is_not_public_is_blocked(address: str) -> None:
    with pytest.raises(BlockedAddressError, match="not a"):
        AddressGuard().check("example.org", address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_passes(address: str) -> None:
    AddressGuard().check("example.org", address)


def test_the_refusal_names_the_host_and_not_where_in_somebodys_network_it_leads() -> None:
    with pytest.raises(BlockedAddressError, match=r"^intra\.example leads to what is not a public address$"):
        AddressGuard().check("intra.example", "10.0.0.1")


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "169.254.170.2", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254", "168.63.129.16"],
)
def test_a_host_that_is_allowed_by_name_leads_to_no_metadata(address: str) -> None:
    guard = AddressGuard(["intra.example"])
    guard.check("intra.example", "10.0.0.1")
    with pytest.raises(BlockedAddressError, match="not a public"):
        guard.check("intra.example", address)
    AddressGuard(["intra.example", "169.254.0.0/16", "fd00::/8", "fe80::/10", "168.63.129.16"]).check(
        "intra.example", address
    )


@pytest.mark.parametrize(
    ("entry", "passes", "blocked"),
    [
        ("10.0.0.0/8", "10.255.0.1", "11.0.0.1.example"),
        ("10.0.0.0/8", "::ffff:10.0.0.1", "::ffff:127.0.0.1"),
        ("10.0.0.0/8", "64:ff9b::10.0.0.1", "2002:a00:1::1"),
        ("10.0.0.1", "10.0.0.1", "10.0.0.2"),
        ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
        ("::1", "::1", "::2"),
        ("::1/128", "::1", "127.0.0.1"),
        ("fd00::/8", "fd00:ec2::254", "fc00::1"),
        ("fe80::/10", "fe80::1%eth0", "fec0::1"),
        ("0.0.0.0/0", "192.168.1.1", "::1"),
        ("::/0", "::1", "192.168.1.1"),
    ],
)
def test_an_allowed_network_passes_and_no_more(entry: str, passes: str, blocked: str) -> None:
    guard = AddressGuard([entry])
    guard.check("example.org", passes)
    with pytest.raises(BlockedAddressError):
        guard.check("example.org", blocked)


@pytest.mark.parametrize("entry", ["intra.example", "INTRA.example", "intra.example."])
@pytest.mark.parametrize("host", ["intra.example", "Intra.Example.", "INTRA.EXAMPLE"])
def test_an_allowed_host_passes_whatever_its_case_and_final_dot(entry: str, host: str) -> None:
    guard = AddressGuard([entry])
    guard.check(host, "10.0.0.1")
    for other in ("example", "sub.intra.example", "intra.example.org", "xintra.example", "intra.example.."):
        with pytest.raises(BlockedAddressError):
            guard.check(other, "10.0.0.1")


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("10.0.0.1/8", r"'10\.0\.0\.1/8' has bits outside its prefix: write '10\.0\.0\.0/8'"),
        ("127.0.0.1/8", r"write '127\.0\.0\.0/8'"),
        ("fd00::1/8", "write 'fd00::/8'"),
        ("10.0.0.0/33", "not a network"),
        ("10.0.0.0/", "not a network"),
        ("intra.example/8", "not a network"),
        ("http://intra.example", "not a network"),
        ("", "no network"),
        (" ", "no network"),
        (".", "no network"),
        ("*", "no network"),
        ("*.example", "no network"),
        ("intra.example:80", "no network"),
        ("[::1]", "no network"),
        ("10.0.0.256", "no network"),
        ("010.0.0.1", "no network"),
        ("2130706433", "no network"),
        ("0x7f.1", "no network"),
        ("127.0x1", "no network"),
        ("b\u00fccher.example", "no network"),
        ("intra..example", "no network"),
    ],
)
def test_an_entry_that_could_not_be_meant_is_refused_when_the_guard_is_made(entry: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        AddressGuard(["10.0.0.0/8", entry])


def test_the_special_networks_are_blocked_from_their_first_address_to_their_last() -> None:
    for text in (
        "100.64.0.0/10",
        "192.88.99.0/24",
        "192.0.0.0/24",
        "240.0.0.0/4",
        "fec0::/10",
        "3fff::/20",
        "2001::/23",
    ):
        network = ipaddress.ip_network(text)
        for address in (network[0], network[-1], network[network.num_addresses // 2]):
            with pytest.raises(BlockedAddressError):
                AddressGuard().check("example.org", str(address))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "127.1",
        "0",
        "017700000001",
        "[::ffff:127.0.0.1]",
    ],
)
def test_no_spelling_of_loopback_reaches_it(host: str) -> None:
    sender = a_sender()
    with raw_server(lambda talk: talk.answer_all(OK)) as server:
        with pytest.raises(PermanentActionError, match="not a public address"):
            sender.send(a_request(f"http://{host}:{server.port}/"))
        assert server.connections == 0


@pytest.mark.parametrize("host", ["0177.0.0.1", "127.0.0.01", "\uff11\uff12\uff17.0.0.1"])
def test_spellings_that_no_url_may_have_are_not_tried_at_all(host: str) -> None:
    with pytest.raises(PermanentActionError, match="cannot be sent"):
        a_sender("0.0.0.0/0").send(a_request(f"http://{host}:9/"))
