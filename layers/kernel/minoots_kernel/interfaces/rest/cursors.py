"""Cursors of listings: opaque to callers, signed, and checked when they come back."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from typing import Final
from urllib.parse import parse_qsl, urlencode

from minoots_kernel.application.ports import CursorKey
from minoots_kernel.domain.errors import InvalidTimerError
from minoots_kernel.domain.tenancy import Principal

__all__ = ["Cursors", "next_link"]

_PURPOSE: Final = "minoots cursor 1"
_MAC_BYTES: Final = 16


class Cursors:
    """Makes cursors, and reads its own.

    A cursor is a position behind an HMAC of it, the tenant, and the listing with its filters: it is good for nothing
    but what it was made for, and no position can be made up.

    Args:
        keys: Has the key.
    """

    def __init__(self, keys: CursorKey) -> None:
        self._keys = keys

    def encode(self, who: Principal, listing: str, position: str | None) -> str | None:
        """Make the cursor of a position in a caller's listing (its name and filters); none if there is none."""
        if position is None:
            return None
        raw = self._mac(who, listing, position) + position.encode()
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def decode(self, who: Principal, listing: str, cursor: str | None) -> str | None:
        """Return the position in a cursor.

        Raises:
            InvalidTimerError: If the cursor was not made here, for this tenant and this listing.
        """
        if cursor is None:
            return None
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            mac, position = raw[:_MAC_BYTES], raw[_MAC_BYTES:].decode()
        except (binascii.Error, ValueError) as error:
            raise _bad() from error
        if not hmac.compare_digest(mac, self._mac(who, listing, position)):
            raise _bad()
        return position

    def _mac(self, who: Principal, listing: str, position: str) -> bytes:
        bound = json.dumps([_PURPOSE, who.tenant_id, listing, position]).encode()
        return hmac.digest(self._keys.cursor_key(), bound, "sha256")[:_MAC_BYTES]


def next_link(query: str | None, cursor: str | None) -> dict[str, str | list[str]]:
    """Return the header that links to the following page (RFC 8288), if there is one.

    A query alone is resolved against the URL that was asked: nothing here knows what stage or domain that has before
    its path.
    """
    if cursor is None:
        return {}
    kept = [(name, value) for name, value in parse_qsl(query or "", keep_blank_values=True) if name != "cursor"]
    return {"link": f'<?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"'}


def _bad() -> InvalidTimerError:
    why = "it is not one of this listing: take `nextCursor` as it is, and keep the filters from page to page"
    return InvalidTimerError("The cursor cannot be used.", (("cursor", why),))
