"""The route that lists timers."""

from __future__ import annotations

import json
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from minoots_contract.timers import TimerPage, TimerStatus
from minoots_kernel.application.ports import Page
from minoots_kernel.domain.timer import Status, Timer
from minoots_kernel.domain.timer_filter import TimerFilter
from minoots_kernel.domain.views import timer_reply
from minoots_kernel.interfaces.rest import filters
from minoots_kernel.interfaces.rest.answers import Cursor, Limit, json_answer, principal
from minoots_kernel.interfaces.rest.cursors import next_link
from minoots_kernel.interfaces.rest.openapi import described, paged
from minoots_kernel.interfaces.rest.resolver import ConcurrentHttpResolver
from minoots_kernel.interfaces.rest.use_cases import UseCases

__all__ = ["add_timer_listing"]


def add_timer_listing(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    """Register the route."""

    @app.get("/timers", **paged(described("listTimers", "List timers, newest first", TimerPage)))
    def list_timers(  # noqa: PLR0913, PLR0917 - the parameters of the query
        status: Annotated[list[TimerStatus] | None, Query(description="Only timers in one of these.")] = None,
        labels: filters.Labels = None,
        due_after: filters.DueAfter = None,
        due_before: filters.DueBefore = None,
        name_prefix: filters.NamePrefix = None,
        created_by: filters.CreatedBy = None,
        sort: filters.Sort = None,
        fields: filters.Fields = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response[Any]:
        statuses = frozenset(Status(name) for name in status or ())
        tests, ascending = filters.label_tests(labels), filters.oldest_first(sort)
        wanted = TimerFilter(tests, due_after, due_before, name_prefix or "", created_by)
        shown = filters.shown_fields(fields)
        listing = f"timers:{','.join(sorted(statuses))}:{wanted}:{ascending}"
        page = use_cases.list_timers(
            principal(app),
            statuses=statuses,
            limit=limit,
            position=use_cases.cursors.decode(principal(app), listing, cursor),
            wanted=wanted,
            oldest_first=ascending,
        )
        cursor_after = use_cases.cursors.encode(principal(app), listing, page.next_position)
        return _answer(page, cursor_after, shown, app.current_event.raw_query_string)


def _answer(
    page: Page[Timer], cursor_after: str | None, shown: frozenset[str] | None, query: str | None
) -> Response[Any]:
    headers = next_link(query, cursor_after)
    timers = [timer_reply(timer) for timer in page.items]
    if shown is None:
        return json_answer(200, TimerPage.model_construct(timers=timers, next_cursor=cursor_after), headers)
    body: dict[str, Any] = {"timers": [filters.of_shown(timer, shown) for timer in timers]}
    body |= {} if cursor_after is None else {"nextCursor": cursor_after}
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return Response(status_code=200, content_type="application/json", body=text, headers=headers)
