"""What a receiver's reply means for the attempt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from minoots_kernel.domain.errors import ActionError, PermanentActionError, TransientActionError

__all__ = ["Reply", "refusal", "retry_after_ms"]

MAX_RETRY_AFTER_MS: Final = 86_400_000
# RFC 9110 and RFC 6585: the request may be well-formed and succeed later.
_TRANSIENT_CLIENT_ERRORS: Final = frozenset({408, 409, 421, 423, 425, 429})
_SECONDS: Final = re.compile("[0-9]{1,9}")  # more would be no time that anybody means
# RFC 9110, 5.6.7: the form to send, and the two old ones that must be understood.
_DATES: Final = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")


@dataclass(frozen=True, slots=True)
class Reply:
    """A receiver's answer; its body says nothing to us.

    Attributes:
        headers: Names and values as they came.
    """

    status: int
    headers: Sequence[tuple[bytes, bytes]]


def refusal(reply: Reply, now_ms: int) -> ActionError | None:
    """Return the failure that a reply stands for; nothing if it is a success.

    Args:
        reply: The answer.
        now_ms: When it came, epoch milliseconds.
    """
    if 200 <= reply.status < 300:
        return None
    reason = f"the receiver answered {reply.status}"
    if reply.status >= 500 or reply.status in _TRANSIENT_CLIENT_ERRORS:
        return TransientActionError(reason, reply.status, retry_after_ms(reply, now_ms))
    return PermanentActionError(reason, reply.status)


def retry_after_ms(reply: Reply, now_ms: int) -> int | None:
    """Read `Retry-After`, seconds or a date (RFC 9110, 10.2.3).

    Returns:
        Milliseconds to wait, at most a day's; nothing if there is no such field, or it is malformed or in the past.
    """
    fields = [value for name, value in reply.headers if name.lower() == b"retry-after"]
    if not fields:
        return None
    text = fields[0].decode("latin-1").strip(" \t")
    if _SECONDS.fullmatch(text):
        return min(int(text) * 1000, MAX_RETRY_AFTER_MS)
    at_ms = _date_ms(text)
    return min(at_ms - now_ms, MAX_RETRY_AFTER_MS) if at_ms is not None and at_ms > now_ms else None


def _date_ms(text: str) -> int | None:
    for form in _DATES:
        try:
            return int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()) * 1000
        except ValueError:
            continue
    return None
