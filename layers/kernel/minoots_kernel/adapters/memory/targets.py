"""Targets of workflow events in memory."""

from __future__ import annotations

from collections import deque

from minoots_kernel.domain.errors import ActionError
from minoots_kernel.domain.targets import TargetMessage

__all__ = ["MemoryTargets"]


class MemoryTargets:
    """Keeps what was sent.

    Attributes:
        sent: Every message that was taken, in order.
        failures: What the next sends end with, in order; once there are none, all succeed.
    """

    def __init__(self) -> None:
        self.sent: list[TargetMessage] = []
        self.failures: deque[ActionError] = deque()

    def send(self, message: TargetMessage) -> None:
        """Keep a message; see the port."""
        if self.failures:
            raise self.failures.popleft()
        self.sent.append(message)
