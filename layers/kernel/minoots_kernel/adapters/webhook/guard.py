"""Which addresses a webhook may reach: checked at connect time, on the very address that is connected to.

A check before the request would be worth nothing: the name may answer differently a moment later (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import httpcore

__all__ = ["AddressGuard", "BlockedAddressError", "GuardedBackend"]

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052


class BlockedAddressError(Exception):
    """The address is not one that a webhook may reach."""


class AddressGuard:
    """Decides about addresses.

    Args:
        allowed: Networks (CIDR) or host names that may be reached though they are private.
    """

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        self._hosts: set[str] = set()
        for entry in allowed:
            try:
                self._networks.append(ipaddress.ip_network(entry))
            except ValueError:
                self._hosts.add(entry.lower())

    def check(self, host: str, address: str) -> None:
        """Let an address pass, or not.

        Raises:
            BlockedAddressError: If the address is private, loopback, link-local, multicast or reserved, or wraps one.
        """
        if host.lower() in self._hosts:
            return
        for candidate in _meanings(ipaddress.ip_address(address.partition("%")[0])):
            if any(candidate in network for network in self._networks if network.version == candidate.version):
                continue
            if not candidate.is_global or candidate.is_multicast or candidate.is_reserved:
                raise BlockedAddressError(f"{host} leads to {address}, which is not a public address")


def _meanings(address: IPAddress) -> Iterable[IPAddress]:
    """Return the address that really is reached: what is mapped, tunnelled or translated inside an IPv6 address."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in inner if one is not None] or [address]


class GuardedBackend(httpcore.NetworkBackend):
    """Connects like httpcore's own backend, but resolves the name itself and connects to an address that passed."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve, check every answer, connect to the first that answers."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} has no address") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            self._guard.check(host, address)
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        """Refuse: webhooks go to the network."""
        raise BlockedAddressError("webhooks do not go to sockets of the machine")

    def sleep(self, seconds: float) -> None:
        """Wait, for httpcore's own retries; there are none."""
        self._backend.sleep(seconds)
