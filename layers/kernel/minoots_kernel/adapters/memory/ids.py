"""Ids that are the same in every run."""

from __future__ import annotations

from itertools import count
from threading import Lock
from uuid import UUID

__all__ = ["SequentialIds"]


class SequentialIds:
    """Ids in the form of UUIDv7, ascending: a counter stands where the time would.

    Args:
        start: The first number.
    """

    def __init__(self, start: int = 1) -> None:
        self._numbers = count(start)
        self._lock = Lock()

    def new_id(self) -> str:
        """Return the next id."""
        with self._lock:
            number = next(self._numbers)
        return str(UUID(int=(number << 80) | (7 << 76) | (0b10 << 62)))
