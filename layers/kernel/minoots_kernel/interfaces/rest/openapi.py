"""How routes are described to Powertools; what is made of it is `document`'s."""

from __future__ import annotations

from typing import Any, Final

from aws_lambda_powertools.event_handler.openapi.models import APIKey, APIKeyIn, HTTPBearer
from pydantic import BaseModel

from minoots_contract.problems import Problem
from minoots_kernel.interfaces.rest.problems import PROBLEM_JSON
from minoots_kernel.interfaces.rest.roles import REQUIRED_ROLES

__all__ = ["SCHEMES", "TITLES", "described", "paged"]

TITLES: Final = {
    400: "The request is not valid",
    401: "A valid API key is needed",
    403: "The caller may not do that",
    404: "There is no such thing here",
    412: "It has changed since it was read",
    409: "Its state does not allow that",
    410: "The answer comes too late",
    413: "The body is too large",
    415: "The body is not declared to be JSON",
    422: "The request is well-formed and cannot be done",
    429: "A limit was reached",
    503: "The service is briefly unavailable",
}
_TEXT: Final = {"type": "string"}
_LINK: Final = 'The query of the next page, `<?…>; rel="next"` (RFC 8288); absent on the last.'
SCHEMES: Final[dict[str, Any]] = {
    "ApiKey": APIKey(
        name="X-API-Key", in_=APIKeyIn.header, description="An API key. Needed roles are named beside it."
    ),
    "Bearer": HTTPBearer(description="The same API key, or an access token of an issuer that the deployment trusts."),
}


def described(
    operation: str,
    summary: str,
    reply: type[BaseModel] | None,
    *errors: int,
    status: int | tuple[int, ...] = 200,
    body: bool = False,
    public: bool = False,
    etag: bool = False,
) -> dict[str, Any]:
    """Return the arguments that describe a route to Powertools.

    Args:
        operation: The operation's id.
        summary: One line for people.
        reply: The model of the good answer; none if it has no body.
        errors: Statuses of problems beyond those that every route of its sort may answer.
        status: The status of the good answer; those of good answers, if there are several.
        body: Whether the route reads a body.
        public: Whether it needs no key.
        etag: Whether the good answer has an entity tag.
    """
    every = () if public else (400, 401, 403, 429, 503)
    role = None if public else REQUIRED_ROLES[operation]
    content = {PROBLEM_JSON: {"model": Problem}}
    problems = sorted({*every, *((413, 415) if body else ()), *errors})
    good: dict[str, Any] = {"description": summary}
    if reply:
        good["content"] = {"application/json": {"model": reply}}
    if etag:
        good["headers"] = {"ETag": {"description": "The version, between quotes.", "required": True, "schema": _TEXT}}
    answers = dict.fromkeys(status if isinstance(status, tuple) else (status,), good)
    return {
        "operation_id": operation,
        "summary": summary,
        "responses": {**answers, **{code: {"description": TITLES[code], "content": content} for code in problems}},
        # OpenAPI 3.1 lets a requirement of these schemes name roles.
        "security": [] if public else [{scheme: [role] if role else []} for scheme in SCHEMES],
    }


def paged(route: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a route whose good answer is a page of a listing, which links to the one after it."""
    route["responses"][200]["headers"] = {"Link": {"description": _LINK, "schema": _TEXT}}
    return route
