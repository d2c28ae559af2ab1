"""Addresses and header fields that callers name for requests of the service: what HTTP can carry, and nothing else."""

from __future__ import annotations

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

__all__ = ["CallersHeaders", "WebhookUrl"]

_HEADER_NAME = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$"
# RFC 9110, 5.5: blanks and tabs stand between visible characters only, or the request could not be sent.
_HEADER_VALUE = r"^([\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?)?$"
# RFC 9110 framing and connection fields, and those that the service itself writes to every receiver.
_RESERVED_HEADERS: Final = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
_RESERVED_PREFIXES: Final = ("webhook-", "minoots-", "proxy-")
_UNSAFE_URL: Final = re.compile(r"[\x00-\x20\x7f-\x9f\\]")
# Some versions of Python's reader take the brackets of an IPv6 address for the whole host, whatever stands around them.
_AUTHORITY: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::[0-9]*)?")


def _webhook_url(url: str) -> str:
    if _UNSAFE_URL.search(url):
        raise ValueError("the URL has blanks, control characters or backslashes: percent-encode them")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise ValueError("the URL's scheme must be http or https")
    if not parts.hostname:
        raise ValueError("the URL has no host")
    if "@" in parts.netloc:
        raise ValueError("the URL must not carry a user name or password: use headers")
    if parts.fragment:
        raise ValueError("the URL must not have a fragment")
    if parts.port == 0:  # `port` itself raises ValueError when it is no number up to 65535
        raise ValueError("the URL's port must be from 1 to 65535")
    if not _AUTHORITY.fullmatch(parts.netloc):
        raise ValueError("the URL's host is not well formed")
    return url


WebhookUrl = Annotated[str, StringConstraints(min_length=1, max_length=2048), AfterValidator(_webhook_url)]
"""An absolute http or https URL without user info or fragment."""


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
