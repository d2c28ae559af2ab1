"""Errors as RFC 9457 problems. One table gives each code of the contract its HTTP status; a test proves it total."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from minoots_contract.problems import ERRORS, PROBLEM_TYPE_PREFIX, ErrorCode, FieldProblem, Problem
from minoots_kernel.domain.errors import MinootsError, QuotaExceededError, UnauthenticatedError

__all__ = [
    "PROBLEM_JSON",
    "STATUS",
    "challenge",
    "field_problems",
    "fields_of",
    "problem_from",
    "problem_of",
    "problem_response",
    "summary",
]

PROBLEM_JSON: Final = "application/problem+json"

MAX_FIELDS: Final = 50
"""Most fields that one problem names; a body of ten thousand faults gets no answer of a megabyte."""

MAX_PATH: Final = 200
"""Longest path of a field, in characters; the caller's own names are part of it."""

STATUS: Final[dict[ErrorCode, int]] = {
    ErrorCode.INVALID_REQUEST: 400,
    ErrorCode.MALFORMED_BODY: 400,
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.TENANT_SUSPENDED: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.ALREADY_EXISTS: 409,
    ErrorCode.STATE_CONFLICT: 409,
    ErrorCode.LEASE_LOST: 409,
    ErrorCode.TOKEN_EXPIRED: 410,
    ErrorCode.VERSION_MISMATCH: 412,
    ErrorCode.BODY_TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.IDEMPOTENCY_MISMATCH: 422,
    ErrorCode.FIELD_NOT_CHANGEABLE: 422,
    ErrorCode.TARGET_NOT_ALLOWED: 422,
    ErrorCode.INVALID_POLICY: 422,
    ErrorCode.INVALID_ARGUMENTS: 422,
    ErrorCode.BEYOND_TIER: 422,
    ErrorCode.QUOTA_EXCEEDED: 429,
    ErrorCode.INTERNAL: 500,
    ErrorCode.DEPENDENCY_UNAVAILABLE: 503,
}


def problem_of(
    code: ErrorCode,
    detail: str,
    *,
    instance: str | None = None,
    request_id: str | None = None,
    errors: Sequence[FieldProblem] = (),
) -> Problem:
    """Make the problem document of a code."""
    return Problem(
        type=f"{PROBLEM_TYPE_PREFIX}{code}",
        title=ERRORS[code].title,
        status=STATUS[code],
        detail=detail,
        code=code,
        instance=instance,
        request_id=request_id,
        errors=list(errors) or None,
    )


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Make the HTTP API response that carries a problem."""
    extra = {"retry-after": "1"} if problem.status == STATUS[ErrorCode.DEPENDENCY_UNAVAILABLE] else {}
    return {
        "statusCode": problem.status,
        "headers": {"content-type": PROBLEM_JSON, **extra, **(headers or {})},
        "body": problem.model_dump_json(by_alias=True, exclude_none=True),
        "isBase64Encoded": False,
    }


def challenge(error: UnauthenticatedError) -> str:
    """Return the `WWW-Authenticate` of a refusal (RFC 9110, 11.6.1; the error's code is RFC 6750's, 3.1)."""
    return 'Bearer realm="minoots", error="invalid_token"' if error.shown else 'Bearer realm="minoots"'


def fields_of(error: MinootsError) -> list[FieldProblem]:
    """Return the fields that an error names."""
    return [FieldProblem(field=field, message=message) for field, message in error.fields]


def problem_from(error: MinootsError, *, instance: str | None = None, request_id: str | None = None) -> Problem:
    """Make the problem document of an error."""
    problem = problem_of(error.code, error.detail, instance=instance, request_id=request_id, errors=fields_of(error))
    if isinstance(error, QuotaExceededError) and error.policy is not None:
        problem = problem.model_copy(update={"violated_policies": [error.policy]})
    return problem


def field_problems(errors: Sequence[Mapping[str, Any]]) -> list[FieldProblem]:
    """Turn validation errors into fields in wire names, such as `actionBundle.actions[0].id`.

    What the caller sent is never repeated: it may be a secret.
    """
    return [FieldProblem(field=_path(error), message=_message(error)) for error in errors[:MAX_FIELDS]]


def summary(errors: Sequence[FieldProblem]) -> str:
    """Return one line about what is wrong, for people."""
    return "; ".join(f"{one.field}: {one.message}" for one in errors[:3])


def _path(error: Mapping[str, Any]) -> str:
    if error["loc"][:1] == ("query",):
        return str(error["loc"][1])[:MAX_PATH]  # of a parameter given twice Powertools counts the places
    if error["loc"][:1] == ("header",):
        return str(error["loc"][1]).title()
    location = [part for part in error["loc"] if part not in {"body", "query", "path", "header", "[key]"}]
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    named = error.get("ctx", {}).get("field")
    path = f"{path}.{named}" if named else path
    return path.removeprefix(".")[:MAX_PATH] or "body"


def _message(error: Mapping[str, Any]) -> str:
    if error["type"] == "missing":
        return "this field is required"
    if error["type"] == "extra_forbidden":
        return "this field is not known here"
    return str(error["msg"]).removeprefix("Value error, ")
