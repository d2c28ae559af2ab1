"""The ``/audit`` resource."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from minoots.client.paging import every_page
from minoots.client.session import Call, Lines, Session
from minoots.client.values import instant_value
from minoots_contract.audit import AuditEntryReply, AuditOutcome, AuditPage

__all__ = ["Audit"]


class Audit:
    """Who did what in the tenant; reached as ``client.audit``. It takes the role ``tenant.admin``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(  # noqa: PLR0913  each is a filter of its own
        self,
        *,
        subject: str | None = None,
        key_id: str | None = None,
        action: str | None = None,
        resource: str | None = None,
        outcome: AuditOutcome | None = None,
        request_id: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        page_size: int | None = None,
    ) -> Iterator[AuditEntryReply]:
        """Iterate over entries, the latest first; pages are fetched as they are needed.

        Args:
            subject: Who it was.
            key_id: With which key.
            action: What: an operation's id, such as ``cancelTimer``.
            resource: The id or name of what it was about.
            outcome: Whether it was allowed.
            request_id: In which request.
            since: Then or later.
            until: Before then.
            page_size: How many to fetch at a time.

        Raises:
            MinootsClientError: While iterating: one of the tree in `minoots.client.errors`.
        """
        filters = _filters(subject, key_id, action, resource, outcome, request_id, since, until)
        for page in every_page(lambda cursor: self._page(filters, page_size, cursor)):
            yield from page.entries

    def export(  # noqa: PLR0913  as above
        self,
        *,
        subject: str | None = None,
        key_id: str | None = None,
        action: str | None = None,
        resource: str | None = None,
        outcome: AuditOutcome | None = None,
        request_id: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        page_size: int | None = None,
    ) -> Iterator[str]:
        """Iterate over entries as lines of JSON, just as the service wrote them, the latest first.

        They are for a file, or another system; ``AuditEntryReply.model_validate_json`` reads one. That an export was
        made is in the audit itself.

        Args:
            subject: As of `list`, and so are the others.
            key_id: With which key.
            action: What.
            resource: What it was about.
            outcome: Whether it was allowed.
            request_id: In which request.
            since: Then or later.
            until: Before then.
            page_size: How many to fetch at a time, 1,000 at most and without it.

        Raises:
            MinootsClientError: While iterating: one of the tree in `minoots.client.errors`.
        """
        filters = _filters(subject, key_id, action, resource, outcome, request_id, since, until)
        for page in every_page(lambda cursor: self._exported(filters, page_size, cursor)):
            yield from page.lines

    def _exported(self, filters: dict[str, str | None], limit: int | None, cursor: str | None) -> Lines:
        params = {**filters, "limit": limit, "cursor": cursor}
        accepted = {"Accept": "application/x-ndjson, application/problem+json"}
        return self._session.send_lines(Call("GET", "/audit:export", params=params, headers=accepted))

    def _page(self, filters: dict[str, str | None], limit: int | None, cursor: str | None) -> AuditPage:
        return self._session.send(
            Call("GET", "/audit", params={**filters, "limit": limit, "cursor": cursor}), AuditPage
        )


def _filters(  # noqa: PLR0913, PLR0917  as above
    subject: str | None,
    key_id: str | None,
    action: str | None,
    resource: str | None,
    outcome: AuditOutcome | None,
    request_id: str | None,
    since: datetime | str | None,
    until: datetime | str | None,
) -> dict[str, str | None]:
    return {
        "subject": subject,
        "keyId": key_id,
        "action": action,
        "resource": resource,
        "outcome": outcome,
        "requestId": request_id,
        "since": instant_value(since),
        "until": instant_value(until),
    }
