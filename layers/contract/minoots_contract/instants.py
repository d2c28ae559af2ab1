"""Instants on the wire: RFC 3339 with an offset, to the millisecond; epoch milliseconds inside."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["MAX_INSTANT_MS", "InvalidInstantError", "format_instant", "parse_instant"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
# RFC 3339, section 5.6, without the leap second that Python's calendar does not have. The bounds that Python's own
# reader lets through (minutes of an offset, in newer versions the hour 24) are held here.
_RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?P<fraction>\.[0-9]{1,9})?"
    r"(?P<offset>[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?"
)

_MIN_INSTANT_MS: Final = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND
MAX_INSTANT_MS: Final = (datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC) - _EPOCH) // _MILLISECOND
"""Last instant that can be written, in epoch milliseconds: the end of the year 9999."""


class InvalidInstantError(ValueError):
    """Text that is not an RFC 3339 instant with an offset."""


def parse_instant(text: object) -> int:
    """Read an RFC 3339 instant.

    Args:
        text: Such as ``2026-12-01T09:00:00+01:00``; digits past the millisecond are rounded up, never to an earlier
            instant than was asked for.

    Returns:
        Epoch milliseconds.

    Raises:
        InvalidInstantError: If it is not text, not RFC 3339, has no offset, or no such date exists.
    """
    match = _RFC3339.fullmatch(text) if isinstance(text, str) else None
    if match is None or not isinstance(text, str):
        raise InvalidInstantError("write an instant as RFC 3339 text: '2026-12-01T09:00:00Z'")
    if not match["offset"]:
        raise InvalidInstantError("the instant has no offset: end it with 'Z' or such as '+01:00'")
    fraction = match["fraction"] or ""
    try:
        whole = datetime.fromisoformat(text.replace(fraction, "", 1).upper() if fraction else text.upper())
        seconds = (whole - _EPOCH) // timedelta(seconds=1)
    except (ValueError, OverflowError) as error:
        raise InvalidInstantError("there is no such date and time") from error
    nanoseconds = int(fraction[1:].ljust(9, "0")) if fraction else 0
    instant_ms = seconds * 1000 - (-nanoseconds // 1_000_000)
    if not _MIN_INSTANT_MS <= instant_ms <= MAX_INSTANT_MS:
        raise InvalidInstantError("the instant lies outside the years 1 to 9999")
    return instant_ms


def format_instant(epoch_ms: int) -> str:
    """Write epoch milliseconds as RFC 3339 in UTC, always with three digits: ``2026-12-01T09:00:00.000Z``."""
    instant = _EPOCH + timedelta(milliseconds=epoch_ms)
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z".rjust(24, "0")
