"""Powertools' HTTP API resolver, made safe for several requests at once in one process.

The stock resolver keeps the request it is working on in class attributes, which is enough where a process handles one
request at a time, as on Lambda. The local stack runs many threads over one handler, so here that state is a context
variable, in the way of Powertools' own `HttpResolverLocal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.api_gateway import ResponseBuilder, Route

__all__ = ["ConcurrentHttpResolver"]


@dataclass(slots=True)
class _Call:
    event: Any = None
    lambda_context: Any = None
    context: dict[str, Any] = field(default_factory=dict)
    frames: list[str] = field(default_factory=list)


class ConcurrentHttpResolver(APIGatewayHttpResolver):
    """An `APIGatewayHttpResolver` whose request state belongs to the calling thread or task."""

    def __init__(self, **settings: Any) -> None:
        self._call: ContextVar[_Call | None] = ContextVar("rest_call", default=None)
        self._outside = _Call()
        self._building = Lock()
        super().__init__(**settings)

    @property
    def _state(self) -> _Call:
        return self._call.get() or self._outside

    @property
    def current_event(self) -> Any:
        """The event of this request."""
        return self._state.event

    @current_event.setter
    def current_event(self, value: Any) -> None:
        self._state.event = value

    @property
    def lambda_context(self) -> Any:
        """The Lambda context of this request."""
        return self._state.lambda_context

    @lambda_context.setter
    def lambda_context(self, value: Any) -> None:
        self._state.lambda_context = value

    @property
    def context(self) -> dict[str, Any]:
        """Data that belongs to this request."""
        return self._state.context

    @context.setter
    def context(self, value: dict[str, Any]) -> None:
        self._state.context = value

    @property
    def processed_stack_frames(self) -> list[str]:
        """Powertools' own notes for debugging."""
        return self._state.frames

    @processed_stack_frames.setter
    def processed_stack_frames(self, value: list[str]) -> None:
        self._state.frames = value

    def resolve(self, event: Mapping[str, Any], context: Any, **data: Any) -> dict[str, Any]:
        """Answer a request; `data` is to be found in `self.context` while it runs."""
        token = self._call.set(_Call(self._to_proxy_event(dict(event)), context, dict(data)))
        try:
            return self._build_response(self._resolve())
        finally:
            self._call.reset(token)

    def _call_route(self, route: Route, route_arguments: dict[str, str]) -> ResponseBuilder[Any]:
        if not route._middleware_stack_built:
            # The first call of a route assembles its middleware; two at once would assemble it twice.
            with self._building:
                return super()._call_route(route, route_arguments)
        return super()._call_route(route, route_arguments)
