"""Addresses and header fields that callers name for requests of the service: what HTTP can carry, and nothing else.

Of an address this is what its text tells; where the name behind it leads is checked on the way.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Final
from unicodedata import normalize
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from minoots_contract.templates import blanked, placeholders

__all__ = ["CallersHeaders", "WebhookUrl", "WebhookUrlTemplate", "address_of", "lies_under", "same_origin"]

_HEADER_NAME = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$"
# RFC 9110, 5.5: blanks and tabs stand between visible characters only, or the request could not be sent.
_HEADER_VALUE = r"^([\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?)?$"
# RFC 9110 framing and connection fields, and those that the service itself writes to every receiver.
_RESERVED_HEADERS: Final = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
_RESERVED_PREFIXES: Final = ("webhook-", "minoots-", "proxy-")
_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f-\x9f\\]")
# Some versions of Python's reader take the brackets of an IPv6 address for the whole host, whatever stands around them.
_AUTHORITY: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::[0-9]*)?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_BYTE: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4: Final = re.compile(rf"{_BYTE}(?:\.{_BYTE}){{3}}")
_PLAIN_ORIGIN: Final = re.compile(r"https?://[^/?{}]+[/?]", re.IGNORECASE)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

# What ends a step of a path for one server or another: a parameter (`..;`) and a backslash are none by RFC 3986.
_ENDS_OF_STEPS: Final = re.compile(r"[/\\;]")
_MAX_ENCODINGS: Final = 8

# The "bad ports" of the Fetch standard (2.9): other protocols listen there, and some take a request for commands.
_PORTS_OF_OTHERS: Final = frozenset(
    {
        *(1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109),
        *(110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530),
        *(531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045),
        *(4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080),
    }
)


def _web_address(url: str) -> str:
    if _UNSAFE.search(url):
        raise ValueError("the URL has blanks, control characters or backslashes: percent-encode them")
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError("the URL's scheme must be http or https")
    if not parts.hostname:
        raise ValueError("the URL has no host")
    if "@" in parts.netloc:
        raise ValueError("the URL must not carry a user name or password: use headers")
    if parts.fragment:
        raise ValueError("the URL must not have a fragment")
    _check_port(parts.port)  # which itself raises ValueError when it is no number up to 65535
    if not _AUTHORITY.fullmatch(parts.netloc):
        raise ValueError("the URL's host is not well formed")
    _check_host(parts.hostname)
    if _climbs(parts.path):
        raise ValueError("the URL's path must not have '.' or '..' for a step: write the path that is meant")
    return url


def _climbs(path: str) -> bool:
    """Say whether some server may take a step of a path for `.` or `..`.

    Whoever stands in front of a receiver may decode a path before it splits it, or more than once (`..%2f`,
    `%252e%252e/`), and take what is left for the path that is meant.
    """
    for _ in range(_MAX_ENCODINGS):
        if any(step.strip() in {".", ".."} for step in _ENDS_OF_STEPS.split(path)):
            return True
        before, path = path, unquote(path)
        if path == before:
            return False
    return True  # still encoded: nobody means that


def _check_host(host: str) -> None:
    """Refuse a host that ends in a number and is no IPv4 address as everybody writes it (URL standard, 3.5).

    Nor may it be percent-encoded: it would be looked up as it stands.
    """
    if "%" in host:
        raise ValueError("the URL's host must not be percent-encoded: write it as it is")
    plain = _plain(host)
    if ":" not in plain and _NUMBER.fullmatch(plain.rpartition(".")[2]) and not _IPV4.fullmatch(plain):
        raise ValueError(f"the URL's host '{host}' is no name, and no IPv4 address: write it as 192.0.2.1")


def _plain(host: str) -> str:
    """Return a host as the wire will have it: with plain digits, and plain dots (RFC 3490, 3.1)."""
    return normalize("NFKC", host).replace("\u3002", ".").removesuffix(".")


def _check_port(port: int | None) -> None:
    if port == 0:
        raise ValueError("the URL's port must be from 1 to 65535")
    if port in _PORTS_OF_OTHERS:
        raise ValueError(f"the URL's port {port} belongs to another protocol than HTTP")


def _address_template(url: str) -> str:
    if not placeholders(url):
        return _web_address(url)
    if not _PLAIN_ORIGIN.match(url):
        raise ValueError("placeholders may stand in the URL's path and query only: its host must be known beforehand")
    _web_address(blanked(url, "0"))
    return url


WebhookUrl = Annotated[str, StringConstraints(min_length=1, max_length=2048), AfterValidator(_web_address)]
"""An absolute http or https URL without user info, fragment or dot segments, on a port that HTTP may use."""

WebhookUrlTemplate = Annotated[str, StringConstraints(min_length=1, max_length=2048), AfterValidator(_address_template)]
"""The same, with placeholders in its path and query."""


def _callers_own(headers: dict[str, str]) -> dict[str, str]:
    seen: set[str] = set()
    for name in headers:
        lower = name.lower()
        if lower in _RESERVED_HEADERS or lower.startswith(_RESERVED_PREFIXES):
            raise ValueError(f"the header '{name}' is written by the service: leave it out")
        if lower in seen:
            raise ValueError(f"the header '{name}' is given twice: names do not differ by case")
        seen.add(lower)
    return headers


CallersHeaders = Annotated[
    dict[
        Annotated[str, StringConstraints(pattern=_HEADER_NAME)],
        Annotated[str, StringConstraints(max_length=4096, pattern=_HEADER_VALUE)],
    ],
    Field(max_length=32),
    AfterValidator(_callers_own),
]
"""Header fields of a request, none of which the service writes itself."""


def address_of(url: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a URL, as `WebhookUrl` takes it, has for its host; none if that is a name."""
    try:
        return ip_address(_plain(urlsplit(url).hostname or ""))
    except ValueError:
        return None


def same_origin(url: str, other: str) -> bool:
    """Say whether two URLs, as `WebhookUrl` takes them, have the same scheme, host and port."""
    return _origin(url) == _origin(other)


def _origin(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS[parts.scheme]


def lies_under(url: str, prefix: str) -> bool:
    """Say whether a URL is the prefix, or continues it after a step of its path.

    Scheme, host and port must be the same, letter for letter but for their case: what two spellings of a host have in
    common is not for a comparison of texts to say. Both are as `WebhookUrl` takes them; a path with dot steps, which
    may lead out again, lies under nothing.
    """
    if not same_origin(url, prefix):
        return False
    path, base = urlsplit(url).path or "/", urlsplit(prefix).path or "/"
    if _climbs(path):
        return False
    return path == base or path.startswith(base if base.endswith("/") else base + "/")
