"""When an attempt that may not be made now is looked at again. Pure: the jitter comes from the attempt's identity."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["LONGEST_MS", "MAX_PUT_OFF_DELAY_MS", "Cause", "PutOffs", "put_off_until"]

FIRST_DELAY_MS: Final = 5_000
MAX_PUT_OFF_DELAY_MS: Final = 300_000
"""Longest delay of its own that a put-off has: what was mended is noticed within so long."""

QUEUE_REACH_MS: Final = 890_000
"""A put-off attempt always waits in the queue, which holds a message for 15 minutes at most: a schedule would have the
name of the one before it, whose message may just be under way."""

LONGEST_MS: Final = 24 * 3_600_000
"""For how long an attempt is put off in all, whatever the causes, before it counts as failed: none may take longer."""


class Cause(StrEnum):
    """What an attempt waits for; each may take its time."""

    CIRCUIT = "circuit"
    """That its receiver is back."""
    LIMIT = "limit"
    """That its receiver, or its tenant, may be asked for more."""
    SHORTAGE = "shortage"
    """Something of ours that is not free, such as a connection."""


@dataclass(frozen=True, slots=True)
class PutOffs:
    """That an attempt was put off, and is still to be made.

    Attributes:
        times: How often, since the attempt before it.
        since_ms: When it was the first time for the cause of now, with no other in between, epoch milliseconds.
        reason: Why the last time, one line.
        turn: Whose limit it has a turn of, which begins when it is due: `destination` or `tenant`.
        cause: Which cause that is; none of those that were stored when all counted as one.
        first_ms: When it was the first time, whatever the cause; none if that is `since_ms`.
    """

    times: int
    since_ms: int
    reason: str
    turn: str | None = None
    cause: Cause | None = None
    first_ms: int | None = None

    def again(self, cause: Cause, now_ms: int, reason: str, turn: str | None) -> PutOffs:
        """Return what it is after another time."""
        first_ms = self.since_ms if self.first_ms is None else self.first_ms
        since_ms = self.since_ms if self.cause is cause else now_ms
        return PutOffs(self.times + 1, since_ms, reason, turn, cause, None if first_ms == since_ms else first_ms)

    def too_long(self, cause: Cause, longest_ms: int, now_ms: int) -> bool:
        """Tell whether it has waited as long as it may for a cause, or for all of them together.

        Args:
            cause: What it would wait for now.
            longest_ms: How long that may take, milliseconds.
            now_ms: The service's clock, epoch milliseconds.
        """
        if self.cause is cause and now_ms - self.since_ms >= longest_ms:
            return True
        return now_ms - (self.since_ms if self.first_ms is None else self.first_ms) >= LONGEST_MS


def put_off_until(identity: str, times: int, now_ms: int, not_before_ms: int, *, turn: bool) -> int:
    """Return when an attempt is due that is put off.

    The delay doubles each time, and lies anywhere in its upper half: those who wait for the same thing do not all come
    at once when it is there.

    Args:
        identity: What tells the attempt from all others; with `times` it seeds the jitter.
        times: How often it was put off before.
        now_ms: The service's clock, epoch milliseconds.
        not_before_ms: When there may be hope.
        turn: Whether it was given that very instant for its own.

    Returns:
        Epoch milliseconds, less than the queue's reach away.
    """
    if turn:
        return min(max(not_before_ms, now_ms), now_ms + QUEUE_REACH_MS)
    ceiling_ms = min(FIRST_DELAY_MS << min(times, 16), MAX_PUT_OFF_DELAY_MS)
    digest = hashlib.blake2b(f"{identity}:put off:{times}".encode(), digest_size=8).digest()
    fraction = int.from_bytes(digest) / 2**64
    at_ms = max(not_before_ms, now_ms + ceiling_ms // 2) + int(fraction * ceiling_ms / 2)
    return min(at_ms, now_ms + QUEUE_REACH_MS)
