"""The routes of the control plane: each reads a request, calls one use case and shows the result."""

from __future__ import annotations

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from minoots_contract.timers import (
    CreateTimerRequest,
    HealthReply,
    TimerPage,
    TimerReply,
    TimerStatus,
)
from minoots_kernel.domain.timer import Status
from minoots_kernel.domain.views import timer_reply
from minoots_kernel.interfaces.rest.acknowledgement_routes import add_acknowledgements
from minoots_kernel.interfaces.rest.agent_routes import add_command_templates, add_inbox
from minoots_kernel.interfaces.rest.answers import (
    Cursor,
    Limit,
    TimerId,
    in_wire_names,
    json_answer,
    principal,
    timer_answer,
)
from minoots_kernel.interfaces.rest.audit import add_audit
from minoots_kernel.interfaces.rest.changes import add_changes
from minoots_kernel.interfaces.rest.cursors import decode_cursor, encode_cursor
from minoots_kernel.interfaces.rest.dead_letters import add_dead_letters
from minoots_kernel.interfaces.rest.destinations import add_destinations
from minoots_kernel.interfaces.rest.identity import add_keys, add_whoami
from minoots_kernel.interfaces.rest.openapi import described
from minoots_kernel.interfaces.rest.policies import add_policies
from minoots_kernel.interfaces.rest.resolver import ConcurrentHttpResolver
from minoots_kernel.interfaces.rest.settings import add_settings
from minoots_kernel.interfaces.rest.tenants import add_tenants, add_usage
from minoots_kernel.interfaces.rest.use_cases import UseCases

__all__ = ["PUBLIC_PATHS", "add_routes", "needs_no_key"]

PUBLIC_PATHS = frozenset({"/healthz"})
"""Paths that need no key."""

CAPABILITIES = "/acknowledgements/"
"""Under here the path itself has what lets the caller in."""

CreateBody = Annotated[CreateTimerRequest, in_wire_names(CreateTimerRequest), Body()]


def add_routes(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    """Register every route on the resolver."""
    _add_health(app)
    _add_timers(app, use_cases)
    add_changes(app, use_cases)
    add_dead_letters(app, use_cases)
    add_inbox(app, use_cases)
    add_command_templates(app, use_cases)
    add_destinations(app, use_cases)
    add_settings(app, use_cases)
    add_whoami(app)
    add_keys(app, use_cases)
    add_policies(app, use_cases)
    add_acknowledgements(app, use_cases)
    add_audit(app, use_cases)
    add_usage(app, use_cases)
    add_tenants(app, use_cases)


def needs_no_key(path: str) -> bool:
    """Tell whether a path is open to whoever calls it."""
    return path in PUBLIC_PATHS or path.startswith(CAPABILITIES)


def _add_health(app: ConcurrentHttpResolver) -> None:
    @app.get("/healthz", **described("getHealth", "Say that the service answers", HealthReply, public=True))
    def health() -> Response[Any]:
        return json_answer(200, HealthReply())


def _add_timers(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.post(
        "/timers",
        **described("createTimer", "Create a timer", TimerReply, 403, 422, status=201, body=True, etag=True),
    )
    def create_timer(request: CreateBody) -> Response[Any]:
        timer = use_cases.create_timer(principal(app), request)
        return timer_answer(timer, 201, {"location": f"/timers/{timer.id}"})

    @app.get("/timers", **described("listTimers", "List timers, newest first", TimerPage))
    def list_timers(
        status: Annotated[list[TimerStatus] | None, Query(description="Only timers in one of these.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response[Any]:
        statuses = frozenset(Status(name) for name in status or ())
        listing = "timers:" + ",".join(sorted(statuses))
        page = use_cases.list_timers(
            principal(app), statuses=statuses, limit=limit, position=decode_cursor(listing, cursor)
        )
        timers = [timer_reply(timer) for timer in page.items]
        cursor_after = encode_cursor(listing, page.next_position)
        return json_answer(200, TimerPage.model_construct(timers=timers, next_cursor=cursor_after))

    @app.get("/timers/<timer_id>", **described("getTimer", "Read a timer", TimerReply, 404, etag=True))
    def get_timer(timer_id: TimerId) -> Response[Any]:
        return timer_answer(use_cases.get_timer(principal(app), timer_id))
