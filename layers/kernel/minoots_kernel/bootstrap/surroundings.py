"""What a process gives the functions that are built in it: its time, and threads for what a batch holds.

On AWS these are the machine's. The local stack runs every function in one process, where time may be virtual and
whatever waits has to be known: it puts its own in place before it builds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from minoots_kernel.adapters.clock import SystemClock
from minoots_kernel.application.ports import Clock
from minoots_kernel.interfaces.queues import MessagePool, message_threads

__all__ = ["Surroundings", "clock", "message_pool", "surrounded_by"]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a process gives.

    Attributes:
        clock: Its time.
        message_pool: Makes the pool for so many messages at once.
    """

    clock: Clock
    message_pool: Callable[[int], MessagePool]


_present = [Surroundings(SystemClock(), message_threads)]


def clock() -> Clock:
    """Return the process's clock, the same for all that is built."""
    return _present[-1].clock


def message_pool(size: int) -> MessagePool:
    """Make a pool for the messages of a batch, so many of them at once."""
    return _present[-1].message_pool(size)


@contextmanager
def surrounded_by(surroundings: Surroundings) -> Iterator[None]:
    """Build everything in other surroundings for as long as the block lasts."""
    _present.append(surroundings)
    try:
        yield
    finally:
        _present.remove(surroundings)
