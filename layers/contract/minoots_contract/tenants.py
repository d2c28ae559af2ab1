"""Tenants, as operators see them, and what a tenant has used of what its tier allows."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from minoots_contract.identity import TierName
from minoots_contract.model import Instant, Line, TenantId, WireModel, field_error

__all__ = [
    "MAX_AUDIT_DAYS",
    "ChangeTenantRequest",
    "CreateTenantRequest",
    "SuspendTenantRequest",
    "TenantPage",
    "TenantReply",
    "UsageReply",
    "UsedOf",
]


MAX_AUDIT_DAYS: Final = 3_650
"""Longest that an entry of the audit is kept."""

AuditDays = Annotated[
    int, Field(ge=1, le=MAX_AUDIT_DAYS, description="Days that entries of its audit are kept which are still to come.")
]


class CreateTenantRequest(WireModel):
    """Body of ``POST /tenants``."""

    id: TenantId
    name: Line | None = None
    tier: TierName = "free"
    audit_days: AuditDays | None = None


class ChangeTenantRequest(WireModel):
    """Body of ``PATCH /tenants/{id}``: what is left out stays as it is."""

    name: Line | None = None
    tier: TierName | None = None
    audit_days: AuditDays | None = Field(
        default=None, description="Null goes back to what the deployment has for tenants that say nothing."
    )

    @model_validator(mode="after")
    def _changes_something(self) -> ChangeTenantRequest:
        if self.name is None and self.tier is None and not self.sets_audit_days:
            raise field_error("tier", "give name, tier or auditDays")
        return self

    @property
    def sets_audit_days(self) -> bool:
        """Whether it says how long the audit is kept, be it to go back to the default."""
        return "audit_days" in self.model_fields_set


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
    audit_days: int | None = Field(
        default=None, description="Days that entries of its audit are kept; absent if as the deployment has it."
    )
    version: int = Field(description="Rises with each change; the `ETag` has it, too.")


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
    audit_days: int | None = Field(
        default=None, description="Days that entries of the audit are kept; absent where there is no audit."
    )
