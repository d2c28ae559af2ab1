"""What can be asked of a timer; `transitions.apply` says what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from minoots_contract.late_policy import LatePolicy
from minoots_kernel.domain.ask_commands import AskCommand
from minoots_kernel.domain.put_offs import Cause
from minoots_kernel.domain.timer import Attempt

__all__ = [
    "Arm",
    "Bury",
    "Cancel",
    "Change",
    "Command",
    "Discard",
    "Extend",
    "Fire",
    "FireNow",
    "Pause",
    "PutOff",
    "Recheck",
    "RecordAttempt",
    "Redrive",
    "Reschedule",
    "Resume",
    "Rewake",
    "Snooze",
    "Update",
]


@dataclass(frozen=True, slots=True)
class Arm:
    """A schedule for the wake-up of this generation exists."""

    generation: int


@dataclass(frozen=True, slots=True)
class Fire:
    """A wake-up of this generation has come."""

    generation: int


@dataclass(frozen=True, slots=True)
class Rewake:
    """The wake-up of this generation and lap has come before the due time, which moved away: it is to be sent on."""

    generation: int
    lap: int


@dataclass(frozen=True, slots=True)
class Change:
    """A change of mind: somebody wants something else of the timer than before.

    Attributes:
        requested_by: Who wants it.
        reason: Why, one line for people.
    """

    requested_by: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Cancel(Change):
    """The timer is not wanted any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extend(Change):
    """The due time moves away by so many milliseconds."""

    by_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reschedule(Change):
    """The due time is another one.

    Attributes:
        fire_at_ms: The instant, epoch milliseconds; or
        duration_ms: how long from now, milliseconds.
        late_policy: What takes the place of the timer's late policy; it then may lie as far in the past as this allows.
    """

    fire_at_ms: int | None = None
    duration_ms: int | None = None
    late_policy: LatePolicy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snooze(Change):
    """Not before so many milliseconds from now, and not before its time."""

    duration_ms: int


@dataclass(frozen=True, slots=True)
class Pause(Change):
    """The time stops running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume(Change):
    """The time runs on.

    Attributes:
        keep_due_time: Whether the timer is due when it would have been without the pause; else what was left of its
            time begins now.
    """

    keep_due_time: bool = False


@dataclass(frozen=True, slots=True)
class FireNow(Change):
    """The timer is due at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update(Change):
    """The timer is called or carries something else.

    Attributes:
        patch: `name`, `labels` and `metadata`, those that are to change, as a merge patch.
    """

    patch: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class RecordAttempt:
    """An attempt of an action ended.

    Attributes:
        attempt: How; of what class its failure is decides with the policy whether another one follows.
        retry_after_ms: What the receiver asked for, milliseconds.
    """

    action_id: str
    attempt: Attempt
    retry_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class PutOff:
    """An attempt of an action may not be made now: it is to be made later, and has not been made.

    Attributes:
        attempt: The attempt's number.
        times: How often it had been put off before, as it was read.
        cause: What it waits for.
        reason: Why, one line.
        not_before_ms: When there may be hope, epoch milliseconds.
        turn: Whose limit has a turn for it at that instant, `destination` or `tenant`, if one has.
        digest: Of the token that nobody was given then, of an asking.
    """

    action_id: str
    attempt: int
    times: int
    cause: Cause
    reason: str
    not_before_ms: int
    turn: str | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Recheck:
    """The sweep has looked at the timer of this generation and wants to look again later.

    Attributes:
        at_ms: When, epoch milliseconds.
        repaired: What it repaired, in one word, if anything.
    """

    generation: int
    at_ms: int
    repaired: str | None = None


@dataclass(frozen=True, slots=True)
class Bury:
    """The dead letters of a failed timer are stored: nothing is left to be done for it.

    Attributes:
        redrives: How often actions of the timer had been redriven when it was read: who died since has no letter yet.
        repaired: What the sweep repaired, if it was the sweep that stored them.
    """

    redrives: int = 0
    repaired: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redrive:
    """An action that failed for good is to be tried again, with all the attempts of its policy.

    Attributes:
        death: Which of its deaths is meant: how often it had been redriven before. One redrive undoes one death.
        requested_by: Who wants it.
        reason: Why, one line for people.
        key: Digest of the idempotency key that it came with: a redrive that came with it before is not made again.
    """

    action_id: str
    death: int
    requested_by: str
    reason: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discard:
    """An action that failed for good is to be let go; its attributes as those of `Redrive`."""

    action_id: str
    death: int
    requested_by: str
    reason: str | None = None


Command = Arm | Fire | Change | RecordAttempt | PutOff | Recheck | Rewake | Bury | Redrive | Discard | AskCommand
