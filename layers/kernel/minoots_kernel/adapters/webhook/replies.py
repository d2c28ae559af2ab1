"""What a receiver's reply means for the attempt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Final

from minoots_contract.retry import DEFAULT_RETRY_ON, failure_of_status
from minoots_kernel.domain.errors import ActionError, PermanentActionError, TransientActionError

__all__ = ["Reply", "refusal", "retry_after_ms"]

MAX_RETRY_AFTER_MS: Final = 86_400_000
_SECONDS: Final = re.compile("[0-9]{1,9}")  # more would be no time that anybody means
# RFC 9110, 5.6.7: the form to send, and the two old ones that must be understood.
_DATES: Final = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")
# In the order in which they are believed: what is seconds by its definition comes first.
_RESET_FIELDS: Final = (
    b"ratelimit",
    b"ratelimit-reset",
    b"x-ratelimit-reset-after",
    b"x-ratelimit-reset",
    b"x-rate-limit-reset",
)
# A number alone, or the one of `"default";r=0;t=30` and of `limit=100, remaining=0, reset=30`.
_NUMBER: Final = r"[0-9]{1,13}(?:\.[0-9]{1,9})?"
_RESET: Final = re.compile(rf"^(?P<alone>{_NUMBER})$|(?:^|[;, ])(?:t|reset)=(?P<named>{_NUMBER})(?=[;, ]|$)")
_EARLIEST_EPOCH_S: Final = 1_000_000_000  # in 2001; nobody asks to be left alone for thirty years


@dataclass(frozen=True, slots=True)
class Reply:
    """A receiver's answer.

    Attributes:
        headers: Names and values as they came.
        body: The first bytes of its body, of which nothing is understood.
    """

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes = b""

    def field(self, name: bytes) -> str | None:
        """Return a field's first value, by its lower-case name."""
        values = (value for given, value in self.headers if given.lower() == name)
        found = next(values, None)
        return None if found is None else found.decode("latin-1").strip(" \t")


def refusal(reply: Reply, now_ms: int) -> ActionError | None:
    """Return the failure that a reply stands for; nothing if it is a success.

    Args:
        reply: The answer.
        now_ms: When it came, epoch milliseconds.
    """
    if 200 <= reply.status < 300:
        return None
    passing = failure_of_status(reply.status) in DEFAULT_RETRY_ON
    kind = TransientActionError if passing else PermanentActionError
    return kind(f"the receiver answered {reply.status}", reply.status, retry_after_ms(reply, now_ms))


def retry_after_ms(reply: Reply, now_ms: int) -> int | None:
    """Read how long a receiver wants to be left alone: `Retry-After`, or when its rate limit is reset.

    `Retry-After` is seconds or a date (RFC 9110, 10.2.3). Without it the fields of rate limits count, but only of a
    429: in any other answer they speak of a limit that was not reached. `RateLimit` and `RateLimit-Reset` are those of
    the IETF's drafts, those with `X-` are as GitHub, Discord and others send them: seconds to wait, or seconds or
    milliseconds since 1970.

    Returns:
        Milliseconds to wait, at most a day's; nothing if no field tells, or what it tells is malformed or in the past.
    """
    wait_ms = _date_or_seconds_ms(reply.field(b"retry-after"), now_ms)
    if wait_ms is None and reply.status == 429:
        resets = (_reset_ms(reply.field(name), now_ms) for name in _RESET_FIELDS)
        wait_ms = next((reset_ms for reset_ms in resets if reset_ms is not None), None)
    return None if wait_ms is None else min(wait_ms, MAX_RETRY_AFTER_MS)


def _date_or_seconds_ms(text: str | None, now_ms: int) -> int | None:
    if text is None:
        return None
    if _SECONDS.fullmatch(text):
        return int(text) * 1000
    at_ms = _date_ms(text)
    return at_ms - now_ms if at_ms is not None and at_ms > now_ms else None


def _reset_ms(text: str | None, now_ms: int) -> int | None:
    found = _RESET.search(text) if text else None
    if found is None:
        return None
    seconds = float(found["alone"] or found["named"])
    if seconds < _EARLIEST_EPOCH_S:
        return ceil(seconds * 1000)
    at_ms = ceil(seconds if seconds > _EARLIEST_EPOCH_S * 1000 else seconds * 1000)
    return at_ms - now_ms if at_ms > now_ms else None


def _date_ms(text: str) -> int | None:
    for form in _DATES:
        try:
            return int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()) * 1000
        except ValueError:
            continue
    return None
