"""Schedules in memory."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

from minoots_kernel.domain.messages import WakeUp

__all__ = ["MemoryWakeSchedules", "Schedule"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """A wake-up and when it is to be put on the queue, epoch milliseconds."""

    wake_up: WakeUp
    at_ms: int


class MemoryWakeSchedules:
    """Schedules in a dictionary by name."""

    def __init__(self) -> None:
        self._schedules: dict[str, Schedule] = {}
        self._lock = Lock()

    @property
    def schedules(self) -> dict[str, Schedule]:
        """The schedules that there are, by name."""
        with self._lock:
            return dict(self._schedules)

    def put(self, wake_up: WakeUp, at_ms: int) -> None:
        """Make the schedule named after the wake-up; one that exists already is left as it is.

        Raises:
            ValueError: If the instant (epoch milliseconds) is no whole second.
        """
        if at_ms % 1000:
            raise ValueError(f"a schedule is for a whole second, not for {at_ms} ms")
        with self._lock:
            self._schedules.setdefault(wake_up.name, Schedule(wake_up, at_ms))

    def delete(self, wake_up: WakeUp) -> None:
        """Remove the schedule named after the wake-up; that there is none is no error."""
        with self._lock:
            self._schedules.pop(wake_up.name, None)

    def take_due(self, now_ms: int) -> list[Schedule]:
        """Remove and return the schedules whose time has come, the earliest first."""
        with self._lock:
            due = sorted((one for one in self._schedules.values() if one.at_ms <= now_ms), key=lambda one: one.at_ms)
            for schedule in due:
                del self._schedules[schedule.wake_up.name]
        return due
