"""Measurements, kept."""

from __future__ import annotations

from collections import Counter
from threading import Lock

__all__ = ["MemoryMetrics"]


class MemoryMetrics:
    """Measurements in memory.

    Attributes:
        counts: Each counter's sum.
        durations_ms: Each duration's values, in the order they came.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.durations_ms: dict[str, list[int]] = {}
        self._lock = Lock()

    def count(self, name: str, value: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self.counts[name] += value

    def milliseconds(self, name: str, value: int) -> None:
        """Record a duration."""
        with self._lock:
            self.durations_ms.setdefault(name, []).append(value)
