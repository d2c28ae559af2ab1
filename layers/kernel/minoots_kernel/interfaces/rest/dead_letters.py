"""The routes of dead letters: one or many of them are read, redriven, discarded."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Path, Query
from pydantic import StringConstraints

from minoots_contract.dead_letters import (
    ActionKind,
    DeadLetterFilter,
    DeadLetterPage,
    DeadLetterReply,
    DiscardedReply,
    DiscardRequest,
    Host,
    LetterTimerId,
    RedriveManyRequest,
    RedrivenReply,
    RedriveRequest,
    RefusedLetter,
    UrlPrefix,
)
from minoots_contract.model import Identifier, Line, RequestedInstant
from minoots_kernel.application.letter_work import LetterReport, Wanted
from minoots_kernel.domain.dead_letters import LetterFilter
from minoots_kernel.domain.guards import remembered
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.views import dead_letter_reply
from minoots_kernel.interfaces.rest import filters
from minoots_kernel.interfaces.rest.answers import Cursor, Limit, in_wire_names, json_answer, page_answer, principal
from minoots_kernel.interfaces.rest.openapi import described, paged
from minoots_kernel.interfaces.rest.resolver import ConcurrentHttpResolver
from minoots_kernel.interfaces.rest.use_cases import UseCases

__all__ = ["add_dead_letters"]

LetterId = Annotated[str, Path(description="The dead letter's id, which is the delivery's.")]
Labels = Annotated[
    list[str] | None,
    Query(
        description="`name=value` of labels of their timer; a comma within a value has a backslash before it, and so "
        "has a backslash before a comma or backslash."
    ),
]
IdempotencyKey = Annotated[
    Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,255}$")] | None,
    Header(
        alias="Idempotency-Key",
        description="1 to 255 printable ASCII characters. Sent again with the same key, no delivery is redriven twice, "
        "even if it has died again since; each remembers the latest key.",
    ),
]
RedriveBody = Annotated[RedriveRequest | None, in_wire_names(RedriveRequest), Body()]
RedriveManyBody = Annotated[RedriveManyRequest, in_wire_names(RedriveManyRequest), Body()]
DiscardBody = Annotated[DiscardRequest, in_wire_names(DiscardRequest), Body()]


def add_dead_letters(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    """Register the routes of dead letters on the resolver."""
    _add_listing(app, use_cases)
    _add_single(app, use_cases)
    _add_many(app, use_cases)


def _add_listing(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.get(
        "/dead-letters",
        **paged(described("listDeadLetters", "List deliveries that failed for good", DeadLetterPage)),
    )
    def list_dead_letters(  # noqa: PLR0913, PLR0917  each is a query parameter
        limit: Limit = 50,
        cursor: Cursor = None,
        host: Annotated[Host | None, Query(description="The host that they were to go to.")] = None,
        url: Annotated[UrlPrefix | None, Query(description="How the URL begins that they were to go to.")] = None,
        destination: Annotated[Identifier | None, Query(description="The destination that they name.")] = None,
        kind: Annotated[ActionKind | None, Query(description="Their action's kind.")] = None,
        reason: Annotated[Line | None, Query(description="What their reason contains.")] = None,
        timer_id: Annotated[LetterTimerId | None, Query(alias="timerId", description="Their timer.")] = None,
        label: Labels = None,
        died_after: Annotated[RequestedInstant | None, Query(alias="diedAfter", description="Or at that time.")] = None,
        died_before: Annotated[RequestedInstant | None, Query(alias="diedBefore", description="Before it.")] = None,
    ) -> Response[Any]:
        wanted = DeadLetterFilter.model_construct(
            host=host,
            url=url,
            destination=destination,
            kind=kind,
            reason=reason,
            timer_id=timer_id,
            labels=filters.labels_named(label),
            died_after=died_after,
            died_before=died_before,
        )
        listing = _listing("list", wanted)
        page = use_cases.list_dead_letters(
            principal(app),
            wanted=_filter(wanted),
            limit=limit,
            position=use_cases.cursors.decode(principal(app), listing, cursor),
        )
        letters = [dead_letter_reply(letter) for letter in page.items]
        cursor_after = use_cases.cursors.encode(principal(app), listing, page.next_position)
        return page_answer(app, DeadLetterPage, cursor_after, dead_letters=letters)


def _add_single(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.get(
        "/dead-letters/<letter_id>",
        **described("getDeadLetter", "Read a delivery that failed for good", DeadLetterReply, 404),
    )
    def get_dead_letter(letter_id: LetterId) -> Response[Any]:
        return json_answer(200, dead_letter_reply(use_cases.get_dead_letter(principal(app), letter_id)))

    @app.post(
        "/dead-letters/<letter_id>/redrive",
        **described("redriveDeadLetter", "Let a delivery be tried again", DeadLetterReply, 404, 409, body=True),
    )
    def redrive_dead_letter(
        letter_id: LetterId, request: RedriveBody = None, idempotency_key: IdempotencyKey = None
    ) -> Response[Any]:
        asked = request or RedriveRequest()
        wanted = _wanted(principal(app), asked.requested_by, asked.reason, idempotency_key)
        return json_answer(200, dead_letter_reply(use_cases.redrive.one(principal(app), letter_id, wanted)))

    @app.delete(
        "/dead-letters/<letter_id>",
        **described("discardDeadLetter", "Let a delivery that failed be", None, 404, 409, status=204),
    )
    def discard_dead_letter(
        letter_id: LetterId,
        requested_by: Annotated[Line | None, Query(alias="requestedBy", description="Who wants it.")] = None,
        reason: Annotated[Line | None, Query(description="One line for people; the timeline keeps it.")] = None,
    ) -> Response[Any]:
        use_cases.discard.one(principal(app), letter_id, _wanted(principal(app), requested_by, reason))
        return Response(status_code=204, body="")


def _add_many(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.post(
        "/dead-letters:redrive",
        **described("redriveDeadLetters", "Let many deliveries be tried again", RedrivenReply, body=True),
    )
    def redrive_dead_letters(request: RedriveManyBody, idempotency_key: IdempotencyKey = None) -> Response[Any]:
        wanted = _wanted(principal(app), request.requested_by, request.reason, idempotency_key)
        listing = _listing("redrive", request.filter)
        report = use_cases.redrive.many(
            principal(app),
            _filter(request.filter),
            wanted,
            limit=request.limit,
            position=use_cases.cursors.decode(principal(app), listing, request.cursor),
        )
        cursor_after = use_cases.cursors.encode(principal(app), listing, report.next_position)
        return json_answer(200, RedrivenReply.model_construct(redriven=report.done, **_rest(cursor_after, report)))

    @app.post(
        "/dead-letters:discard",
        **described("discardDeadLetters", "Let many deliveries that failed be", DiscardedReply, body=True),
    )
    def discard_dead_letters(request: DiscardBody) -> Response[Any]:
        wanted = _wanted(principal(app), request.requested_by, request.reason)
        listing = _listing("discard", request.filter)
        report = use_cases.discard.many(
            principal(app),
            _filter(request.filter),
            wanted,
            limit=request.limit,
            position=use_cases.cursors.decode(principal(app), listing, request.cursor),
        )
        cursor_after = use_cases.cursors.encode(principal(app), listing, report.next_position)
        return json_answer(200, DiscardedReply.model_construct(discarded=report.done, **_rest(cursor_after, report)))


def _rest(cursor_after: str | None, report: LetterReport) -> dict[str, Any]:
    return {
        "skipped": report.skipped,
        "refused": [RefusedLetter.model_construct(id=letter_id, reason=why) for letter_id, why in report.refused],
        "next_cursor": cursor_after,
    }


def _wanted(who: Principal, requested_by: str | None, reason: str | None, key: str | None = None) -> Wanted:
    return Wanted(requested_by or who.subject, reason, None if key is None else remembered(key, "redrive").key)


def _filter(wanted: DeadLetterFilter) -> LetterFilter:
    return LetterFilter(
        host=wanted.host,
        url_prefix=wanted.url,
        destination=wanted.destination,
        kind=wanted.kind,
        reason=wanted.reason,
        timer_id=wanted.timer_id,
        labels=tuple(wanted.labels.items()),
        died_after_ms=wanted.died_after,
        died_before_ms=wanted.died_before,
    )


def _listing(verb: str, wanted: DeadLetterFilter) -> str:
    """Return the name that a cursor is bound to: that of the verb, and a digest of the filter."""
    written = json.dumps(wanted.wire(), sort_keys=True)
    return f"dead-letters:{verb}:{blake2b(written.encode(), digest_size=8).hexdigest()}"
