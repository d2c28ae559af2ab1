"""The route that changes what a timer is called and carries, by JSON Merge Patch (RFC 7396)."""

from __future__ import annotations

from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BeforeValidator

from minoots_contract.changes import UpdateTimerRequest
from minoots_contract.problems import ErrorCode
from minoots_contract.timers import TimerReply
from minoots_kernel.domain.errors import MinootsError
from minoots_kernel.interfaces.rest.answers import IfMatch, TimerId, principal, timer_answer
from minoots_kernel.interfaces.rest.changes import IdempotencyKey
from minoots_kernel.interfaces.rest.openapi import described
from minoots_kernel.interfaces.rest.preconditions import versions_of
from minoots_kernel.interfaces.rest.resolver import ConcurrentHttpResolver
from minoots_kernel.interfaces.rest.use_cases import UseCases

__all__ = ["add_updates"]

_MOVED: Final = "POST /timers/{id}/reschedule or /extend moves it"
_NEVER: Final = "it is settled when the timer is created: cancel the timer and create another"
_ELSEWHERE: Final = {
    "fireAt": _MOVED,
    "duration": _MOVED,
    "durationMs": _MOVED,
    "remainingMs": "POST /timers/{id}/reschedule or /extend sets it while the timer is paused",
    "latePolicy": "POST /timers/{id}/reschedule sets it, with a due time",
    "status": "POST /timers/{id}/cancel, /pause, /resume or /fire changes it",
    "heartbeat": _NEVER,
    "actionBundle": _NEVER,
    "agentBinding": _NEVER,
    "requestedBy": _NEVER,
}
"""Fields of a timer that a patch does not change, and what does."""


class FieldNotChangeableError(MinootsError):
    """A patch names a field that another route changes, or none."""

    code = ErrorCode.FIELD_NOT_CHANGEABLE


def _read(body: Any) -> UpdateTimerRequest:
    """Read a patch by its wire names; say of each field that cannot change what would change it."""
    refused = [name for name in body if name in _ELSEWHERE] if isinstance(body, dict) else []
    if refused:
        fields = tuple((name, _ELSEWHERE[name]) for name in refused)
        raise FieldNotChangeableError("A patch changes name, labels and metadata.", fields)
    return UpdateTimerRequest.model_validate(body, by_alias=True, by_name=False)


PatchBody = Annotated[UpdateTimerRequest, BeforeValidator(_read), Body()]


def add_updates(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    """Register the route."""
    summary = "Change a timer's name, labels or metadata"
    describe = described("updateTimer", summary, TimerReply, 404, 409, 412, 422, body=True, etag=True)

    @app.patch("/timers/<timer_id>", **describe)
    def update_timer(
        timer_id: TimerId, request: PatchBody, if_match: IfMatch = None, idempotency_key: IdempotencyKey = None
    ) -> Response[Any]:
        timer = use_cases.update_timer(
            principal(app),
            timer_id,
            request.patch(),
            versions=versions_of(if_match),
            idempotency_key=idempotency_key,
        )
        return timer_answer(timer)
