"""The OpenAPI description, made from the routes; `docs/openapi.json` is its committed copy."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from minoots_contract.problems import Problem
from minoots_kernel.interfaces.rest.problems import PROBLEM_JSON
from minoots_kernel.interfaces.rest.resolver import ConcurrentHttpResolver

__all__ = ["described", "document"]

_TITLES: Final = {
    400: "The request is not valid",
    401: "A valid API key is needed",
    403: "This key may not do that",
    404: "There is no such thing here",
    409: "The timer's status does not allow that",
    413: "The body is too large",
    415: "The body must be application/json",
    503: "The service is briefly unavailable",
}
_SCHEMES: Final = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Bearer": {"type": "http", "scheme": "bearer", "description": "The same API key as a bearer token."},
}


def described(
    summary: str,
    reply: type[BaseModel],
    *,
    status: int = 200,
    errors: tuple[int, ...] = (),
    tag: str = "timers",
    public: bool = False,
) -> dict[str, Any]:
    """Return the arguments that describe a route to Powertools."""
    content = {PROBLEM_JSON: {"model": Problem}}
    problems = {error: {"description": _TITLES[error], "content": content} for error in errors}
    good = {"description": summary, "content": {"application/json": {"model": reply}}}
    return {
        "summary": summary,
        "tags": [tag],
        "responses": {status: good, **problems},
        "security": [] if public else [{"ApiKey": []}, {"Bearer": []}],
    }


def document(app: ConcurrentHttpResolver) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the routes.

    Powertools adds its own 422 answer to every operation; ours are 400 problems, so it goes, and its models with it.
    """
    schema = app.get_openapi_schema(
        title="MINOOTS",
        version="1",
        description="Durable timers for AI agents and automation.",
        openapi_version="3.1.0",
    )
    document: dict[str, Any] = schema.model_dump(mode="json", by_alias=True, exclude_none=True)
    document["components"]["securitySchemes"] = _SCHEMES
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            operation["operationId"] = operation["operationId"].split("_timers", maxsplit=1)[0]
    for unused in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(unused, None)
    return document
