"""What can be asked of a timer; `transitions.apply` says what comes of it."""

from __future__ import annotations

from dataclasses import dataclass

from minoots_kernel.domain.timer import Attempt

__all__ = ["Arm", "Bury", "Cancel", "Command", "Fire", "Recheck", "RecordAttempt"]


@dataclass(frozen=True, slots=True)
class Arm:
    """A schedule for the wake-up of this generation exists."""

    generation: int


@dataclass(frozen=True, slots=True)
class Fire:
    """A wake-up of this generation has come."""

    generation: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """Somebody does not want the timer any more."""

    requested_by: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RecordAttempt:
    """An attempt of an action ended.

    Attributes:
        permanent: A failed attempt must not be followed by another, whatever the policy says.
        retry_after_ms: What the receiver asked for, milliseconds.
    """

    action_id: str
    attempt: Attempt
    permanent: bool = False
    retry_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Recheck:
    """The sweep has looked at the timer and wants to look again later."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Bury:
    """The dead letters of a failed timer are stored: nothing is left to be done for it."""


Command = Arm | Fire | Cancel | RecordAttempt | Recheck | Bury
