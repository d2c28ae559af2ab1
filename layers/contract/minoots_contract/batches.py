"""Requests and replies about many timers at once."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, SkipValidation, StringConstraints

from minoots_contract.model import IDEMPOTENCY_KEY, DeferredModel
from minoots_contract.problems import Problem
from minoots_contract.timers import CreateTimerRequest, TimerReply

__all__ = ["MAX_BATCH", "MAX_BATCH_BYTES", "BatchReply", "BatchRequest", "BatchResult", "BatchTimer"]

MAX_BATCH: Final = 500
"""Most timers of one batch."""

MAX_BATCH_BYTES: Final = 2 * 1024 * 1024
"""Largest body of a batch, bytes. A function takes and gives 6 MB, the texts in it written as JSON twice over, and the
answer repeats what was asked."""


class BatchTimer(CreateTimerRequest):
    """One timer of a batch: as the body of ``POST /timers``, with its key beside it."""

    idempotency_key: Annotated[str, StringConstraints(pattern=IDEMPOTENCY_KEY)] | None = Field(
        default=None, description="As the header `Idempotency-Key` of a single create; a timer with a key costs a call."
    )


class BatchRequest(DeferredModel):
    """Body of ``POST /timers:batch``. Each entry is read by itself: one that is not valid is refused alone."""

    timers: list[SkipValidation[BatchTimer]] = Field(min_length=1, max_length=MAX_BATCH)


class BatchResult(DeferredModel):
    """What became of one entry."""

    index: int = Field(description="The entry's place in the request, from 0.")
    status: int = Field(description="What a create of its own would have been answered with: 201, or a problem's.")
    timer: TimerReply | None = Field(default=None, description="Of a 201: the timer.")
    problem: Problem | None = Field(default=None, description="Of any other.")
    retry_after_s: int | None = Field(
        default=None, description="Of a 429: after how many seconds it is worth asking again."
    )


class BatchReply(DeferredModel):
    """Reply to ``POST /timers:batch``: a result for each entry, in their order."""

    results: list[BatchResult]
    created: int = Field(description="How many were answered with 201.")
    failed: int = Field(description="How many were not.")
