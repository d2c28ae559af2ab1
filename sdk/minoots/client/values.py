"""What callers pass, as the wire has it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

from minoots_contract.model import WireModel

__all__ = ["duration_value", "fresh_key", "if_match", "instant_value", "timer_path", "wire_value"]


def fresh_key(now_ms: int) -> str:
    """Return an idempotency key that nobody else has: a UUIDv7 (RFC 9562), by which timers are listed in order of age.

    Args:
        now_ms: The clock, epoch milliseconds.
    """
    bits = (now_ms & (1 << 48) - 1) << 80 | uuid4().int & (1 << 76) - 1
    return str(UUID(int=bits | 7 << 76))


def if_match(version: int | None) -> dict[str, str] | None:
    """Return the header that lets a change happen upon a version alone; none where any will do."""
    return None if version is None else {"If-Match": f'"{version}"'}


def timer_path(timer_id: str) -> str:
    """Return the path of a timer.

    Raises:
        ValueError: If the id is empty, for the path would be that of the listing.
    """
    if not timer_id:
        raise ValueError("a timer's id is not empty")
    return f"/timers/{quote(timer_id, safe='')}"


def duration_value(value: str | int | timedelta | None) -> str | int | None:
    """Return a duration as text or whole milliseconds."""
    return value // timedelta(milliseconds=1) if isinstance(value, timedelta) else value


def instant_value(value: datetime | str | None) -> str | None:
    """Return an instant as RFC 3339 text.

    Raises:
        ValueError: If it is a datetime without an offset.
    """
    if not isinstance(value, datetime):
        return value
    if value.utcoffset() is None:
        raise ValueError("the datetime has no offset: make it aware, as in datetime(..., tzinfo=UTC)")
    return value.isoformat()


def said(value: WireModel | Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return what was said of a model, in its wire form; a mapping stays what it is.

    What was left out is left out: sent as a default it would take the place of what the tenant has settled.
    """
    if not isinstance(value, WireModel):
        return value
    return value.model_dump(mode="json", by_alias=True, exclude_unset=True)


def wire_value(value: WireModel | Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return a model of the contract as its wire form; a mapping stays what it is."""
    return value.wire() if isinstance(value, WireModel) else value
