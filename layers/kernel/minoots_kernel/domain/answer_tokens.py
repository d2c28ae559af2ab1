"""Tokens of acknowledgements: capabilities. Whoever holds one may answer for one step of one action, and do no more.

A token names its tenant, timer, action and step, and ends in 128 random bits. Of it the timer keeps
only a digest: who reads timers cannot answer for anybody. A message that waits in an inbox holds its token, though.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Final

__all__ = ["TokenPlace", "digest_token", "make_token", "read_token"]

PREFIX: Final = "ack_"
SECRET_BYTES: Final = 16
_MAX_TOKEN: Final = 1_024
_DIGEST_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """What a token is for."""

    tenant_id: str
    timer_id: str
    action_id: str
    step: int


def make_token(place: TokenPlace, secret: bytes) -> str:
    """Return a token, safe in a path and in a header.

    Args:
        place: What it is for.
        secret: 16 random bytes.
    """
    named = json.dumps([place.tenant_id, place.timer_id, place.action_id, place.step], separators=(",", ":"))
    return f"{PREFIX}{_encoded(named.encode())}.{_encoded(secret)}"


def read_token(token: str) -> TokenPlace | None:
    """Return what a token is for; none if it is not one of ours. That says nothing of whether it was given out."""
    named, _, secret = token.removeprefix(PREFIX).partition(".")
    if not token.startswith(PREFIX) or not secret or len(token) > _MAX_TOKEN:
        return None
    try:
        tenant_id, timer_id, action_id, step = json.loads(base64.urlsafe_b64decode(named + "=" * (-len(named) % 4)))
    except (binascii.Error, ValueError, TypeError):
        return None
    texts = (tenant_id, timer_id, action_id)
    if not all(isinstance(text, str) for text in texts) or type(step) is not int:
        return None
    return TokenPlace(tenant_id, timer_id, action_id, step)


def digest_token(token: str) -> str:
    """Return what is kept of a token: half of its SHA-256. A fast hash is enough: there is nothing to guess."""
    return _encoded(hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()[:_DIGEST_BYTES])


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
