"""What a receiver answered, and how long it took: the part of an exchange that an attempt's record keeps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, quote_plus

__all__ = ["EXCERPT_CHARACTERS", "MASK", "Answer", "echoes", "excerpt_of", "maskable"]

EXCERPT_CHARACTERS: Final = 256
"""Longest excerpt: enough for an error message, little enough not to cost a write unit of its own."""

MASK: Final = "***"

_SHORTEST_SECRET: Final = 4
"""A shorter text is no secret worth the name, and masking each `1` would leave nothing to read."""

_TAGS: Final = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
_ENTITIES: Final = tuple(
    _TAGS | {ord('"'): '"' if single is None else "&quot;", ord("'"): single or "'"}
    for single in (None, "'", "&#x27;", "&#39;", "&apos;")
)
"""What becomes of a text in HTML: quotes are escaped or not, the single one in three ways."""

_PERCENT: Final = re.compile("%[0-9A-F]{2}")

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]* +(\S.*)")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of an exchange when it is over. Times are milliseconds since the attempt's request began.

    Attributes:
        status_code: The receiver's HTTP status, if it answered.
        connect_ms: Until a connection stood: name, TCP, TLS; none if a kept one was used, or none came about.
        first_byte_ms: Until the first byte of the answer.
        excerpt: The first characters of the answer's body, secrets masked; only of answers that are failures.
    """

    status_code: int | None = None
    connect_ms: int | None = None
    first_byte_ms: int | None = None
    excerpt: str | None = None


def maskable(values: Iterable[str]) -> frozenset[str]:
    """Return what must not be shown of secret values: each as it is, and its credentials without their scheme."""
    found: set[str] = set()
    for value in values:
        found.add(value)
        if credentials := _SCHEME.fullmatch(value):
            found.add(credentials[1])
    return frozenset(value for value in found if len(value) >= _SHORTEST_SECRET)


def echoes(secrets: Iterable[str]) -> frozenset[str]:
    """Return secrets as an answer may repeat them: as they are, or escaped for JSON, for a URL or for HTML."""
    return frozenset(form for secret in secrets for form in _echoes(secret))


def _echoes(value: str) -> Iterator[str]:
    yield value
    for written in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        yield written[1:-1]
        yield written[1:-1].replace("/", "\\/")  # as PHP writes it
    for safe in ("", "/", ":/"):
        for quoted in (quote(value, safe=safe), quote_plus(value, safe=safe)):
            yield quoted
            yield _PERCENT.sub(lambda match: match[0].lower(), quoted)
    for entities in _ENTITIES:
        yield value.translate(entities)


def excerpt_of(body: bytes, secrets: Iterable[str]) -> str | None:
    """Return the beginning of a body as one line of text, without the secrets.

    Args:
        body: The body's beginning: `EXCERPT_CHARACTERS` and, so that none is cut in half, the longest secret's length
            more, escaped, in bytes of UTF-8.
        secrets: What must not be shown, as `maskable` gives it.

    Returns:
        At most `EXCERPT_CHARACTERS` of the body's text, unprintable characters as blanks; none of an empty body.
    """
    text = body.decode(errors="replace")
    shown, at = [], 0
    for start, end in _spans(text, echoes(secrets)):
        if start >= EXCERPT_CHARACTERS:
            break
        shown += [text[at:start], MASK]
        at = end
    shown.append(text[at : max(at, EXCERPT_CHARACTERS)])
    line = "".join(one if one.isprintable() else " " for one in "".join(shown)[:EXCERPT_CHARACTERS])
    return line.strip() or None


def _spans(text: str, secrets: Iterable[str]) -> list[tuple[int, int]]:
    """Return where secrets stand, those that touch or overlap as one."""
    found = sorted(
        (match.start(), match.start() + len(secret))
        for secret in secrets
        for match in re.finditer(f"(?={re.escape(secret)})", text[: EXCERPT_CHARACTERS + len(secret)])
    )
    merged: list[tuple[int, int]] = []
    for start, end in found:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
