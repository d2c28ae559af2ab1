"""What HTTP asks of every answer: `HEAD`, `OPTIONS`, CORS for the origins that a deployment names, headers for safety.

All of it is done here and not by the gateway, so that the local stack answers alike.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, Protocol

__all__ = ["SAFE", "Edge", "Inner"]

SAFE: Final = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=31536000",
    "x-content-type-options": "nosniff",
}
"""Headers of every answer that has none of the name: what a tenant is told is nobody else's to keep or to guess at."""

ALLOWED_HEADERS: Final = "authorization, content-type, idempotency-key, if-match, if-none-match, traceparent, x-api-key"
EXPOSED_HEADERS: Final = (
    "accept-patch, allow, etag, link, location, ratelimit, ratelimit-policy, retry-after, "
    "www-authenticate, x-request-id"
)
PREFLIGHT_S: Final = 600
"""How long a browser may remember what it was told of a path, seconds."""

_PREFLIGHT: Final = "access-control-request-method"


class Inner(Protocol):
    """What answers requests."""

    def __call__(self, event: Mapping[str, Any], context: object) -> dict[str, Any]:
        """Answer one."""
        ...

    def methods_at(self, path: str) -> list[str]:
        """Return which methods a path takes, in order; none if there is nothing."""
        ...


class Edge:
    """Stands before the control plane.

    Args:
        inner: The control plane.
        origins: Whose pages may call it from a browser: `https://app.example.org`, or `*` for all; none by default.
            Keys are headers and never cookies, so no page calls with what it does not have.
    """

    def __init__(self, inner: Inner, origins: Collection[str] = ()) -> None:
        self._inner = inner
        self._origins = frozenset(origins)

    def __call__(self, event: Mapping[str, Any], context: object) -> dict[str, Any]:
        """Answer a request."""
        method = _method(event)
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        response = self._options(event) if method == "OPTIONS" else None
        if response is None and method == "HEAD" and "GET" in self._inner.methods_at(_path(event)):
            response = {**self._inner(_as(event, "GET"), context), "body": "", "isBase64Encoded": False}
        if response is None:
            response = self._inner(event, context)
        response["headers"] = {**SAFE, **response["headers"], **self._cors(headers, _path(event), method)}
        return response

    def _options(self, event: Mapping[str, Any]) -> dict[str, Any] | None:
        methods = self._inner.methods_at(_path(event))
        if not methods:
            return None  # answered as any path where there is nothing
        request_id = str(event.get("requestContext", {}).get("requestId", ""))
        told = {"allow": ", ".join(methods), "x-request-id": request_id}
        return {"statusCode": 204, "headers": told, "body": "", "isBase64Encoded": False}

    def _cors(self, headers: Mapping[str, str], path: str, method: str) -> dict[str, str]:
        """Return what lets a page of an allowed origin read the answer (Fetch standard, 3.3)."""
        origin = headers.get("origin")
        if not self._origins or origin is None:
            return {"vary": "origin"} if self._origins else {}
        if "*" not in self._origins and origin not in self._origins:
            return {"vary": "origin"}
        allowed = {"access-control-allow-origin": origin, "vary": "origin"}
        if method == "OPTIONS" and _PREFLIGHT in headers:
            return allowed | {
                "access-control-allow-methods": ", ".join(self._inner.methods_at(path)),
                "access-control-allow-headers": ALLOWED_HEADERS,
                "access-control-max-age": str(PREFLIGHT_S),
            }
        return allowed | {"access-control-expose-headers": EXPOSED_HEADERS}


def _method(event: Mapping[str, Any]) -> str:
    return str((event.get("requestContext") or {}).get("http", {}).get("method", "")).upper()


def _path(event: Mapping[str, Any]) -> str:
    return str(event.get("rawPath", "/"))


def _as(event: Mapping[str, Any], method: str) -> dict[str, Any]:
    """Return a request as if it came by another method."""
    request = event["requestContext"]
    return {**event, "requestContext": {**request, "http": {**request["http"], "method": method}}}
