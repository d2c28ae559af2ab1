"""How many batches of a queue are handled at once: as many as there are at first, and more while they are stuck.

Lambda adds up to 300 invocations a minute while a queue has a backlog ("Lambda scaling behavior for Amazon SQS event
source mappings", AWS Lambda Developer Guide).
"""

import threading

_ONE_MORE_EVERY_MS = 200
# A backlog that is being worked off is gone sooner with fewer at it, for they share this machine's cores.
_STUCK_AFTER_MS = 1_000


class Concurrency:
    """Counts batches under way.

    Args:
        first: How many there may be from the beginning.
        most: How many there may ever be.
    """

    def __init__(self, first: int, most: int) -> None:
        self._lock = threading.Lock()
        self._room, self._most = first, most
        self._began: list[float] = []
        self._grew_ms = 0.0

    @property
    def room(self) -> int:
        """How many there may be now."""
        return self._room

    def begin(self, now_ms: float) -> bool:
        """Count one more, if there is room; with the oldest stuck for a second, room is made five times a second."""
        with self._lock:
            if len(self._began) >= self._room:
                if self._room >= self._most or now_ms < self._may_grow_ms():
                    return False
                self._room += 1
                self._grew_ms = now_ms
            self._began.append(now_ms)
            return True

    def end(self, began_ms: float) -> None:
        """Count one that began then as ended."""
        with self._lock:
            self._began.remove(began_ms)

    def next_room_ms(self, now_ms: float) -> float | None:
        """When there will be room for another, if none ends; None if never."""
        with self._lock:
            return None if self._room >= self._most else max(now_ms + 1, self._may_grow_ms())

    def _may_grow_ms(self) -> float:
        oldest_ms = min(self._began, default=0.0)
        return max(oldest_ms + _STUCK_AFTER_MS, self._grew_ms + _ONE_MORE_EVERY_MS)
