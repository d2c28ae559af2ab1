"""Tenants that operators keep."""

from __future__ import annotations

from dataclasses import dataclass, replace

from minoots_contract.identity import TierName
from minoots_contract.tenants import TenantReply

__all__ = ["Tenant", "resumed", "suspended", "tenant_reply"]


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant. One that nobody keeps a record of is active, and of the tier that its key says.

    Attributes:
        id: Its name in keys and paths.
        tier: What it may use.
        created_at_ms: When its record was made, epoch milliseconds.
        name: What people call it.
        suspended_at_ms: Since when nobody of it gets in; none if they do.
        suspended_reason: Why.
        version: Rises with each change.
        audit_days: How long entries of its audit are kept, days; as the deployment says if none.
    """

    id: str
    tier: TierName
    created_at_ms: int
    name: str | None = None
    suspended_at_ms: int | None = None
    suspended_reason: str | None = None
    version: int = 1
    audit_days: int | None = None


def suspended(tenant: Tenant, now_ms: int, reason: str | None) -> Tenant:
    """Shut a tenant out; one that is keeps its time and reason."""
    if tenant.suspended_at_ms is not None:
        return tenant
    return replace(tenant, suspended_at_ms=now_ms, suspended_reason=reason, version=tenant.version + 1)


def resumed(tenant: Tenant) -> Tenant:
    """Let a tenant in again."""
    if tenant.suspended_at_ms is None:
        return tenant
    return replace(tenant, suspended_at_ms=None, suspended_reason=None, version=tenant.version + 1)


def tenant_reply(tenant: Tenant) -> TenantReply:
    """Show a tenant."""
    return TenantReply(
        id=tenant.id,
        name=tenant.name,
        tier=tenant.tier,
        status="active" if tenant.suspended_at_ms is None else "suspended",
        created_at=tenant.created_at_ms,
        suspended_at=tenant.suspended_at_ms,
        suspended_reason=tenant.suspended_reason,
        audit_days=tenant.audit_days,
        version=tenant.version,
    )
