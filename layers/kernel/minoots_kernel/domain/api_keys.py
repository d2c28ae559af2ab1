"""API keys: how they are made, told apart, rotated and recognised.

A key made here is `mnt_<id>_<secret>`. The id finds it and is no secret; the secret is 256 random bits. What is kept is
the SHA-256 of the whole text. A slow or salted hash protects secrets that can be guessed; of 2^256 none can, and a slow
one would be paid for by every request that finds a function cold.

A key from a key file may have any form, such as `mnt_example`. It is found by its digest, which is its id.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from minoots_contract.identity import KEY_PREFIX, TENANT_ROLES, KeyReply, KeyWithSecret, RoleName, TierName
from minoots_kernel.domain.errors import StateConflictError
from minoots_kernel.domain.roles import held_roles
from minoots_kernel.domain.tenancy import Principal

__all__ = [
    "LAST_USED_INTERVAL_MS",
    "MAX_KEY_CHARACTERS",
    "ApiKey",
    "KeySecret",
    "digest_key",
    "key_from_file",
    "key_id_of",
    "key_reply",
    "new_key_id",
    "new_key_text",
    "rotated",
]

LAST_USED_INTERVAL_MS: Final = 3_600_000
"""How true `last_used_at_ms` is: it is written at most once in so long, whatever the number of calls."""

MAX_KEY_CHARACTERS: Final = 512
"""Longest text that is looked up."""

MAX_SECRETS: Final = 4
"""Most texts by which a key is known at a time, while overlaps of rotations last."""

ID_BYTES, SECRET_BYTES = 10, 32
_FORM: Final = re.compile(rf"{KEY_PREFIX}([a-z2-7]{{16}})_[a-z2-7]{{52}}")


@dataclass(frozen=True, slots=True)
class KeySecret:
    """A text by which a key is known.

    Attributes:
        digest: SHA-256 of the text, lower-case hex.
        until_ms: When it ceases to be, epoch milliseconds; none for the one that the key has now.
    """

    digest: str
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key.

    Attributes:
        id: What finds it.
        tenant_id: Whose it is.
        name: Who uses it.
        roles: What it was given, without what that includes.
        secrets: The texts by which it is known, the newest first.
        created_at_ms: When it was made, epoch milliseconds.
        created_by: Who made it.
        expires_at_ms: When it ends; none if it does not.
        last_used_at_ms: When it was last seen, to within `LAST_USED_INTERVAL_MS`.
        tier: For a tenant that has no record of its own: what a key file names, or whoever made it had.
        version: Rises with each rotation.
    """

    id: str
    tenant_id: str
    name: str
    roles: frozenset[RoleName]
    secrets: tuple[KeySecret, ...]
    created_at_ms: int = 0
    created_by: str = ""
    expires_at_ms: int | None = None
    last_used_at_ms: int | None = None
    tier: TierName | None = None
    version: int = 1

    def accepts(self, digest: str, now_ms: int) -> bool:
        """Tell whether a text with this digest stands for the key now."""
        known = [
            one
            for one in self.secrets
            if hmac.compare_digest(one.digest, digest) and (one.until_ms is None or now_ms < one.until_ms)
        ]
        return bool(known) and not self.expired(now_ms)

    def expired(self, now_ms: int) -> bool:
        """Tell whether the key has ended."""
        return self.expires_at_ms is not None and now_ms >= self.expires_at_ms

    def use_is_news(self, now_ms: int) -> bool:
        """Tell whether it is worth a write that the key is used now."""
        return self.last_used_at_ms is None or now_ms - self.last_used_at_ms >= LAST_USED_INTERVAL_MS

    def principal(self, digest: str) -> Principal:
        """Return whom the key stands for; it ends for its caller when the text does that the caller showed."""
        ends = [self.expires_at_ms, *(one.until_ms for one in self.secrets if one.digest == digest)]
        return Principal(
            tenant_id=self.tenant_id,
            subject=self.name,
            tier=self.tier or "free",
            roles=held_roles(self.roles),
            key_id=self.id,
            expires_at_ms=min((end for end in ends if end is not None), default=None),
        )


def digest_key(text: str) -> str:
    """Return the digest under which a key's text is kept: SHA-256, lower-case hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def key_id_of(text: str) -> str:
    """Return the id by which a key's text is looked up."""
    form = _FORM.fullmatch(text)
    return form[1] if form else digest_key(text)


def new_key_id(random_bytes: Callable[[int], bytes]) -> str:
    """Draw the id of a new key: 80 bits, so that it need not be asked whether it is taken."""
    return _base32(random_bytes(ID_BYTES))


def new_key_text(key_id: str, random_bytes: Callable[[int], bytes]) -> str:
    """Draw the text of a key."""
    return f"{KEY_PREFIX}{key_id}_{_base32(random_bytes(SECRET_BYTES))}"


def key_from_file(
    text: str,
    tenant_id: str,
    *,
    name: str | None = None,
    roles: frozenset[RoleName] = TENANT_ROLES,
    tier: TierName | None = None,
) -> ApiKey:
    """Make the record of a key whose text somebody else chose; without a name it is called as its tenant."""
    secrets = (KeySecret(digest_key(text)),)
    return ApiKey(key_id_of(text), tenant_id, name or tenant_id, roles, secrets, created_by="key file", tier=tier)


def rotated(key: ApiKey, text: str, now_ms: int, overlap_ms: int, expires_at_ms: int | None) -> ApiKey:
    """Give a key a new text; the one that it has works for a while longer, and so do others before it.

    Args:
        key: The key.
        text: Its new text.
        now_ms: The service's clock, epoch milliseconds.
        overlap_ms: For how long the present one goes on, milliseconds.
        expires_at_ms: When the key ends; none leaves it as it is.

    Raises:
        StateConflictError: If the key has ended, has no id that a text could carry, or is known by too many texts.
    """
    if key.expired(now_ms):
        raise StateConflictError("The key has expired: make a new one.")
    if key_id_of(text) != key.id:
        raise StateConflictError("The key came from a key file, which is where it is changed: make a new one.")
    older = tuple(
        one if one.until_ms is not None else replace(one, until_ms=now_ms + overlap_ms)
        for one in key.secrets
        if one.until_ms is None or now_ms < one.until_ms
    )
    if len(older) >= MAX_SECRETS:
        raise StateConflictError(f"The key works in {MAX_SECRETS} forms already: wait until an overlap is over.")
    ends_at_ms = key.expires_at_ms if expires_at_ms is None else expires_at_ms
    secrets = (KeySecret(digest_key(text)), *older)
    return replace(key, secrets=secrets, expires_at_ms=ends_at_ms, version=key.version + 1)


def key_reply(key: ApiKey, now_ms: int, text: str | None = None, works_until_ms: int | None = None) -> KeyReply:
    """Show a key; with its text if it was just made, and until when one before may work."""
    overlaps = [one.until_ms for one in key.secrets if one.until_ms is not None and now_ms < one.until_ms]
    shown = {
        "id": key.id,
        "name": key.name,
        "roles": sorted(key.roles),
        "status": "expired" if key.expired(now_ms) else "active",
        "created_at": key.created_at_ms,
        "created_by": key.created_by,
        "expires_at": key.expires_at_ms,
        "last_used_at": key.last_used_at_ms,
        "overlap_until": max(overlaps, default=None),
    }
    if text is None:
        return KeyReply.model_validate(shown)
    return KeyWithSecret.model_validate({**shown, "key": text, "works_until": works_until_ms})


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()
