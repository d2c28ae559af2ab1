"""Creates that may be repeated: the timer's id is derived from the caller's key, and the timer remembers the request.

Two requests under one key meet at one item, so one conditional write decides between them, without a table of keys.
"""

from __future__ import annotations

import hmac
import json
from hashlib import blake2b
from typing import Final
from uuid import UUID

from minoots_contract.timers import CreateTimerRequest

__all__ = ["derived_id", "request_digest"]

_PURPOSE: Final = b"minoots create 1"
"""No secret: a timer's id lets nobody in, and the tenant is part of where the timer lies."""

_VERSION: Final = 8 << 76
_VARIANT: Final = 0b10 << 62
_GIVEN: Final = (0xF << 76) | (0b11 << 62)


def derived_id(tenant_id: str, key: str) -> str:
    """Return the id of the timer that a tenant creates under a key: a UUIDv8 (RFC 9562), made of both by an HMAC.

    Timers are listed in the order of their ids. A key that is a UUIDv7 lends the id its 48 bits of milliseconds, and
    its timer is listed among those of its age; the id of any other key begins with two zero bytes, and its timer is
    listed as older than all that tell their time. The version keeps it apart from every id that the service draws.
    """
    digest = hmac.digest(_PURPOSE, f"{tenant_id}\0{key}".encode(), "sha256")
    bits = int.from_bytes(digest[:16], "big")
    at_ms = _time_in(key)
    bits = bits & ((1 << 112) - 1) if at_ms is None else bits & ((1 << 80) - 1) | at_ms << 80
    return str(UUID(int=bits & ~_GIVEN | _VERSION | _VARIANT))


def request_digest(request: CreateTimerRequest) -> str:
    """Return what a request is recognised by: the same for every spelling of the same fields.

    Only what the caller sent counts, so that a default that a later release adds makes no other request of it.
    """
    # The fields of a single create, so that one of a batch under the same key is the same request.
    own = set(CreateTimerRequest.model_fields)
    asked = request.model_dump(mode="json", by_alias=True, exclude_unset=True, include=own)
    return blake2b(json.dumps(asked, sort_keys=True).encode(), digest_size=12).hexdigest()


def _time_in(key: str) -> int | None:
    try:
        told = UUID(key.strip('"'))  # quoted, as structured fields (RFC 9651) have their strings
    except ValueError:
        return None
    return told.int >> 80 if told.version == 7 else None
