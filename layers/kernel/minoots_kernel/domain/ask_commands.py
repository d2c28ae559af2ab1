"""What can be asked of an action that has to be acknowledged; `acknowledgements` says what comes of it."""

from __future__ import annotations

from dataclasses import dataclass

from minoots_contract.acknowledgements import Answered
from minoots_kernel.domain.timer import Attempt

__all__ = ["Acknowledge", "AskCommand", "AttachToken", "BeginAsk", "EndAsk", "ExpireAsk"]


@dataclass(frozen=True, slots=True)
class AskCommand:
    """Something about the acknowledgement of one action."""

    action_id: str


@dataclass(frozen=True, slots=True)
class BeginAsk(AskCommand):
    """An attempt begins: its receiver gets a token.

    Attributes:
        attempt: The attempt's number.
        step: Who is asked, as the chain numbers them.
        receiver: Who that is, for people.
        digest: Of the token.
        task_token: What lets the execution go on that drives this attempt, if one does.
        driver: That execution's name.
    """

    attempt: int
    step: int
    receiver: str
    digest: str
    task_token: str | None = None
    driver: str | None = None


@dataclass(frozen=True, slots=True)
class EndAsk(AskCommand):
    """An attempt came to its end: the receiver has it, or not. As `RecordAttempt`.

    Attributes:
        digest: Of the token that it was begun with: it tells the asking from others of that number.
    """

    attempt: Attempt
    digest: str
    retry_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class AttachToken(AskCommand):
    """An execution waits beside an action that waits.

    Attributes:
        attempt: The attempt that it waits after.
        task_token: What lets the execution go on.
        driver: The execution's name.
    """

    attempt: int
    task_token: str
    driver: str


@dataclass(frozen=True, slots=True)
class Acknowledge(AskCommand):
    """The holder of a token answers.

    Attributes:
        step: The step that the token was given to.
        digest: Of the token; none if the receiver is known by other means.
        word: What it answers.
        by: Who says so.
        reason: Why.
        result: How what came of it begins, as JSON.
        life: How often the action had been redriven when the receiver was asked, if no digest says which asking it was.
    """

    step: int
    digest: str | None
    word: Answered
    by: str | None = None
    reason: str | None = None
    result: str | None = None
    life: int | None = None


@dataclass(frozen=True, slots=True)
class ExpireAsk(AskCommand):
    """The deadline of a wait has passed.

    Attributes:
        attempt: The attempt that was waited after.
    """

    attempt: int
