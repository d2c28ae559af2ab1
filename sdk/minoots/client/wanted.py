"""Which timers a listing shows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from minoots.client.values import instant_value
from minoots_contract.label_lists import escaped
from minoots_contract.timers import TimerStatus

__all__ = ["Wanted", "query_of"]


class Wanted(TypedDict, total=False):
    """What has to hold of a timer, all of it.

    Attributes:
        status: It is in this status, or in one of these.
        labels: Its labels: a mapping of names to what they are to be, or a selector such as ``"env=prod,!draft"``,
            in which a comma within a value has a backslash before it.
        due_after: It is due then or later: an aware datetime, or RFC 3339 text with an offset.
        due_before: It is due before then.
        name_prefix: Its name begins so.
        created_by: Who asked for it (`TimerReply.requested_by`).
        oldest_first: Not what has to hold, but in which order they come.
    """

    status: TimerStatus | Collection[TimerStatus] | None
    labels: Mapping[str, str] | str | None
    due_after: datetime | str | None
    due_before: datetime | str | None
    name_prefix: str | None
    created_by: str | None
    oldest_first: bool


def query_of(wanted: Wanted) -> dict[str, str | Sequence[str] | None]:
    """Return the query parameters of a listing.

    Raises:
        ValueError: If a due time is a datetime without an offset.
    """
    labels, status = wanted.get("labels"), wanted.get("status")
    return {
        "status": (status,) if isinstance(status, str) else tuple(status) if status is not None else None,
        "labels": ",".join(escaped(f"{name}={value}") for name, value in labels.items())
        if isinstance(labels, Mapping)
        else labels,
        "dueAfter": instant_value(wanted.get("due_after")),
        "dueBefore": instant_value(wanted.get("due_before")),
        "namePrefix": wanted.get("name_prefix"),
        "createdBy": wanted.get("created_by"),
        "sort": "createdAt" if wanted.get("oldest_first") else None,
    }
