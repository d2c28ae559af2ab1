"""Everything that a call can raise.

MinootsClientError
├── APIConnectionError            no answer: refused, cut off, not found
│   └── APITimeoutError           no answer in time
├── APIStatusError                the API said no: .problem, .status_code, .request_id
│   ├── BadRequestError           400, 405, 413, 415, 422: the request itself is wrong
│   ├── AuthenticationError       401: no key, or one that is not valid
│   ├── PermissionDeniedError     403: this key may not do that
│   ├── NotFoundError             404
│   ├── ConflictError             409, 412: the timer's status or version does not allow it
│   ├── GoneError                 410: an acknowledgement comes after its receiver was given up
│   ├── RateLimitError            429: .retry_after_s says when to come back, if the API did
│   └── ServerError               5xx
├── UnexpectedReplyError          a success that is not what MINOOTS sends
└── WaitTimeoutError              `Timers.wait` ran out of time; .timer is the last seen
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from minoots_contract.problems import Problem

if TYPE_CHECKING:
    from minoots_contract.timers import TimerReply

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ConflictError",
    "GoneError",
    "MinootsClientError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ServerError",
    "UnexpectedReplyError",
    "WaitTimeoutError",
    "status_error",
]


class MinootsClientError(Exception):
    """Base of every error that the client raises about a call."""


class APIConnectionError(MinootsClientError):
    """No answer came.

    Attributes:
        outcome_unknown: Whether the request may have reached the API and been carried out.
    """

    def __init__(self, message: str, *, outcome_unknown: bool) -> None:
        super().__init__(message)
        self.outcome_unknown = outcome_unknown


class APITimeoutError(APIConnectionError):
    """No answer came in time."""


class APIStatusError(MinootsClientError):
    """The API answered with an error status.

    Attributes:
        problem: The RFC 9457 document; one is made from the status when a gateway answered in its own words.
        status_code: The HTTP status.
        request_id: What to quote when asking about this call, if the API named it.
        retry_after_s: Seconds after which the API wants to be asked again, if it said so.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        status_code: int,
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(_one_line(problem, status_code))
        self.problem = problem
        self.status_code = status_code
        self.request_id = request_id
        self.retry_after_s = retry_after_s


class BadRequestError(APIStatusError):
    """The request itself is wrong; sending it again does not help."""


class AuthenticationError(APIStatusError):
    """There was no API key, or one that is not valid."""


class PermissionDeniedError(APIStatusError):
    """The API key is valid and may not do this."""


class NotFoundError(APIStatusError):
    """There is no such timer, or it belongs to another tenant."""


class ConflictError(APIStatusError):
    """The timer's status or version does not allow this any more."""


class GoneError(APIStatusError):
    """An acknowledgement comes too late: its receiver refused, or somebody else is asked by now."""


class RateLimitError(APIStatusError):
    """A limit was reached."""


class ServerError(APIStatusError):
    """Something went wrong on the API's side."""


class UnexpectedReplyError(MinootsClientError):
    """A reply that is not what MINOOTS sends: another service answers at this URL, or a much newer one."""


class WaitTimeoutError(MinootsClientError):
    """A timer had not ended when the time to wait for it was over.

    Attributes:
        timer: The timer as last seen.
    """

    def __init__(self, timer: TimerReply, timeout_s: float) -> None:
        super().__init__(f"timer {timer.id} is still {timer.status} after {timeout_s:g} s")
        self.timer = timer


_BY_STATUS: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    405: BadRequestError,
    409: ConflictError,
    410: GoneError,
    412: ConflictError,
    413: BadRequestError,
    415: BadRequestError,
    422: BadRequestError,
    429: RateLimitError,
}


def status_error(
    status_code: int, problem: Problem | None, *, request_id: str | None, retry_after_s: float | None
) -> APIStatusError:
    """Make the error of a status.

    Args:
        status_code: An HTTP status that is no success.
        problem: The body, if it was a problem document.
        request_id: From the headers; the problem's own comes first.
        retry_after_s: Seconds from ``Retry-After``.

    Returns:
        An instance of the class that the module's tree names for the status.
    """
    kind = _BY_STATUS.get(status_code, ServerError if status_code >= 500 else APIStatusError)
    problem = problem or _bare_problem(status_code)
    return kind(
        problem,
        status_code=status_code,
        request_id=problem.request_id or request_id,
        retry_after_s=retry_after_s,
    )


def _bare_problem(status_code: int) -> Problem:
    # RFC 9457, section 4.2.1: with `about:blank` the title is the status' own phrase.
    try:
        phrase = HTTPStatus(status_code).phrase
    except ValueError:
        phrase = "Unknown status"
    return Problem(
        type="about:blank",
        title=phrase,
        status=status_code,
        detail=f"The answer was HTTP {status_code} without an explanation.",
        code="unexplained",
    )


def _one_line(problem: Problem, status_code: int) -> str:
    fields = "; ".join(f"{error.field}: {error.message}" for error in problem.errors or ())
    return f"{problem.title} ({status_code}): {problem.detail}" + (f" [{fields}]" if fields else "")
