"""The routes of the audit."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from minoots_contract.audit import AuditedCaller, AuditedResource, AuditEntryReply, AuditOutcome, AuditPage
from minoots_contract.model import Line, RequestedInstant
from minoots_kernel.domain.audit import AuditEntry, AuditFilter
from minoots_kernel.interfaces.rest.answers import Cursor, Limit, json_answer, principal
from minoots_kernel.interfaces.rest.cursors import decode_cursor, encode_cursor
from minoots_kernel.interfaces.rest.openapi import described
from minoots_kernel.interfaces.rest.resolver import ConcurrentHttpResolver
from minoots_kernel.interfaces.rest.use_cases import UseCases

__all__ = ["add_audit"]

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

    @app.get("/audit", **described("listAudit", "List who did what, latest first", AuditPage))
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
        page = use_cases.read_audit(principal(app), wanted=wanted, limit=limit, position=decode_cursor(listing, cursor))
        entries = [_entry_reply(one) for one in page.items]
        cursor_after = encode_cursor(listing, page.next_position)
        return json_answer(200, AuditPage.model_construct(entries=entries, next_cursor=cursor_after))


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
