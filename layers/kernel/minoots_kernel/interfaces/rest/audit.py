"""The routes of the audit."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from minoots_contract.audit import AuditedCaller, AuditedResource, AuditEntryReply, AuditOutcome, AuditPage
from minoots_contract.model import Line, RequestedInstant
from minoots_kernel.domain.audit import AuditEntry, AuditFilter
from minoots_kernel.interfaces.rest.answers import Cursor, Limit, page_answer, principal
from minoots_kernel.interfaces.rest.cursors import next_link
from minoots_kernel.interfaces.rest.openapi import described, paged
from minoots_kernel.interfaces.rest.resolver import ConcurrentHttpResolver
from minoots_kernel.interfaces.rest.use_cases import UseCases

__all__ = ["add_audit"]

NDJSON: Final = "application/x-ndjson"
MAX_EXPORTED: Final = 1_000
"""Most entries of one answer to an export: under a megabyte, and one read of each partition."""

ExportLimit = Annotated[int, Query(ge=1, le=MAX_EXPORTED, description="Most entries to return.")]

Subject = Annotated[Line | None, Query(description="Who it was.")]
KeyId = Annotated[Line | None, Query(alias="keyId", description="With which key.")]
Action = Annotated[Line | None, Query(description="What: an operation's id, such as `cancelTimer`.")]
Resource = Annotated[Line | None, Query(description="The id or name of what it was about.")]
Outcome = Annotated[AuditOutcome | None, Query(description="Whether it was allowed.")]
RequestId = Annotated[Line | None, Query(alias="requestId", description="In which request.")]
Since = Annotated[RequestedInstant | None, Query(description="Then or later.")]
Until = Annotated[RequestedInstant | None, Query(description="Before then.")]


def add_audit(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    """Register the routes of the audit."""
    _add_listing(app, use_cases)
    _add_export(app, use_cases)


def _add_listing(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.get("/audit", **paged(described("listAudit", "List who did what, latest first", AuditPage)))
    def list_audit(  # noqa: PLR0913, PLR0917  each is a query parameter
        limit: Limit = 50,
        cursor: Cursor = None,
        subject: Subject = None,
        key_id: KeyId = None,
        action: Action = None,
        resource: Resource = None,
        outcome: Outcome = None,
        request_id: RequestId = None,
        since: Since = None,
        until: Until = None,
    ) -> Response[Any]:
        wanted = AuditFilter(subject, key_id, action, resource, outcome, request_id, since, until)
        listing = _listing(wanted)
        position = use_cases.cursors.decode(principal(app), listing, cursor)
        page = use_cases.read_audit(principal(app), wanted=wanted, limit=limit, position=position)
        entries = [_entry_reply(one) for one in page.items]
        cursor_after = use_cases.cursors.encode(principal(app), listing, page.next_position)
        return page_answer(app, AuditPage, cursor_after, entries=entries)


def _add_export(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.get("/audit:export", **_exported("exportAudit", "Export who did what as NDJSON, latest first"))
    def export_audit(  # noqa: PLR0913, PLR0917  each is a query parameter
        limit: ExportLimit = MAX_EXPORTED,
        cursor: Cursor = None,
        subject: Subject = None,
        key_id: KeyId = None,
        action: Action = None,
        resource: Resource = None,
        outcome: Outcome = None,
        request_id: RequestId = None,
        since: Since = None,
        until: Until = None,
    ) -> Response[Any]:
        wanted = AuditFilter(subject, key_id, action, resource, outcome, request_id, since, until)
        listing = _listing(wanted)
        position = use_cases.cursors.decode(principal(app), listing, cursor)
        page = use_cases.read_audit.export(principal(app), wanted=wanted, limit=limit, position=position)
        cursor_after = use_cases.cursors.encode(principal(app), listing, page.next_position)
        link = next_link(app.current_event.raw_query_string, cursor_after)
        return _ndjson([_entry_reply(one) for one in page.items], link)


def _exported(operation: str, summary: str) -> dict[str, Any]:
    """Describe a route that answers with a line of JSON for each entry."""
    made = paged(described(operation, summary, None))
    lines = {"type": "string", "description": "A JSON object on each line, an `AuditEntryReply`."}
    made["responses"][200] |= {"content": {NDJSON: {"schema": lines}}}
    return made


def _ndjson(entries: list[AuditEntryReply], link: dict[str, str | list[str]]) -> Response[Any]:
    body = "".join(f"{one.model_dump_json(by_alias=True, exclude_none=True)}\n" for one in entries)
    return Response(status_code=200, content_type=NDJSON, body=body, headers={"cache-control": "no-store", **link})


def _listing(wanted: AuditFilter) -> str:
    """Return the name that a cursor is bound to, a digest of the filter in it."""
    written = json.dumps([getattr(wanted, name) for name in AuditFilter.__slots__])
    return f"audit:{blake2b(written.encode(), digest_size=8).hexdigest()}"


def _entry_reply(entry: AuditEntry) -> AuditEntryReply:
    via = entry.via
    return AuditEntryReply.model_construct(
        id=entry.id,
        at=entry.at_ms,
        caller=AuditedCaller.model_construct(subject=via.subject, key_id=via.key_id, issuer=via.issuer),
        action=via.action,
        resource=AuditedResource.model_construct(type=entry.thing_type, id=entry.thing_id or None),
        outcome=entry.outcome,
        reason=entry.reason,
        state_version=entry.version,
        ip=via.ip,
        user_agent=entry.user_agent,
        request_id=via.request_id or None,
        count=entry.count if entry.count > 1 else None,
    )
