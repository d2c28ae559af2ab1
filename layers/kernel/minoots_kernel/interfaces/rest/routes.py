"""The routes of the control plane: each reads a request, calls one use case and shows the result."""

from __future__ import annotations

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Header
from pydantic import StringConstraints

from minoots_contract.timers import (
    CreateTimerRequest,
    HealthReply,
    TimerReply,
)
from minoots_kernel.interfaces.rest.acknowledgement_routes import add_acknowledgements
from minoots_kernel.interfaces.rest.agent_routes import add_command_templates, add_inbox
from minoots_kernel.interfaces.rest.answers import (
    KeyText,
    TimerId,
    in_wire_names,
    json_answer,
    principal,
    timer_answer,
)
from minoots_kernel.interfaces.rest.audit import add_audit
from minoots_kernel.interfaces.rest.batches import add_batches
from minoots_kernel.interfaces.rest.changes import add_changes
from minoots_kernel.interfaces.rest.dead_letters import add_dead_letters
from minoots_kernel.interfaces.rest.destinations import add_destinations
from minoots_kernel.interfaces.rest.identity import add_keys, add_whoami
from minoots_kernel.interfaces.rest.openapi import described
from minoots_kernel.interfaces.rest.policies import add_policies
from minoots_kernel.interfaces.rest.preconditions import MAX_IF_MATCH, etag, is_known
from minoots_kernel.interfaces.rest.resolver import ConcurrentHttpResolver
from minoots_kernel.interfaces.rest.settings import add_settings
from minoots_kernel.interfaces.rest.tenants import add_tenants, add_usage
from minoots_kernel.interfaces.rest.timer_listing import add_timer_listing
from minoots_kernel.interfaces.rest.updates import add_updates
from minoots_kernel.interfaces.rest.use_cases import UseCases

__all__ = ["PUBLIC_PATHS", "add_routes", "needs_no_key"]

PUBLIC_PATHS = frozenset({"/healthz"})
"""Paths that need no key."""

CAPABILITIES = "/acknowledgements/"
"""Under here the path itself has what lets the caller in."""

IfNoneMatch = Annotated[
    Annotated[str, StringConstraints(max_length=MAX_IF_MATCH)] | None,
    Header(alias="If-None-Match", description="Answer with 304 and no body while the timer has this `ETag`."),
]
CreateBody = Annotated[CreateTimerRequest, in_wire_names(CreateTimerRequest), Body()]
CreateKey = Annotated[
    KeyText | None,
    Header(
        alias="Idempotency-Key",
        description="1 to 255 printable ASCII characters; best a UUIDv7, by which the timer is listed among those of "
        "its age. Sent again with the same key, a timer is created once, for as long as it is kept.",
    ),
]


def add_routes(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    """Register every route on the resolver."""
    _add_health(app)
    _add_timers(app, use_cases)
    add_batches(app, use_cases)
    add_timer_listing(app, use_cases)
    add_changes(app, use_cases)
    add_updates(app, use_cases)
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
    def create_timer(request: CreateBody, idempotency_key: CreateKey = None) -> Response[Any]:
        timer = use_cases.create_timer(principal(app), request, idempotency_key=idempotency_key)
        return timer_answer(timer, 201, {"location": f"/timers/{timer.id}"})

    @app.get("/timers/<timer_id>", **described("getTimer", "Read a timer", TimerReply, 404, etag=True))
    def get_timer(timer_id: TimerId, if_none_match: IfNoneMatch = None) -> Response[Any]:
        timer = use_cases.get_timer(principal(app), timer_id)
        if is_known(timer, if_none_match):
            return Response(status_code=304, body="", headers={"etag": etag(timer.version)})
        return timer_answer(timer)
