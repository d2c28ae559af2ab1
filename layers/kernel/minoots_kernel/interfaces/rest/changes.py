"""The routes that change a timer: one for each change of mind, `POST /timers/{id}/<verb>`."""

from __future__ import annotations

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Header

from minoots_contract.changes import (
    CancelTimerRequest,
    ChangeRequest,
    ExtendTimerRequest,
    FireTimerRequest,
    HeartbeatRequest,
    PauseTimerRequest,
    RescheduleTimerRequest,
    ResumeTimerRequest,
    SnoozeTimerRequest,
)
from minoots_contract.timers import TimerReply
from minoots_kernel.interfaces.rest.answers import IfMatch, KeyText, TimerId, in_wire_names, principal, timer_answer
from minoots_kernel.interfaces.rest.openapi import described
from minoots_kernel.interfaces.rest.preconditions import versions_of
from minoots_kernel.interfaces.rest.resolver import ConcurrentHttpResolver
from minoots_kernel.interfaces.rest.use_cases import UseCases

__all__ = ["IdempotencyKey", "add_changes"]

_CHANGES: tuple[tuple[str, type[ChangeRequest], str], ...] = (
    ("cancel", CancelTimerRequest, "Cancel a timer that has not fired"),
    ("extend", ExtendTimerRequest, "Move the due time away"),
    ("reschedule", RescheduleTimerRequest, "Set another due time"),
    ("snooze", SnoozeTimerRequest, "Let a timer fire no sooner than so long from now"),
    ("pause", PauseTimerRequest, "Stop a timer's time"),
    ("resume", ResumeTimerRequest, "Let a paused timer's time run on"),
    ("fire", FireTimerRequest, "Fire a timer now"),
)

IdempotencyKey = Annotated[
    KeyText | None,
    Header(
        alias="Idempotency-Key",
        description="1 to 255 printable ASCII characters. Sent again with the same key, a change is made once; a timer "
        "remembers its latest four.",
    ),
]

HeartbeatBody = Annotated[HeartbeatRequest | None, in_wire_names(HeartbeatRequest), Body()]


def add_changes(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    """Register the route of each change."""
    for verb, model, summary in _CHANGES:
        _add_change(app, use_cases, verb, model, summary)
    _add_heartbeat(app, use_cases)


def _add_change(
    app: ConcurrentHttpResolver, use_cases: UseCases, verb: str, model: type[ChangeRequest], summary: str
) -> None:
    def change_timer(
        timer_id: TimerId,
        request: ChangeRequest,
        if_match: IfMatch = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response[Any]:
        timer = use_cases.change_of_mind(
            principal(app),
            timer_id,
            request,
            versions=versions_of(if_match),
            idempotency_key=idempotency_key,
        )
        return timer_answer(timer)

    # The one thing in which the routes differ; Powertools reads it when the route is registered.
    change_timer.__annotations__["request"] = Annotated[model, in_wire_names(model), Body()]
    describe = described(f"{verb}Timer", summary, TimerReply, 404, 409, 412, 422, body=True, etag=True)
    app.post(f"/timers/<timer_id>/{verb}", **describe)(change_timer)


def _add_heartbeat(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    summary = "Push a heartbeat timer out again"

    @app.post(
        "/timers/<timer_id>/heartbeat",
        **described("heartbeatTimer", summary, TimerReply, 404, 409, body=True, etag=True),
    )
    def heartbeat_timer(timer_id: TimerId, request: HeartbeatBody = None) -> Response[Any]:
        return timer_answer(use_cases.heartbeat_timer(principal(app), timer_id))
