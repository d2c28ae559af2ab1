"""What the use cases about acknowledgements need of the world; as `ports`, of which this is a part by another name."""

from __future__ import annotations

from typing import Protocol

from minoots_kernel.domain.executions import Execution

__all__ = ["AcknowledgementWorkflow", "TokenSecrets"]


class AcknowledgementWorkflow(Protocol):
    """The state machine that waits beside actions. It is a hint driver: what it says is checked against the timer."""

    def start(self, execution: Execution) -> None:
        """Start an execution; one of that name that was started before, running or not, is left as it is."""
        ...

    def wake(self, task_token: str) -> bool:
        """Let a waiting execution go on; whether it still waited. An execution may be told so too often."""
        ...

    def keep(self, task_token: str) -> bool:
        """Have a waiting execution begin its wait anew; whether it still waited."""
        ...


class TokenSecrets(Protocol):
    """Makes what cannot be guessed."""

    def __call__(self, size: int, /) -> bytes:
        """Return so many random bytes."""
        ...
