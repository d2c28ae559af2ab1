"""The errors of the domain; no interface's statuses are known here.

MinootsError(detail, fields)        what a caller is told about; `code` is one of the contract's table
├── InvalidTimerError               the request contradicts a rule that a model alone cannot hold
├── NotFoundError                   no such timer for this tenant
├── AlreadyExistsError              the id is taken
├── StateConflictError              the status does not allow the command
├── LeaseLostError                  a message of an inbox is not the caller's any more
├── TokenExpiredError               an acknowledgement comes after its receiver was given up
├── VersionMismatchError            the timer changed between read and write
├── IdempotencyMismatchError        the idempotency key was used for another request
├── ForbiddenError                  the principal may not do that
│   └── PolicyRefusedError          a policy of its tenant refuses it, or none allows it
├── InvalidPolicyError              policies that cannot be used
├── InvalidArgumentsError           arguments that do not fit the schema of their command
├── TenantSuspendedError            nobody of the tenant gets in
├── UnauthenticatedError            no valid credential was shown
├── TargetNotAllowedError           the deployment does not let timers call what an action names
├── QuotaExceededError              a limit was reached; the same request may succeed later
├── BeyondTierError                 more than the tenant's tier allows at any time
└── DependencyUnavailableError      a store or queue did not answer; the same call may succeed later

ActionError(reason)                 an attempt of an action failed; the retry policy goes by its class, `failure`
├── TransientActionError            worth another attempt, unless the policy says otherwise
└── PermanentActionError            another attempt would end the same way

PutOffError(cause, reason)          an attempt may not be made now; nothing was tried, and it does not count

NotDueError(fire_at_ms)             a wake-up came before its time
StaleHintError                      a hint speaks of a generation, or an attempt, that is over
UnknownHintError                    a hint is newer than what was read: read again later
SealedSecretError                   a stored secret that cannot be opened
UnreadableRecordError               a stored record that this code cannot read, now or later
"""

from __future__ import annotations

from typing import ClassVar

from minoots_contract.problems import ERRORS, ErrorCode
from minoots_contract.retry import Failure, failure_of_status
from minoots_kernel.domain.answers import Answer
from minoots_kernel.domain.put_offs import Cause

__all__ = [
    "ActionError",
    "AlreadyExistsError",
    "BeyondTierError",
    "DependencyUnavailableError",
    "ForbiddenError",
    "IdempotencyMismatchError",
    "InvalidArgumentsError",
    "InvalidPolicyError",
    "InvalidTimerError",
    "LeaseLostError",
    "MinootsError",
    "NotDueError",
    "NotFoundError",
    "PermanentActionError",
    "PolicyRefusedError",
    "PutOffError",
    "QuotaExceededError",
    "SealedSecretError",
    "StaleHintError",
    "StateConflictError",
    "TargetNotAllowedError",
    "TenantSuspendedError",
    "TokenExpiredError",
    "TransientActionError",
    "UnauthenticatedError",
    "UnknownHintError",
    "UnreadableRecordError",
    "VersionMismatchError",
]


class MinootsError(Exception):
    """An error that a caller is told about.

    Attributes:
        code: Which error of the contract's table it is.
        detail: What happened and what to change, for people.
        fields: Wire fields at fault, each with its message.
    """

    code: ClassVar[ErrorCode] = ErrorCode.INTERNAL

    def __init__(self, detail: str, fields: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = fields

    @property
    def title(self) -> str:
        """The short summary of the code."""
        return ERRORS[self.code].title

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return ERRORS[self.code].retryable


class InvalidTimerError(MinootsError):
    """The request contradicts a rule that a model alone cannot hold, such as a time in the past."""

    code = ErrorCode.INVALID_REQUEST


class NotFoundError(MinootsError):
    """There is no such timer for this tenant; another tenant's timer looks the same."""

    code = ErrorCode.NOT_FOUND


class AlreadyExistsError(MinootsError):
    """The id is taken."""

    code = ErrorCode.ALREADY_EXISTS


class StateConflictError(MinootsError):
    """The timer's status does not allow the command."""

    code = ErrorCode.STATE_CONFLICT


class LeaseLostError(MinootsError):
    """A message of an inbox is not the caller's any more: its lease ran out, or it was given back."""

    code = ErrorCode.LEASE_LOST


class TokenExpiredError(MinootsError):
    """An acknowledgement comes after its receiver was given up: it refused, or somebody else is asked by now."""

    code = ErrorCode.TOKEN_EXPIRED


class VersionMismatchError(MinootsError):
    """The timer changed between the read and the write.

    Attributes:
        unsure: Whether the write may have happened all the same: its answer was lost, and another write came on top.
    """

    code = ErrorCode.VERSION_MISMATCH

    def __init__(self, detail: str, fields: tuple[tuple[str, str], ...] = (), *, unsure: bool = False) -> None:
        super().__init__(detail, fields)
        self.unsure = unsure


class IdempotencyMismatchError(MinootsError):
    """The idempotency key came with another request before."""

    code = ErrorCode.IDEMPOTENCY_MISMATCH


class ForbiddenError(MinootsError):
    """The principal may not do that."""

    code = ErrorCode.FORBIDDEN


class PolicyRefusedError(ForbiddenError):
    """A policy of the principal's tenant refuses that, or none allows it.

    Attributes:
        policies: The policies that refused; empty if none allowed it.
        version: The version of the policies.
    """

    def __init__(self, detail: str, policies: tuple[str, ...] = (), version: int = 0) -> None:
        super().__init__(detail)
        self.policies = policies
        self.version = version


class InvalidArgumentsError(MinootsError):
    """The arguments of a command do not fit the schema that it was stored with."""

    code = ErrorCode.INVALID_ARGUMENTS


class InvalidPolicyError(MinootsError):
    """Policies cannot be used: they are not well formed, speak of what there is not, or lock their writer out."""

    code = ErrorCode.INVALID_POLICY


class UnauthenticatedError(MinootsError):
    """No valid credential was shown.

    Attributes:
        shown: Whether one was shown at all.
    """

    code = ErrorCode.UNAUTHENTICATED

    def __init__(self, detail: str, fields: tuple[tuple[str, str], ...] = (), *, shown: bool = False) -> None:
        super().__init__(detail, fields)
        self.shown = shown


class TargetNotAllowedError(MinootsError):
    """The deployment does not let timers call what an action names."""

    code = ErrorCode.TARGET_NOT_ALLOWED


class TenantSuspendedError(MinootsError):
    """An operator suspended the tenant: nobody of it gets in."""

    code = ErrorCode.TENANT_SUSPENDED


class QuotaExceededError(MinootsError):
    """A limit was reached.

    Attributes:
        retry_after_s: When it is worth asking again, whole seconds from now.
        policy: The name of the limit in `RateLimit-Policy`, if it is there.
    """

    code = ErrorCode.QUOTA_EXCEEDED

    def __init__(self, detail: str, *, retry_after_s: int = 1, policy: str | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s
        self.policy = policy


class BeyondTierError(MinootsError):
    """The request is for more than the tenant's tier allows at any time."""

    code = ErrorCode.BEYOND_TIER


class DependencyUnavailableError(MinootsError):
    """A store or a queue did not answer, or refused for load; the same call may succeed later."""

    code = ErrorCode.DEPENDENCY_UNAVAILABLE


class ActionError(Exception):
    """An attempt of an action failed.

    Attributes:
        reason: One line for the attempt's record.
        failure: Its class; that of the status, if there is one and nothing is said.
        retry_after_ms: How long the receiver asked to wait, milliseconds, if it did.
        answer: What the receiver answered, if it did.
    """

    usually: ClassVar[Failure] = "internal"
    """The class of such an error of which nothing else is known."""

    def __init__(
        self,
        reason: str,
        status_code: int | None = None,
        retry_after_ms: int | None = None,
        *,
        failure: Failure | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.answer = Answer(status_code)
        self.retry_after_ms = retry_after_ms
        self.failure = failure or (self.usually if status_code is None else failure_of_status(status_code))

    @property
    def status_code(self) -> int | None:
        """The receiver's HTTP status, if it answered."""
        return self.answer.status_code


class TransientActionError(ActionError):
    """Worth another attempt: of a class that is tried again unless a policy says otherwise."""

    usually = "connection"


class PermanentActionError(ActionError):
    """Another attempt would end the same way: of a class that is not tried again unless a policy says so, if at all."""

    usually = "unsendable"


class PutOffError(Exception):
    """An attempt may not be made now: its receiver, or its tenant, has as much to do as it may have, or fails.

    Attributes:
        cause: What it waits for.
        reason: One line for the timer's story.
        not_before_ms: When there may be hope, epoch milliseconds.
        longest_ms: For how long an attempt may be put off for this cause, with no other in between, before it
            counts as made in vain, milliseconds.
        turn: Whose limit has a turn for the attempt at that instant, `destination` or `tenant`, if one has.
    """

    def __init__(self, cause: Cause, reason: str, not_before_ms: int, longest_ms: int, turn: str | None = None) -> None:
        super().__init__(reason)
        self.cause = cause
        self.reason = reason
        self.not_before_ms = not_before_ms
        self.longest_ms = longest_ms
        self.turn = turn


class NotDueError(Exception):
    """A wake-up came before the timer's time.

    Attributes:
        fire_at_ms: When the timer is due, epoch milliseconds.
    """

    def __init__(self, fire_at_ms: int) -> None:
        super().__init__(f"due at {fire_at_ms}")
        self.fire_at_ms = fire_at_ms


class StaleHintError(Exception):
    """A hint speaks of a generation, or an action, that is over: drop it.

    Attributes:
        unsure: Whether it may be over by a write of ours that we heard nothing of.
    """

    unsure = False


class UnknownHintError(Exception):
    """A hint is newer than what was read, or its timer is not visible yet: try it again."""


class SealedSecretError(Exception):
    """A stored secret cannot be opened: it was sealed for another destination, or its key is disabled or gone."""


class UnreadableRecordError(ValueError):
    """A stored record that this code cannot read, now or later: put it aside, do not try it again."""
