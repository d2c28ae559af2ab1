"""Which addresses are public.

The lists are our own and not only `ipaddress`' properties: those change between versions of Python, and they take some
networks for global that lead into one's own (RFC 3879's site-local ones, 6to4).
"""

from __future__ import annotations

import ipaddress
from typing import Final, TypeAlias

__all__ = ["IPAddress", "IPNetwork", "is_of_the_host", "is_public", "real_address"]

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# The only IPv6 space from which global unicast addresses are given out (IANA IPv6 Address Space, RFC 4291). What is
# outside is not public, whatever it is: ::/96 (IPv4-compatible), fe80::/10, fec0::/10, fc00::/7, 100::/64, 5f00::/16.
_IPV6_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")  # RFC 4291, 2.5.5.2
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the well-known prefix; 64:ff9b:1::/48 is local-use

# IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190): all that is not globally reachable, and
# of what is, the protocol assignments, which nobody's web server has for an address.
_SPECIAL: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network, RFC 791
        "10.0.0.0/8",  # private use, RFC 1918
        "100.64.0.0/10",  # shared address space, RFC 6598
        "127.0.0.0/8",  # loopback, RFC 1122
        "168.63.129.16/32",  # public in form, but inside Azure the host's own service, for metadata among others
        "169.254.0.0/16",  # link-local, RFC 3927; metadata services too
        "172.16.0.0/12",  # private use, RFC 1918
        "192.0.0.0/24",  # protocol assignments, RFC 6890
        "192.0.2.0/24",  # documentation, RFC 5737
        "192.88.99.0/24",  # 6to4 relay anycast, RFC 7526
        "192.168.0.0/16",  # private use, RFC 1918
        "198.18.0.0/15",  # benchmarking, RFC 2544
        "198.51.100.0/24",  # documentation, RFC 5737
        "203.0.113.0/24",  # documentation, RFC 5737
        "224.0.0.0/4",  # multicast, RFC 5771
        "240.0.0.0/4",  # reserved, RFC 1112; limited broadcast, RFC 919
        "2001::/23",  # protocol assignments, RFC 2928: Teredo, benchmarking, ORCHID (2001:10::/28, 2001:20::/28)
        "2001:db8::/32",  # documentation, RFC 3849
        "2002::/16",  # 6to4, RFC 3056: wraps any IPv4 address, and is out of use (RFC 7526)
        "3fff::/20",  # documentation, RFC 9637
    )
)

# Where a machine finds its own host's services: credentials, metadata, configuration.
_OF_THE_HOST: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",  # AWS, Azure, Google; task credentials of ECS
        "fe80::/10",  # link-local, RFC 4291
        "fd00:ec2::/32",  # AWS by IPv6
        "168.63.129.16/32",  # Azure
        "100.100.100.200/32",  # Alibaba
        "192.0.0.192/32",  # Oracle
    )
)


def is_of_the_host(address: IPAddress) -> bool:
    """Say whether an address, as `real_address` gives it, is one at which clouds have their metadata services."""
    return any(address in network for network in _OF_THE_HOST if network.version == address.version)


def real_address(address: IPAddress) -> IPAddress:
    """Return the address that is reached: the IPv4 one inside a mapped or translated (NAT64) IPv6 address."""
    if isinstance(address, ipaddress.IPv6Address) and (address in _MAPPED or address in _NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def is_public(address: IPAddress) -> bool:
    """Say whether an address, as `real_address` gives it, is globally routable unicast."""
    if isinstance(address, ipaddress.IPv6Address) and address not in _IPV6_UNICAST:
        return False
    if any(address in network for network in _SPECIAL if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
