"""When a call is made again, decided without doing anything.

A call that changes nothing more when it is repeated is made again after any failure that may pass: a read, a heartbeat,
and a create or a change of a timer, which carries the same idempotency key each time. A batch of timers without keys is
made again only when the API cannot have carried it out: it was never reached, or it said 429. After a 5xx, even a 503
that asks to be tried again, the timers may exist, and making them again would make two of each.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

from minoots.client.errors import APIConnectionError, APIStatusError, MinootsClientError

__all__ = ["RetryPolicy", "parse_retry_after"]

_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
_TURNED_AWAY: Final = frozenset({429})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and after how long.

    Attributes:
        max_retries: Calls after the first; 0 turns retries off.
        initial_s: The first delay lies between 0 and this (full jitter), doubling with each retry.
        cap_s: Bound of one such delay.
        longest_wait_s: A ``Retry-After`` beyond this is not waited for: the error is raised at once and carries it.
    """

    max_retries: int = 2
    initial_s: float = 0.5
    cap_s: float = 8.0
    longest_wait_s: float = 60.0

    def delay_s(self, error: MinootsClientError, *, retries_made: int, repeatable: bool) -> float | None:
        """Say how long to wait before the next try.

        Args:
            error: What the last try ended with.
            retries_made: Retries of this call so far.
            repeatable: Whether doing the call twice is the same as doing it once.

        Returns:
            Seconds, or None when the error is final.
        """
        if retries_made >= self.max_retries or not _may_pass(error, repeatable=repeatable):
            return None
        jitter = random.uniform(0, min(self.cap_s, self.initial_s * 2**retries_made))
        asked = error.retry_after_s if isinstance(error, APIStatusError) else None
        if asked is None:
            return jitter
        return None if asked > self.longest_wait_s else asked + min(jitter, self.initial_s)


def _may_pass(error: MinootsClientError, *, repeatable: bool) -> bool:
    if isinstance(error, APIConnectionError):
        return repeatable or not error.outcome_unknown
    if not isinstance(error, APIStatusError):
        return False
    return error.status_code in (_PASSING if repeatable else _TURNED_AWAY)


def parse_retry_after(value: str | None, *, now_ms: int) -> float | None:
    """Read a ``Retry-After`` header (RFC 9110, section 10.2.3).

    Args:
        value: Seconds or an HTTP date.
        now_ms: The wall clock, epoch milliseconds.

    Returns:
        Seconds from now, never negative; None when the header is absent or neither form.
    """
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        instant = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, instant.timestamp() - now_ms / 1000)
