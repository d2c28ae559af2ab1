"""Queues in memory: what was sent waits until its time, and is taken by whoever plays the queue's consumer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

from minoots_kernel.application.ports import Clock, Delayed
from minoots_kernel.domain.messages import ActionMessage, WakeUp

__all__ = ["MemoryActionQueue", "MemoryWakeQueue", "Sent"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sent(Generic[T]):
    """A message in the queue, and when it can be received, epoch milliseconds."""

    message: T
    due_at_ms: int


class _MemoryQueue(Generic[T]):
    """A queue of one type of message.

    Args:
        clock: Tells when a delay begins.

    Attributes:
        refuses: Tells which messages are not accepted; none by default. Tests put their own in its place.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sent: list[Sent[T]] = []
        self._lock = Lock()
        self.refuses: Callable[[T], bool] = lambda _: False

    @property
    def sent(self) -> list[Sent[T]]:
        """What waits in the queue, in the order it was sent."""
        with self._lock:
            return list(self._sent)

    @property
    def messages(self) -> list[T]:
        """The messages that wait in the queue, in the order they were sent."""
        return [sent.message for sent in self.sent]

    def send(self, batch: Sequence[Delayed[T]]) -> list[Delayed[T]]:
        """Send messages, and return those not accepted."""
        now_ms = self._clock.now_ms()
        refused: list[Delayed[T]] = []
        for one in batch:
            if self.refuses(one.message):
                refused.append(one)
            else:
                with self._lock:
                    self._sent.append(Sent(one.message, now_ms + one.delay_s * 1000))
        return refused

    def take_due(self) -> list[Sent[T]]:
        """Remove and return what can be received by now, the earliest first."""
        now_ms = self._clock.now_ms()
        with self._lock:
            due = sorted((sent for sent in self._sent if sent.due_at_ms <= now_ms), key=lambda sent: sent.due_at_ms)
            self._sent = [sent for sent in self._sent if sent.due_at_ms > now_ms]
        return due


class MemoryWakeQueue(_MemoryQueue[WakeUp]):
    """The queue of wake-ups."""


class MemoryActionQueue(_MemoryQueue[ActionMessage]):
    """The queue of attempts to make."""
