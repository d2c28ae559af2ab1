"""Tell a tenant what it has used of what its tier allows."""

from __future__ import annotations

from dataclasses import dataclass

from minoots_contract.tenants import UsageReply, UsedOf
from minoots_kernel.application.identity_ports import UsageStore
from minoots_kernel.application.limits import DAY_MS, MINUTE_MS
from minoots_kernel.application.ports import Clock
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.tiers import TIERS, Tier

__all__ = ["ReadUsage"]


@dataclass(frozen=True, slots=True)
class ReadUsage:
    """Read the principal's tenant's usage.

    Attributes:
        usage: Where it is counted.
        clock: What time it is.
        enforced: Whether the deployment holds tenants to their tiers.
        audit_days: How long it keeps the audit of a tenant whose record says nothing else, days; none if it keeps none.
    """

    usage: UsageStore
    clock: Clock
    enforced: bool
    audit_days: int | None = None

    def __call__(self, principal: Principal) -> UsageReply:
        """Return what is counted; what is not limited is not counted."""
        tier = TIERS[principal.tier] if self.enforced else Tier()
        now_ms = self.clock.now_ms()
        minute, day = now_ms // MINUTE_MS, now_ms // DAY_MS
        requests = creates = active = None
        if tier.requests is not None:
            made = self.usage.requests(principal.tenant_id, minute)
            requests = UsedOf(used=made, limit=tier.requests, resets_at=(minute + 1) * MINUTE_MS)
        counted = (
            self.usage.timers(principal.tenant_id) if tier.creates is not None or tier.active is not None else None
        )
        if tier.creates is not None:
            today = counted.creates if counted and counted.day == day else 0
            creates = UsedOf(used=today, limit=tier.creates, resets_at=(day + 1) * DAY_MS)
        if tier.active is not None:
            active = UsedOf(used=counted.active if counted else 0, limit=tier.active)
        return UsageReply(
            tier=principal.tier,
            requests=requests,
            creates=creates,
            active_timers=active,
            payload_bytes=tier.payload_bytes,
            horizon_ms=tier.horizon_ms,
            actions=tier.actions,
            audit_days=None if self.audit_days is None else principal.audit_days or self.audit_days,
        )
