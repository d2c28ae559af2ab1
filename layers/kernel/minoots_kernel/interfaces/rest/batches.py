"""The route that creates many timers at once, each with a result of its own."""

from __future__ import annotations

from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Header
from pydantic import ValidationError

from minoots_contract.batches import MAX_BATCH, MAX_BATCH_BYTES, BatchReply, BatchRequest, BatchResult, BatchTimer
from minoots_contract.problems import ErrorCode, Problem
from minoots_kernel.application.create_timers import WantedTimer
from minoots_kernel.domain.errors import ForbiddenError, InvalidTimerError, MinootsError, QuotaExceededError
from minoots_kernel.domain.timer import Timer
from minoots_kernel.domain.views import timer_reply
from minoots_kernel.interfaces.rest.answers import KeyText, in_wire_names, json_answer, principal, refused_in_part
from minoots_kernel.interfaces.rest.openapi import described
from minoots_kernel.interfaces.rest.problems import STATUS, field_problems, problem_from, problem_of, summary
from minoots_kernel.interfaces.rest.resolver import ConcurrentHttpResolver
from minoots_kernel.interfaces.rest.use_cases import UseCases

__all__ = ["LARGER_BODIES", "add_batches"]

PATH: Final = "/timers:batch"
LARGER_BODIES: Final = {PATH: MAX_BATCH_BYTES}
"""Routes that take larger bodies than others, and how large, bytes."""

BatchBody = Annotated[BatchRequest, in_wire_names(BatchRequest), Body()]
NoKey = Annotated[
    KeyText | None,
    Header(alias="Idempotency-Key", description="Refused: each timer of a batch has its own `idempotencyKey`."),
]


def add_batches(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    """Register the route of batches."""

    @app.post(
        PATH,
        **described("createTimers", f"Create up to {MAX_BATCH} timers, each by itself", BatchReply, body=True),
    )
    def create_timers(request: BatchBody, idempotency_key: NoKey = None) -> Response[Any]:
        if idempotency_key is not None:
            why = "give each timer its own key, in its field idempotencyKey: each is made, or not, by itself"
            raise InvalidTimerError("A batch has no idempotency key.", (("Idempotency-Key", why),))
        read = [_read(entry) for entry in request.timers]
        wanted = [one for one in read if isinstance(one, WantedTimer)]
        outcomes = use_cases.create_timers(principal(app), wanted) if wanted else []
        refused_in_part(app).extend(one for one in outcomes if isinstance(one, ForbiddenError))
        made = iter(outcomes)
        request_id = app.current_event.request_context.request_id
        results = [
            _result(index, next(made) if isinstance(one, WantedTimer) else one, request_id)
            for index, one in enumerate(read)
        ]
        created = sum(result.timer is not None for result in results)
        reply = BatchReply.model_construct(results=results, created=created, failed=len(results) - created)
        return json_answer(200, reply)


def _read(entry: Any) -> WantedTimer | Problem:
    """Read an entry of a batch, or say what is wrong with it."""
    try:
        timer = BatchTimer.model_validate(entry, by_alias=True, by_name=False)
    except ValidationError as error:
        errors = field_problems(error.errors())
        return problem_of(ErrorCode.INVALID_REQUEST, summary(errors), errors=errors)
    return WantedTimer(timer, timer.idempotency_key)


def _result(index: int, outcome: Timer | MinootsError | Problem, request_id: str) -> BatchResult:
    if isinstance(outcome, Timer):
        return BatchResult.model_construct(index=index, status=201, timer=timer_reply(outcome))
    after_s = outcome.retry_after_s if isinstance(outcome, QuotaExceededError) else None
    if isinstance(outcome, MinootsError):
        broken = STATUS[outcome.code] >= 500
        outcome = problem_from(outcome, request_id=request_id if broken else None)
    return BatchResult.model_construct(index=index, status=outcome.status, problem=outcome, retry_after_s=after_s)
