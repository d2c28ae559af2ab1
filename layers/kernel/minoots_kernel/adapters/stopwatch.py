"""Tells of what takes long while it is still under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer

__all__ = ["stopwatch"]


@contextmanager
def stopwatch(delay_ms: int, call: Callable[[], None]) -> Iterator[None]:
    """Call back, from a thread of its own, if the block lasts longer than so many milliseconds of real time.

    A thread for each costs a tenth of a millisecond, and there are few: what an environment has under way is a batch.
    """
    timer = Timer(delay_ms / 1000, call)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
