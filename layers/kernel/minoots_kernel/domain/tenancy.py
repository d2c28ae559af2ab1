"""Who calls, and for which tenant."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

__all__ = ["Principal", "digest_key"]


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    Attributes:
        tenant_id: The tenant that all of the caller's timers belong to.
        subject: Who it is within the tenant.
        tier: The tenant's tier: free, pro or team.
    """

    tenant_id: str
    subject: str
    tier: str = "free"


def digest_key(secret: str) -> str:
    """Return the digest under which an API key is stored: SHA-256, lower-case hex.

    A fast hash is enough because the keys are random and long; there is nothing to guess.
    """
    return hashlib.sha256(secret.encode()).hexdigest()
