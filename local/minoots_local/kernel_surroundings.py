"""What the kernel's functions get from this process: the stack's clock, and message threads that it knows of."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TypeVar

from minoots_local.clock import Clock, take_time

T = TypeVar("T")
R = TypeVar("R")


def kernel_surroundings(clock: Clock) -> AbstractContextManager[None]:
    """Have every function of the kernel that is built in this block go by the stack's clock."""
    # Deferred: a template without the kernel's functions needs none of it.
    from minoots_kernel.bootstrap.surroundings import Surroundings, surrounded_by

    return surrounded_by(Surroundings(KernelClock(clock), lambda size: MessageThreads(clock, size)))


class KernelClock:
    """The stack's clock as the kernel's functions ask for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now_ms(self) -> int:
        """Return epoch milliseconds."""
        return int(self._clock.now_ms())

    def sleep_ms(self, duration_ms: int) -> None:
        """Wait; a duration of zero or less returns at once."""
        take_time(self._clock, duration_ms)


class MessageThreads:
    """Threads for the messages of a batch, each known to the clock as work of its own.

    So a batch of which one message waits for its due time and the others are done is no work at all, and a clock that
    is set forward need not wait with it.
    """

    def __init__(self, clock: Clock, size: int) -> None:
        self._clock = clock
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="message")

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Do work on every item at the same time; returns what it gave, in the order of the items."""
        wanted = list(items)
        left, done = len(wanted), threading.Condition()

        def one(item: T) -> R:
            nonlocal left
            try:
                return work(item)
            finally:
                with done:
                    left -= 1
                    if not left:
                        self._clock.notify(done)

        futures = [self._threads.submit(self._clock.hand_over(one), item) for item in wanted]
        with done:
            while left:
                self._clock.wait(done, None)
        return [future.result() for future in futures]
