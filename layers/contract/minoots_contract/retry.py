"""When a failed attempt of an action is made again, and the classes of failures that this depends on."""

from __future__ import annotations

from typing import Final, Literal, get_args

from pydantic import Field

from minoots_contract.model import WireModel

__all__ = ["DEFAULT_RETRY_ON", "FAILURES", "Failure", "Jitter", "RetryPolicy", "RetryableFailure", "failure_of_status"]

RetryableFailure = Literal[
    "connection",
    "timeout",
    "throttled",
    "serverError",
    "conflict",
    "internal",
    "clientError",
    "redirect",
    "invalidResponse",
]
"""Failures after which another attempt may be asked for.

- `connection`: none came about, or it broke before the answer was whole.
- `timeout`: no whole answer in time; a 408.
- `throttled`: a 429, or AWS' words for it.
- `serverError`: a 5xx; a service or tool that says that it failed.
- `conflict`: a 409, 421, 423 or 425: the same request may pass later.
- `internal`: a fault on our side.
- `clientError`: any other 4xx but 410; a target that is missing or denies.
- `redirect`: a 3xx.
- `invalidResponse`: an answer that is not of the protocol that was spoken.
"""

Failure = Literal[RetryableFailure, "gone", "unsendable", "expired", "unacknowledged"]
"""Every class of failure; of the first three that are not retryable there is no other attempt.

- `gone`: a 410.
- `unsendable`: nothing was sent: parameters, template, destination or address do not allow it.
- `expired`: the policy's time was over before the attempt could begin; it was not made.
- `unacknowledged`: it arrived, and nobody acknowledged it in time; its `requiresAcknowledgement` says what follows.
"""

FAILURES: Final[tuple[Failure, ...]] = get_args(Failure)
"""The classes of failures, in the order of the documentation."""

DEFAULT_RETRY_ON: Final[tuple[RetryableFailure, ...]] = (
    "connection",
    "timeout",
    "throttled",
    "serverError",
    "conflict",
    "internal",
)
"""What is tried again unless a policy says otherwise: what may be over by then."""

Jitter = Literal["equal", "full", "none"]
"""How delays are spread: over the upper half below the computed one, over all of it, or not at all."""

MAX_TIME_LIMIT_MS: Final = 366 * 86_400_000

# RFC 9110 and RFC 6585: the request may be well-formed and succeed later.
_STATUSES: Final[dict[int, Failure]] = {
    408: "timeout",
    409: "conflict",
    410: "gone",
    421: "conflict",
    423: "conflict",
    425: "conflict",
    429: "throttled",
}


class RetryPolicy(WireModel):
    """When a failed attempt is made again: after attempt n a delay near ``initial · multiplier^(n-1)``.

    Of a field that is left out the next wider level decides: the action's policy, the bundle's, the tenant's
    (`PUT /settings`), and then the default that stands here.
    """

    max_attempts: int = Field(default=1, ge=1, le=100)
    backoff_initial_ms: int = Field(default=1_000, ge=1, le=86_400_000)
    backoff_multiplier: float = Field(default=2, ge=1, le=10)
    backoff_max_ms: int = Field(default=86_400_000, ge=1, le=604_800_000, description="Cap of one delay, milliseconds.")
    jitter: Jitter = Field(
        default="equal",
        description="Over what a delay is spread at random: the upper half below the computed one, `full` all of it.",
    )
    total_time_limit_ms: int | None = Field(
        default=None,
        ge=1,
        le=MAX_TIME_LIMIT_MS,
        description="No attempt begins later than so many milliseconds after the firing; of a stand-by or a callback, "
        "after it was started. No limit without it, or with null.",
    )
    retry_on: list[RetryableFailure] = Field(
        default_factory=lambda: list(DEFAULT_RETRY_ON),
        max_length=20,
        description="Classes of failures after which another attempt is made.",
    )

    def over(self, wider: RetryPolicy) -> RetryPolicy:
        """Return the whole policy: what this one says, and for the rest what the wider one has."""
        said = {name: getattr(self, name) for name in self.model_fields_set}
        rest = {name: getattr(wider, name) for name in RetryPolicy.model_fields if name not in said}
        return RetryPolicy.model_construct(**said, **rest)


def failure_of_status(status: int) -> Failure:
    """Return the class of an HTTP status that is no success."""
    if status in _STATUSES:
        return _STATUSES[status]
    if status >= 500:
        return "serverError"
    if status >= 400:
        return "clientError"
    return "redirect" if 300 <= status < 400 else "invalidResponse"
