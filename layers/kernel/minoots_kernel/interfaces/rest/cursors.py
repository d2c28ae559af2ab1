"""Cursors of listings: opaque to callers, checked when they come back."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Final

from minoots_kernel.domain.errors import InvalidTimerError

__all__ = ["decode_cursor", "encode_cursor"]

_VERSION: Final = 1


def encode_cursor(listing: str, position: str | None) -> str | None:
    """Make the cursor of a position; it fits only the listing (name and filters) that it was made for."""
    if position is None:
        return None
    content = json.dumps([_VERSION, listing, position], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def decode_cursor(listing: str, cursor: str | None) -> str | None:
    """Return the position in a cursor.

    Raises:
        InvalidTimerError: If the cursor was not made here for this listing.
    """
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        content: Any = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _bad("the cursor is not one of ours: take `nextCursor` as it is") from error
    if not (isinstance(content, list) and len(content) == 3 and all(isinstance(part, str) for part in content[1:])):
        raise _bad("the cursor is not one of ours: take `nextCursor` as it is")
    if content[0] != _VERSION or content[1] != listing:
        raise _bad("the cursor belongs to another listing: keep the filters the same from page to page")
    return str(content[2])


def _bad(message: str) -> InvalidTimerError:
    return InvalidTimerError("The cursor cannot be used.", (("cursor", message),))
