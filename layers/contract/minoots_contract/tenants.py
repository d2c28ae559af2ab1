"""Tenants, as operators see them, and what a tenant has used of what its tier allows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from minoots_contract.identity import TierName
from minoots_contract.model import Instant, Line, TenantId, WireModel, field_error

__all__ = [
    "ChangeTenantRequest",
    "CreateTenantRequest",
    "SuspendTenantRequest",
    "TenantPage",
    "TenantReply",
    "UsageReply",
    "UsedOf",
]


class CreateTenantRequest(WireModel):
    """Body of ``POST /tenants``."""

    id: TenantId
    name: Line | None = None
    tier: TierName = "free"


class ChangeTenantRequest(WireModel):
    """Body of ``PATCH /tenants/{id}``: what is left out stays as it is."""

    name: Line | None = None
    tier: TierName | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> ChangeTenantRequest:
        if self.name is None and self.tier is None:
            raise field_error("tier", "give name or tier, or both")
        return self


class SuspendTenantRequest(WireModel):
    """Body of ``POST /tenants/{id}/suspend``."""

    reason: Line | None = Field(default=None, description="Told to the tenant's callers.")


class TenantReply(WireModel):
    """A tenant."""

    id: str
    name: str | None = None
    tier: TierName
    status: Literal["active", "suspended"]
    created_at: Instant
    suspended_at: Instant | None = None
    suspended_reason: str | None = None


class TenantPage(WireModel):
    """A page of tenants by id. A page may be short and still have a ``nextCursor``."""

    tenants: list[TenantReply]
    next_cursor: str | None = None


class UsedOf(WireModel):
    """How much of a limit is used."""

    used: int
    limit: int
    resets_at: Instant | None = Field(default=None, description="When it begins anew; absent of what is given back.")


class UsageReply(WireModel):
    """What a tenant has used. What its tier does not limit is not counted, and absent."""

    tier: TierName
    requests: UsedOf | None = Field(default=None, description="In this minute.")
    creates: UsedOf | None = Field(default=None, description="Timers made today, UTC.")
    active_timers: UsedOf | None = Field(default=None, description="No fewer than the timers that have not ended.")
    payload_bytes: int | None = Field(default=None, description="Largest request for a timer, bytes of JSON.")
    horizon_ms: int | None = Field(default=None, description="Farthest due time from now, milliseconds.")
    actions: int | None = Field(default=None, description="Most actions in a bundle.")
