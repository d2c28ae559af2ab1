"""Which addresses a webhook may reach: checked at connect time, on the very address that is connected to.

A check before the request would be worth nothing: the name may answer differently a moment later (DNS rebinding). A
host that is an address itself leads nowhere else: whoever writes one down can be told at once.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from minoots_contract.urls import address_of
from minoots_kernel.adapters.webhook.networks import IPNetwork, is_of_the_host, is_public, real_address

__all__ = ["AddressGuard", "BlockedAddressError"]

# Letters, digits, hyphens and, as some private networks have them, underscores; the last label is no number, or the
# name would be an odd spelling of an address.
_HOST = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*(?![0-9]+$|0x[0-9a-f]*$)[a-z0-9_-]{1,63}")


class BlockedAddressError(Exception):
    """The address is not one that a webhook may reach."""


class AddressGuard:
    """Decides about addresses.

    Args:
        allowed: What may be reached though it is not public: networks (CIDR), addresses, host names.

    Raises:
        ValueError: If an entry is none of these, or a network whose address has bits outside its prefix: it would let
            more pass than whoever wrote it may have meant.
    """

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self._networks: list[IPNetwork] = []
        self._hosts: set[str] = set()
        for entry in allowed:
            network = _network(entry)
            if network is not None:
                self._networks.append(network)
            elif _HOST.fullmatch(_name(entry)):
                self._hosts.add(_name(entry))
            else:
                raise ValueError(f"'{entry}' is no network (CIDR), address or host name that webhooks could be allowed")

    def check(self, host: str, address: str) -> None:
        """Let an address pass, or not.

        Args:
            host: The host as the URL has it.
            address: What it resolved to; a scope id after `%` plays no part.

        Raises:
            BlockedAddressError: If the address is not globally routable unicast, or wraps one that is not, and is not
                allowed either. A host that is allowed by its name may not lead to where metadata services are: who
                answers for the name is not who allowed it.
        """
        try:
            given = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            raise BlockedAddressError(f"{host} leads to what is not an address") from None
        real = real_address(given)
        if _name(host) in self._hosts and not is_of_the_host(real):
            return
        if is_public(real) or any(one in network for network in self._networks for one in (given, real)):
            return
        # Not which one: what a name stands for within somebody's network is nobody else's business.
        raise BlockedAddressError(f"{host} leads to what is not a public address")

    def refusal(self, url: str) -> str | None:
        """Say why a URL, as `WebhookUrl` takes it, would never pass; none if its host is a name, or may be reached."""
        address = address_of(url)
        if address is not None:
            try:
                self.check(str(address), str(address))
            except BlockedAddressError:
                return (
                    f"'{address}' is not a public address, and nothing is sent there: name a public host, or have the "
                    "deployment's AllowedPrivateHosts list it"
                )
        host = urlsplit(url).hostname or ""
        if host.isascii() or _can_be_sent(host):
            return None
        plainly = f"as {address}" if address else "in plain letters, or in its form that begins with xn--"
        return f"'{host}' is no host name by IDNA 2008, and nothing can be sent there: write it {plainly}"


def _can_be_sent(host: str) -> bool:
    import httpx  # for few hosts, and whoever creates timers does without it otherwise

    try:
        httpx.URL(f"http://{host}/")
    except httpx.InvalidURL:
        return False
    return True


def _network(entry: str) -> IPNetwork | None:
    try:
        return ipaddress.ip_network(entry)
    except ValueError:
        if "/" not in entry:
            return None
    try:
        meant = ipaddress.ip_network(entry, strict=False)
    except ValueError:
        raise ValueError(f"'{entry}' is not a network (CIDR) that webhooks could be allowed") from None
    raise ValueError(f"'{entry}' has bits outside its prefix: write '{meant}', or the address alone")


def _name(host: str) -> str:
    return host.lower().removesuffix(".")
