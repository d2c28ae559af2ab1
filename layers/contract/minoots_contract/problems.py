"""Problems (RFC 9457) and the one table of error codes that every interface and client shares."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import ConfigDict, Field

from minoots_contract.model import WireModel

__all__ = ["ERRORS", "PROBLEM_TYPE_PREFIX", "ErrorCode", "ErrorInfo", "FieldProblem", "Problem"]

PROBLEM_TYPE_PREFIX: Final = "urn:minoots:problem:"
"""A problem's ``type`` is this and its code."""


class ErrorCode(StrEnum):
    """Every error that a caller can meet."""

    INVALID_REQUEST = "invalid-request"
    MALFORMED_BODY = "malformed-body"
    BODY_TOO_LARGE = "body-too-large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    TENANT_SUSPENDED = "tenant-suspended"
    NOT_FOUND = "not-found"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    ALREADY_EXISTS = "already-exists"
    STATE_CONFLICT = "state-conflict"
    LEASE_LOST = "lease-lost"
    TOKEN_EXPIRED = "token-expired"
    VERSION_MISMATCH = "version-mismatch"
    IDEMPOTENCY_MISMATCH = "idempotency-mismatch"
    FIELD_NOT_CHANGEABLE = "field-not-changeable"
    TARGET_NOT_ALLOWED = "target-not-allowed"
    INVALID_POLICY = "invalid-policy"
    INVALID_ARGUMENTS = "invalid-arguments"
    QUOTA_EXCEEDED = "quota-exceeded"
    BEYOND_TIER = "beyond-tier"
    DEPENDENCY_UNAVAILABLE = "dependency-unavailable"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """What a code means.

    Attributes:
        title: The short human summary that a problem carries.
        retryable: Whether the same request may succeed later.
    """

    title: str
    retryable: bool = False


ERRORS: Final[dict[ErrorCode, ErrorInfo]] = {
    ErrorCode.INVALID_REQUEST: ErrorInfo("The request is not valid"),
    ErrorCode.MALFORMED_BODY: ErrorInfo("The body is not the JSON that is expected here"),
    ErrorCode.BODY_TOO_LARGE: ErrorInfo("The body is too large"),
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: ErrorInfo("The body must be application/json"),
    ErrorCode.UNAUTHENTICATED: ErrorInfo("A valid API key is needed"),
    ErrorCode.FORBIDDEN: ErrorInfo("This key may not do that"),
    ErrorCode.TENANT_SUSPENDED: ErrorInfo("The tenant is suspended"),
    ErrorCode.NOT_FOUND: ErrorInfo("There is no such thing here"),
    ErrorCode.METHOD_NOT_ALLOWED: ErrorInfo("This path does not take that method"),
    ErrorCode.ALREADY_EXISTS: ErrorInfo("It exists already"),
    ErrorCode.LEASE_LOST: ErrorInfo("The message is not yours any more"),
    ErrorCode.TOKEN_EXPIRED: ErrorInfo("The answer comes too late"),
    ErrorCode.STATE_CONFLICT: ErrorInfo("Its state does not allow that"),
    ErrorCode.VERSION_MISMATCH: ErrorInfo("The timer has changed since it was read"),
    ErrorCode.IDEMPOTENCY_MISMATCH: ErrorInfo("The idempotency key belongs to another request"),
    ErrorCode.FIELD_NOT_CHANGEABLE: ErrorInfo("A field cannot be changed in that way"),
    ErrorCode.TARGET_NOT_ALLOWED: ErrorInfo("This deployment does not allow that target"),
    ErrorCode.INVALID_POLICY: ErrorInfo("These policies cannot be used"),
    ErrorCode.INVALID_ARGUMENTS: ErrorInfo("The arguments do not fit the command"),
    ErrorCode.QUOTA_EXCEEDED: ErrorInfo("A limit was reached", retryable=True),
    ErrorCode.BEYOND_TIER: ErrorInfo("The tier does not allow that"),
    ErrorCode.DEPENDENCY_UNAVAILABLE: ErrorInfo("The service is briefly unavailable", retryable=True),
    ErrorCode.INTERNAL: ErrorInfo("Something went wrong on our side", retryable=True),
}
"""Code to meaning; total over `ErrorCode` (a test holds it so)."""


class FieldProblem(WireModel):
    """What is wrong with one field of the request."""

    field: str = Field(description="Path in wire names, such as `actionBundle.actions[0].id`.")
    message: str


class Problem(WireModel):
    """A problem document, ``application/problem+json``."""

    # A client must read the problems of a newer service.
    model_config = ConfigDict(extra="ignore")

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str | None = None
    request_id: str | None = None
    errors: list[FieldProblem] | None = None
    # The name is the draft's own, draft-ietf-httpapi-ratelimit-headers-10.
    violated_policies: list[str] | None = Field(
        default=None, alias="violated-policies", description="Which limits of `RateLimit-Policy` were met."
    )
