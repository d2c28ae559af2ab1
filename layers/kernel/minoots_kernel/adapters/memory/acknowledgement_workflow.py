"""The state machine that waits beside actions, in memory: an account of what it was told, and who still waits."""

from __future__ import annotations

from threading import Lock

from minoots_kernel.domain.executions import Execution

__all__ = ["MemoryAcknowledgementWorkflow"]


class MemoryAcknowledgementWorkflow:
    """Executions by name, and the task tokens that are waited for.

    Attributes:
        started: Executions that were started, in their order, each name once.
        waiting: Task tokens of executions that wait: whoever plays the state machine puts them in.
        woken: Task tokens that were told to go on, and did.
        kept: Task tokens that were told to wait anew, and do.
    """

    def __init__(self) -> None:
        self.started: dict[str, Execution] = {}
        self.waiting: set[str] = set()
        self.woken: list[str] = []
        self.kept: list[str] = []
        self._lock = Lock()

    def start(self, execution: Execution) -> None:
        """Start an execution; one of that name is left as it is."""
        with self._lock:
            self.started.setdefault(execution.name, execution)

    def wake(self, task_token: str) -> bool:
        """Let a waiting execution go on; see the port."""
        with self._lock:
            if task_token not in self.waiting:
                return False
            self.waiting.remove(task_token)
            self.woken.append(task_token)
            return True

    def keep(self, task_token: str) -> bool:
        """Have a waiting execution begin its wait anew; see the port."""
        with self._lock:
            if task_token not in self.waiting:
                return False
            self.kept.append(task_token)
            return True
