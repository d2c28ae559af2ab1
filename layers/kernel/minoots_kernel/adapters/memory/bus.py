"""An event bus in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

from minoots_contract.events import CloudEvent

__all__ = ["MemoryEventBus"]


class MemoryEventBus:
    """Keeps what was published.

    Attributes:
        refuses: Tells which events are not accepted; none by default. Tests put their own in its place.
    """

    def __init__(self) -> None:
        self._published: list[CloudEvent] = []
        self._lock = Lock()
        self.refuses: Callable[[CloudEvent], bool] = lambda _: False

    @property
    def published(self) -> list[CloudEvent]:
        """The events accepted, in the order they came."""
        with self._lock:
            return list(self._published)

    def publish(self, events: Sequence[CloudEvent]) -> list[CloudEvent]:
        """Publish events, and return those not accepted."""
        refused: list[CloudEvent] = []
        for event in events:
            if self.refuses(event):
                refused.append(event)
            else:
                with self._lock:
                    self._published.append(event)
        return refused
