"""One exchange with a receiver: its deadline, and what is known of its connection.

A connection outlives the request that opened it, so neither the deadline nor the rest can be the connection's own. And
httpcore's timeouts are for one read or write each, so a receiver that drips could hold a request for ever.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

import httpcore

from minoots_kernel.domain.errors import PutOffError
from minoots_kernel.domain.put_offs import Cause

__all__ = ["Exchange", "current_exchange", "exchange_within", "shortage"]

MAX_WAIT_S: Final = 2.0
"""Longest wait for a look-up or a connection that is free, of which half of the exchange's time is the most: what is
left is the receiver's, and what it does not do in that counts against it."""

LONGEST_MS: Final = 3_600_000
"""For how long an attempt is put off for want of one before it counts as failed."""


@dataclass
class Exchange:
    """A request on its way.

    Attributes:
        started_s: When it began, seconds of the monotonic clock, as every time here.
        deadline_s: When it must be over.
        party: The tenant that it is for; none for the service's own.
        connected: It opened a connection of its own.
        connected_s: When that connection stood, TLS included.
        answered_s: When the first of the reply arrived.
    """

    started_s: float
    deadline_s: float
    party: str = ""
    connected: bool = False
    connected_s: float | None = None
    answered_s: float | None = None

    @property
    def answered(self) -> bool:
        """Whether something of the reply arrived."""
        return self.answered_s is not None

    def note_connection(self) -> None:
        """Take down that the connection stands, or now stands with TLS."""
        self.connected_s = time.monotonic()

    def note_answer(self) -> None:
        """Take down that the reply arrives."""
        self.answered_s = self.answered_s or time.monotonic()

    def since_start_ms(self, at_s: float | None) -> int | None:
        """Return how long after the start a time was, whole milliseconds."""
        return None if at_s is None else round((at_s - self.started_s) * 1000)

    def left_s(self, expired: type[httpcore.TimeoutException]) -> float:
        """Return the seconds that are left, more than 0.

        Raises:
            httpcore.TimeoutException: Of the given class, if there are none.
        """
        left_s = self.deadline_s - time.monotonic()
        if left_s <= 0:
            raise expired("the time is up")
        return left_s

    def patience_s(self) -> float:
        """Return how long to wait for something of ours that is short, seconds, more than 0.

        Raises:
            httpcore.ConnectTimeout: If the exchange's time is up.
        """
        return min(self.left_s(httpcore.ConnectTimeout) / 2, MAX_WAIT_S)


_CURRENT: ContextVar[Exchange] = ContextVar("exchange")


def current_exchange() -> Exchange:
    """Return the exchange that the caller is part of: httpcore does its work in the thread that asks for it."""
    return _CURRENT.get()


def shortage(reason: str) -> PutOffError:
    """Return what puts an attempt off for want of something of ours: no attempt, and no failure of the receiver."""
    return PutOffError(Cause.SHORTAGE, reason, 0, LONGEST_MS)


@contextmanager
def exchange_within(timeout_ms: int, party: str = "") -> Iterator[Exchange]:
    """Make an exchange current for as long as the block lasts.

    Args:
        timeout_ms: Time for all of it, milliseconds.
        party: The tenant that it is for; none for the service's own.
    """
    now_s = time.monotonic()
    exchange = Exchange(now_s, now_s + timeout_ms / 1000, party)
    token = _CURRENT.set(exchange)
    try:
        yield exchange
    finally:
        _CURRENT.reset(token)
