"""The routes of the control plane: each reads a request, calls one use case and shows the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from pydantic import BaseModel, BeforeValidator, StringConstraints

from minoots_contract.timers import (
    CancelTimerRequest,
    CreateTimerRequest,
    DeadLetterPage,
    HealthReply,
    TimerPage,
    TimerReply,
    TimerStatus,
)
from minoots_kernel.application.cancel_timer import CancelTimer
from minoots_kernel.application.create_timer import CreateTimer
from minoots_kernel.application.list_dead_letters import ListDeadLetters
from minoots_kernel.application.read_timers import GetTimer, ListTimers
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import Status
from minoots_kernel.domain.views import dead_letter_reply, timer_reply
from minoots_kernel.interfaces.rest.cursors import decode_cursor, encode_cursor
from minoots_kernel.interfaces.rest.openapi import described
from minoots_kernel.interfaces.rest.resolver import ConcurrentHttpResolver

__all__ = ["PUBLIC_PATHS", "UseCases", "add_routes"]

PUBLIC_PATHS = frozenset({"/healthz"})
"""Paths that need no key."""

TimerId = Annotated[str, Path(description="The timer's id.")]
Limit = Annotated[int, Query(ge=1, le=200, description="Most entries to return.")]
Cursor = Annotated[
    Annotated[str, StringConstraints(max_length=1024)] | None,
    Query(description="`nextCursor` of the page before."),
]


def _in_wire_names(model: type[BaseModel]) -> BeforeValidator:
    """Read a body by its wire names alone: in Python the models take their fields' own names as well."""
    return BeforeValidator(lambda body: model.model_validate(body, by_alias=True, by_name=False))


CreateBody = Annotated[CreateTimerRequest, _in_wire_names(CreateTimerRequest), Body()]
CancelBody = Annotated[CancelTimerRequest, _in_wire_names(CancelTimerRequest), Body()]


@dataclass(frozen=True, slots=True)
class UseCases:
    """What the routes call."""

    create_timer: CreateTimer
    get_timer: GetTimer
    list_timers: ListTimers
    cancel_timer: CancelTimer
    list_dead_letters: ListDeadLetters


def add_routes(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    """Register every route on the resolver."""
    _add_health(app)
    _add_timers(app, use_cases)
    _add_dead_letters(app, use_cases)


def _add_health(app: ConcurrentHttpResolver) -> None:
    @app.get("/healthz", **described("getHealth", "Say that the service answers", HealthReply, public=True))
    def health() -> Response[Any]:
        return _json(200, HealthReply())


def _add_timers(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.post(
        "/timers",
        **described("createTimer", "Create a timer", TimerReply, 403, status=201, body=True),
    )
    def create_timer(request: CreateBody) -> Response[Any]:
        timer = use_cases.create_timer(_principal(app), request)
        return _json(201, timer_reply(timer), {"location": f"/timers/{timer.id}"})

    @app.get("/timers", **described("listTimers", "List timers, newest first", TimerPage))
    def list_timers(
        status: Annotated[list[TimerStatus] | None, Query(description="Only timers in one of these.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response[Any]:
        statuses = frozenset(Status(name) for name in status or ())
        listing = "timers:" + ",".join(sorted(statuses))
        page = use_cases.list_timers(
            _principal(app), statuses=statuses, limit=limit, position=decode_cursor(listing, cursor)
        )
        timers = [timer_reply(timer) for timer in page.items]
        cursor_after = encode_cursor(listing, page.next_position)
        return _json(200, TimerPage.model_construct(timers=timers, next_cursor=cursor_after))

    @app.get("/timers/<timer_id>", **described("getTimer", "Read a timer", TimerReply, 404))
    def get_timer(timer_id: TimerId) -> Response[Any]:
        return _json(200, timer_reply(use_cases.get_timer(_principal(app), timer_id)))

    @app.post(
        "/timers/<timer_id>/cancel",
        **described("cancelTimer", "Cancel a timer that has not fired", TimerReply, 404, 409, body=True),
    )
    def cancel_timer(timer_id: TimerId, request: CancelBody) -> Response[Any]:
        return _json(200, timer_reply(use_cases.cancel_timer(_principal(app), timer_id, request)))


def _add_dead_letters(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.get(
        "/dead-letters",
        **described("listDeadLetters", "List deliveries that failed for good", DeadLetterPage),
    )
    def list_dead_letters(limit: Limit = 50, cursor: Cursor = None) -> Response[Any]:
        listing = "dead-letters"
        page = use_cases.list_dead_letters(_principal(app), limit=limit, position=decode_cursor(listing, cursor))
        letters = [dead_letter_reply(letter) for letter in page.items]
        cursor_after = encode_cursor(listing, page.next_position)
        return _json(200, DeadLetterPage.model_construct(dead_letters=letters, next_cursor=cursor_after))


def _principal(app: ConcurrentHttpResolver) -> Principal:
    principal: Principal = app.context["principal"]
    return principal


def _json(status: int, reply: BaseModel, headers: dict[str, str | list[str]] | None = None) -> Response[Any]:
    # Written by Pydantic at once: a second pass through Powertools' encoder would only take the model apart again.
    body = reply.model_dump_json(by_alias=True, exclude_none=True)
    return Response(status_code=status, content_type="application/json", body=body, headers=headers or {})
