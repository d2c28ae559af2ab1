"""Who calls: roles, tiers, API keys, and what a caller is told about itself."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import Field, model_validator

from minoots_contract.model import Duration, Instant, Line, RequestedInstant, WireModel, field_error

__all__ = [
    "KEY_PREFIX",
    "MAX_KEY_OVERLAP_MS",
    "ROLES",
    "TENANT_ROLES",
    "CreateKeyRequest",
    "KeyPage",
    "KeyReply",
    "KeyWithSecret",
    "RevokedKeyReply",
    "RoleName",
    "RotateKeyRequest",
    "TenantRole",
    "TierName",
    "WhoAmIReply",
]

TenantRole = Literal["timer.read", "timer.write", "timer.cancel", "timer.manage", "tenant.admin"]
"""What a caller may do within its tenant; `timer.manage` includes the three before it, `tenant.admin` all four."""

RoleName = Literal["timer.read", "timer.write", "timer.cancel", "timer.manage", "tenant.admin", "operator"]
"""Those, and `operator`: makes, sees and suspends tenants, and includes nothing within them."""

TENANT_ROLES: Final[frozenset[RoleName]] = frozenset(get_args(TenantRole))
ROLES: Final[frozenset[RoleName]] = frozenset(get_args(RoleName))

TierName = Literal["free", "pro", "team", "unlimited"]

KEY_PREFIX: Final = "mnt_"
DAY_MS: Final = 86_400_000
MAX_KEY_OVERLAP_MS: Final = 30 * DAY_MS
"""Longest time for which a key that was rotated works beside the one that took its place."""

_Roles = Annotated[list[RoleName], Field(min_length=1, max_length=len(ROLES))]


class _Expiring(WireModel):
    """A request that may say when a key ends."""

    expires_in: Duration | None = None
    expires_at: RequestedInstant | None = None

    @model_validator(mode="after")
    def _ends_once(self) -> _Expiring:
        if self.expires_in is not None and self.expires_at is not None:
            raise field_error("expiresAt", "give expiresIn or expiresAt, not both")
        return self


class CreateKeyRequest(_Expiring):
    """Body of ``POST /keys``. Without ``expiresIn`` and ``expiresAt`` the key does not expire.

    A key that expires itself makes none that does so later.
    """

    name: Line = Field(
        description="Who uses it: what it creates and changes is told under it, and no other key of the tenant has it."
    )
    roles: _Roles = Field(description="What it may do; nothing that the caller may not do itself.")


class RotateKeyRequest(_Expiring):
    """Body of ``POST /keys/{id}/rotate``. Without ``expiresIn`` and ``expiresAt`` the key ends when it did before."""

    overlap: Duration = Field(
        default=DAY_MS, le=MAX_KEY_OVERLAP_MS, description="How long what it was before goes on working."
    )


class KeyReply(WireModel):
    """An API key without what is secret."""

    id: str
    name: str
    roles: list[RoleName]
    status: Literal["active", "expired"]
    created_at: Instant
    created_by: str
    expires_at: Instant | None = Field(default=None, description="Absent if it does not expire.")
    last_used_at: Instant | None = Field(default=None, description="True to the hour.")
    overlap_until: Instant | None = Field(default=None, description="Until when what it was before works as well.")


class KeyWithSecret(KeyReply):
    """A key that was just made or rotated."""

    key: str = Field(description="What to send as `X-API-Key`. Shown this once: nobody can read it again.")
    works_until: Instant | None = Field(
        default=None,
        description="Of a rotated key: the latest at which a server may still accept what it was before.",
    )


class KeyPage(WireModel):
    """A page of keys by id. A page may be short and still have a ``nextCursor``."""

    keys: list[KeyReply]
    next_cursor: str | None = None


class RevokedKeyReply(WireModel):
    """A key that is no more."""

    id: str
    works_until: Instant = Field(description="The latest at which a server that remembers it may still accept it.")


class WhoAmIReply(WireModel):
    """Whom the service takes the caller for."""

    subject: str = Field(description="The key's name, or the token's subject.")
    tenant_id: str
    roles: list[RoleName] = Field(description="Those that were given, and those that they include.")
    tier: TierName
    authenticated_by: Literal["apiKey", "oidc"]
    key_id: str | None = None
    issuer: str | None = Field(default=None, description="Who issued the token.")
    expires_at: Instant | None = Field(default=None, description="When the key or token ends, if it does.")
