"""What the routes share: who calls, how a body is read, parameters of listings, how a reply is written."""

from __future__ import annotations

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query
from pydantic import BaseModel, BeforeValidator, StringConstraints

from minoots_contract.model import IDEMPOTENCY_KEY
from minoots_kernel.domain.errors import ForbiddenError
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import Timer
from minoots_kernel.domain.views import timer_reply
from minoots_kernel.interfaces.rest.cursors import next_link
from minoots_kernel.interfaces.rest.preconditions import TagsText, etag
from minoots_kernel.interfaces.rest.resolver import ConcurrentHttpResolver

__all__ = [
    "Cursor",
    "IfMatch",
    "KeyText",
    "Limit",
    "TimerId",
    "in_wire_names",
    "json_answer",
    "page_answer",
    "principal",
    "refused_in_part",
    "timer_answer",
]

TimerId = Annotated[str, Path(description="The timer's id.")]
Limit = Annotated[int, Query(ge=1, le=200, description="Most entries to return.")]
Cursor = Annotated[
    Annotated[str, StringConstraints(max_length=1024)] | None,
    Query(description="`nextCursor` of the page before."),
]

IfMatch = Annotated[
    TagsText | None, Header(alias="If-Match", description="Change nothing unless it has this `ETag`, or one of these.")
]

KeyText = Annotated[str, StringConstraints(pattern=IDEMPOTENCY_KEY)]
"""An idempotency key."""


def in_wire_names(model: type[BaseModel]) -> BeforeValidator:
    """Read a body by its wire names alone: in Python the models take their fields' own names as well."""
    return BeforeValidator(lambda body: model.model_validate(body, by_alias=True, by_name=False))


def principal(app: ConcurrentHttpResolver) -> Principal:
    """Return who makes the request under way."""
    found: Principal = app.context["principal"]
    return found


def refused_in_part(app: ConcurrentHttpResolver) -> list[ForbiddenError]:
    """Return the list of what was refused in the request under way though the whole is answered well."""
    found: list[ForbiddenError] = app.context["refused"]
    return found


def timer_answer(timer: Timer, status: int = 200, headers: dict[str, str | list[str]] | None = None) -> Response[Any]:
    """Answer with a timer and its entity tag."""
    return json_answer(status, timer_reply(timer), {"etag": etag(timer.version), **(headers or {})})


def page_answer(
    app: ConcurrentHttpResolver, page: type[BaseModel], cursor_after: str | None, **entries: Any
) -> Response[Any]:
    """Answer with a page of a listing, and link to the one that follows, if there is one.

    Args:
        app: Which request is under way.
        page: The model of the page.
        cursor_after: The cursor of the next one; none on the last.
        entries: What is on it, by the name of the model's field.
    """
    reply = page.model_construct(**entries, next_cursor=cursor_after)
    return json_answer(200, reply, next_link(app.current_event.raw_query_string, cursor_after))


def json_answer(status: int, reply: BaseModel, headers: dict[str, str | list[str]] | None = None) -> Response[Any]:
    """Answer with a reply of the contract."""
    # Written by Pydantic at once: a second pass through Powertools' encoder would only take the model apart again.
    body = reply.model_dump_json(by_alias=True, exclude_none=True)
    return Response(status_code=status, content_type="application/json", body=body, headers=headers or {})
