"""The control plane as one callable: who calls, what they sent, which route; every error leaves as a problem."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from aws_lambda_powertools.event_handler.api_gateway import Route
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from minoots_contract.problems import ErrorCode, FieldProblem, Problem
from minoots_kernel.application.authenticate import Authenticate
from minoots_kernel.application.authorise import Authorise
from minoots_kernel.application.errand import Errand
from minoots_kernel.application.keep_audit import NoteRefusals
from minoots_kernel.application.limits import Limits
from minoots_kernel.application.ports import Metrics
from minoots_kernel.domain.errors import (
    ForbiddenError,
    InvalidTimerError,
    MinootsError,
    QuotaExceededError,
    UnauthenticatedError,
)
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.interfaces.rest.batches import LARGER_BODIES
from minoots_kernel.interfaces.rest.bodies import MAX_BODY_BYTES, MEDIA_TYPES, parse_json, read_text
from minoots_kernel.interfaces.rest.errands import errand
from minoots_kernel.interfaces.rest.problems import (
    challenge,
    field_problems,
    problem_from,
    problem_of,
    problem_response,
    summary,
)
from minoots_kernel.interfaces.rest.rate_limits import rate_limit_fields, rate_limit_left, rate_limit_met
from minoots_kernel.interfaces.rest.resolver import ConcurrentHttpResolver
from minoots_kernel.interfaces.rest.routes import add_routes, needs_no_key
from minoots_kernel.interfaces.rest.use_cases import UseCases

__all__ = ["ControlPlane", "make_resolver"]

logger = logging.getLogger(__name__)


class _RouteNotFoundError(MinootsError):
    code = ErrorCode.NOT_FOUND


class _MethodNotAllowedError(MinootsError):
    code = ErrorCode.METHOD_NOT_ALLOWED

    def __init__(self, allowed: list[str]) -> None:
        super().__init__(f"Use {' or '.join(allowed)} here.")
        self.allowed = allowed


def make_resolver(use_cases: UseCases) -> ConcurrentHttpResolver:
    """Make the resolver with every route."""
    app = ConcurrentHttpResolver(enable_validation=True, json_body_deserializer=parse_json)
    app.exception_handler(Exception)(_raise)
    add_routes(app, use_cases)
    return app


def _raise(error: Exception) -> NoReturn:
    """Let an error through Powertools, which would answer some in its own words: `ControlPlane` answers all."""
    raise error


class ControlPlane:
    """Handles HTTP API events (payload format 2.0).

    The function authenticates by itself: a gateway authorizer needs every identity source present and cannot answer
    with a problem document (ADR 0005).
    """

    def __init__(
        self,
        authenticate: Authenticate,
        authorise: Authorise,
        use_cases: UseCases,
        metrics: Metrics,
        note_refusal: NoteRefusals | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._authenticate = authenticate
        self._authorise = authorise
        self._metrics = metrics
        self._note_refusal = note_refusal
        self._limits = limits
        self._app = make_resolver(use_cases)

    def __call__(self, event: Mapping[str, Any], context: object) -> dict[str, Any]:
        """Answer a request; whatever happens, the answer is a reply of the contract or a problem."""
        request_id = str(event.get("requestContext", {}).get("requestId", ""))
        more = {"x-request-id": request_id}
        try:
            response = self._answer(event, context, more)
        except MinootsError as error:
            if isinstance(error, QuotaExceededError):
                more |= rate_limit_met(error, more.get("ratelimit"))
            response = self._problem(event, request_id, error)
        except RequestValidationError as error:
            response = self._invalid(event, request_id, error)
        except Exception:
            # The caller gets no more than an apology and the id; the log has the rest.
            shown = {"requestId": request_id, "operation": self._operation(event)}
            logger.exception("request failed", extra=shown)
            response = problem_response(
                self._describe(ErrorCode.INTERNAL, "Tell us the request id.", event, request_id)
            )
        response["headers"] |= more
        return response

    def _answer(self, event: Mapping[str, Any], context: object, more: dict[str, str]) -> dict[str, Any]:
        http = event["requestContext"]["http"]
        # The HTTP API lower-cases the names of headers; `sam local start-api` leaves them as they came.
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        method, path = str(http["method"]).upper(), str(event.get("rawPath", "/"))
        principal = None if needs_no_key(path) else self._known(headers)
        if principal is not None and self._limits is not None:
            more |= rate_limit_fields(principal.tier)
            more |= rate_limit_left(self._limits.admit(principal))
        route = self._route(method, path)
        event = {**event, "headers": headers}
        if principal is None:
            return self._resolve(event, context, route, None, [])
        wanted = _errand(event, route, path)
        refused: list[ForbiddenError] = []
        try:
            principal = self._authorise(principal, wanted)
            response = self._resolve(event, context, route, principal, refused)
            principal.authority.finish()
        except ForbiddenError as error:
            self._note(principal, wanted, error)
            raise
        for one in refused:
            self._note(principal, wanted, one)
        return response

    def _known(self, headers: Mapping[str, str]) -> Principal:
        try:
            return self._authenticate(*_credentials(headers))
        except UnauthenticatedError:
            # Counted, and in the access log; a stranger has nothing written.
            self._metrics.count("Unauthenticated")
            raise

    def _note(self, principal: Principal, wanted: Errand, error: ForbiddenError) -> None:
        self._metrics.count("Refusals")
        if self._note_refusal is not None:
            self._note_refusal(principal, wanted.via(principal), error, wanted.thing, wanted.user_agent)

    def _resolve(
        self,
        event: Mapping[str, Any],
        context: object,
        route: Route,
        principal: Principal | None,
        refused: list[ForbiddenError],
    ) -> dict[str, Any]:
        _refuse_unknown_parameters(route, event.get("queryStringParameters") or {})
        most = LARGER_BODIES.get(route.path, MAX_BODY_BYTES)
        media_types = MEDIA_TYPES.get(str(route.method), ("application/json",))
        text = read_text(event, most, media_types) if route.dependant.body_params else ""
        clean = {**event, "body": text, "isBase64Encoded": False}
        clean["headers"] = {**event["headers"], "content-type": "application/json"}
        ip = event["requestContext"]["http"].get("sourceIp")
        response: dict[str, Any] = self._app.resolve(clean, context, principal=principal, ip=ip, refused=refused)
        response["headers"] = {name.lower(): value for name, value in response["headers"].items()}
        return response

    def methods_at(self, path: str) -> list[str]:
        """Return which methods a path takes, `HEAD` and `OPTIONS` with them; none if there is nothing."""
        methods = set(self._routes_at(path))
        return sorted({*methods, "OPTIONS", *({"HEAD"} if "GET" in methods else ())}) if methods else []

    def _routes_at(self, path: str) -> dict[str, Route]:
        routes = [*self._app._static_routes, *self._app._dynamic_routes]
        return {str(route.method): route for route in routes if route.rule.match(path)}

    def _route(self, method: str, path: str) -> Route:
        matching = self._routes_at(path)
        if not matching:
            raise _RouteNotFoundError(f"There is nothing at {path[:200]}.")
        if method not in matching:
            raise _MethodNotAllowedError(self.methods_at(path))
        return matching[method]

    def _operation(self, event: Mapping[str, Any]) -> str | None:
        """Return what the log may say of where a request went: its path may hold a token."""
        http = event.get("requestContext", {}).get("http", {})
        route = self._routes_at(str(event.get("rawPath", "/"))).get(str(http.get("method")).upper())
        return route.operation_id if route else None

    def _problem(self, event: Mapping[str, Any], request_id: str, error: MinootsError) -> dict[str, Any]:
        headers = {}
        if isinstance(error, QuotaExceededError):
            headers["retry-after"] = str(error.retry_after_s)
        if isinstance(error, _MethodNotAllowedError):
            headers["allow"] = ", ".join(error.allowed)  # RFC 9110, 15.5.6
        if isinstance(error, UnauthenticatedError):
            headers["www-authenticate"] = challenge(error)
        if error.code is ErrorCode.UNSUPPORTED_MEDIA_TYPE:
            media_types = MEDIA_TYPES.get(str(event["requestContext"]["http"]["method"]).upper(), ())
            headers |= {"accept-patch": ", ".join(media_types)} if media_types else {}  # RFC 5789, 3.1
        if error.code is ErrorCode.DEPENDENCY_UNAVAILABLE:
            reason = str(error.__cause__ or error)
            shown = {"requestId": request_id, "operation": self._operation(event), "detail": error.detail}
            logger.warning("request refused", extra={**shown, "reason": reason})
        instance = str(event.get("rawPath", "")) or None
        return problem_response(problem_from(error, instance=instance, request_id=request_id or None), headers)

    def _invalid(self, event: Mapping[str, Any], request_id: str, error: RequestValidationError) -> dict[str, Any]:
        errors = field_problems(error.errors())
        problem = self._describe(ErrorCode.INVALID_REQUEST, summary(errors), event, request_id, errors)
        return problem_response(problem)

    @staticmethod
    def _describe(
        code: ErrorCode,
        detail: str,
        event: Mapping[str, Any],
        request_id: str,
        errors: list[FieldProblem] | None = None,
    ) -> Problem:
        instance = str(event.get("rawPath", "")) or None
        return problem_of(code, detail, instance=instance, request_id=request_id or None, errors=errors or ())


def _errand(event: Mapping[str, Any], route: Route, path: str) -> Errand:
    found = route.rule.match(path)
    names = list(found.groupdict().values()) if found else []
    return errand(
        str(route.operation_id),
        request_id=str(event["requestContext"].get("requestId", "")),
        ip=event["requestContext"]["http"].get("sourceIp"),
        user_agent=event["headers"].get("user-agent"),
        named=names[0] if names else "",
    )


def _refuse_unknown_parameters(route: Route, query: Iterable[str]) -> None:
    # A parameter that is misspelt would otherwise go unnoticed and the whole listing come back.
    known = {parameter.alias for parameter in route.dependant.query_params}
    unknown = sorted(set(query) - known)
    if unknown:
        fields = tuple((name[:64], "this query parameter is not known here") for name in unknown[:10])
        raise InvalidTimerError("The query has a parameter that is not known here.", fields)


def _credentials(headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return the API key and the bearer token that came, if they did."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return headers.get("x-api-key"), token.strip() if scheme.lower() == "bearer" else None
