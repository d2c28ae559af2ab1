"""The ``/audit`` resource."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, TypedDict, Unpack

from minoots.client.paging import every_page
from minoots.client.session import Call, Lines, Session
from minoots.client.values import instant_value
from minoots_contract.audit import AuditEntryReply, AuditOutcome, AuditPage

__all__ = ["Audit", "WhichEntries"]


class WhichEntries(TypedDict, total=False):
    """Which entries of the audit are meant: those that all of this holds of; without anything, all.

    Attributes:
        subject: Who it was.
        key_id: With which key.
        action: What: an operation's id, such as ``cancelTimer``.
        resource: The id or name of what it was about.
        outcome: Whether it was allowed.
        request_id: In which request.
        since: Then or later: an aware datetime, or RFC 3339 text with an offset.
        until: Before then.
    """

    subject: str | None
    key_id: str | None
    action: str | None
    resource: str | None
    outcome: AuditOutcome | None
    request_id: str | None
    since: datetime | str | None
    until: datetime | str | None


_WIRE_NAMES: Final = {"key_id": "keyId", "request_id": "requestId"}


class Audit:
    """Who did what in the tenant; reached as ``client.audit``. It takes the role ``tenant.admin``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self, *, page_size: int | None = None, **which: Unpack[WhichEntries]) -> Iterator[AuditEntryReply]:
        """Iterate over entries, the latest first; pages are fetched as they are needed.

        Args:
            page_size: How many to fetch at a time.
            which: Which entries.

        Raises:
            MinootsClientError: While iterating: one of the tree in `minoots.client.errors`.
        """
        filters = _filters(which)
        for page in every_page(lambda cursor: self._page(filters, page_size, cursor)):
            yield from page.entries

    def export(self, *, page_size: int | None = None, **which: Unpack[WhichEntries]) -> Iterator[str]:
        """Iterate over entries as lines of JSON, just as the service wrote them, the latest first.

        They are for a file, or another system; ``AuditEntryReply.model_validate_json`` reads one. That an export was
        made is in the audit itself.

        Args:
            page_size: How many to fetch at a time, 1,000 at most and without it.
            which: Which entries.

        Raises:
            MinootsClientError: While iterating: one of the tree in `minoots.client.errors`.
        """
        filters = _filters(which)
        for page in every_page(lambda cursor: self._exported(filters, page_size, cursor)):
            yield from page.lines

    def _exported(self, filters: dict[str, Any], limit: int | None, cursor: str | None) -> Lines:
        params = {**filters, "limit": limit, "cursor": cursor}
        accepted = {"Accept": "application/x-ndjson, application/problem+json"}
        return self._session.send_lines(Call("GET", "/audit:export", params=params, headers=accepted))

    def _page(self, filters: dict[str, Any], limit: int | None, cursor: str | None) -> AuditPage:
        return self._session.send(
            Call("GET", "/audit", params={**filters, "limit": limit, "cursor": cursor}), AuditPage
        )


def _filters(which: WhichEntries) -> dict[str, Any]:
    given = {**which, "since": instant_value(which.get("since")), "until": instant_value(which.get("until"))}
    return {_WIRE_NAMES.get(name, name): value for name, value in given.items()}
