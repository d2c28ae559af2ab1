"""Hold tenants to what their tiers allow.

What a tier does not limit is not counted: an unlimited tenant pays no write, no read and no memory.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from minoots_contract.identity import TierName
from minoots_contract.timers import CreateTimerRequest
from minoots_kernel.application.identity_ports import TimersUsed, UsageStore
from minoots_kernel.application.ports import Clock
from minoots_kernel.domain.errors import DependencyUnavailableError, QuotaExceededError
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.tiers import TIERS, Tier, check_carried, check_move, check_size
from minoots_kernel.domain.timer import Timer

__all__ = ["DAY_MS", "MINUTE_MS", "Allowance", "Limits"]

logger = logging.getLogger(__name__)

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000

RECOUNT_AFTER_MS: Final = 60_000
"""How long after the last create the active timers of a tenant at its limit are counted anew. By then every request
that was charged has ended (the function's timeout is half of it), so nothing that is under way is missed."""

MAX_TRIES: Final = 10
MAX_TENANTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left to a tenant of its requests.

    Attributes:
        tier: The tenant's tier.
        remaining: Requests left in this minute, as far as this function knows.
        resets_in_s: Whole seconds until the minute is over.
    """

    tier: TierName
    remaining: int
    resets_in_s: int


@dataclass(slots=True)
class _Lease:
    """Requests of a minute that are counted already and not made yet, so that not each of them costs a write."""

    minute: int = -1
    left: int = 0
    used: int = 0
    over: bool = False
    lock: Lock = field(default_factory=Lock)


@dataclass(slots=True)
class Limits:
    """The tiers' limits on requests, creates and active timers.

    Attributes:
        usage: Where it is counted.
        clock: What time it is.
    """

    usage: UsageStore
    clock: Clock
    _leases: dict[str, _Lease] = field(default_factory=dict)
    _counted_at_ms: dict[str, int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def admit(self, principal: Principal) -> Allowance | None:
        """Count a request, valid or not.

        Requests are taken from the tenant's count a fiftieth of the limit at a time, the last ones one by one: what a
        function took and did not use is lost with the minute, and the limit is never passed.

        Returns:
            What is left; none for a tier without a limit.

        Raises:
            QuotaExceededError: If the minute's requests are used up.
        """
        limit = TIERS[principal.tier].requests
        if limit is None:
            return None
        now_ms = self.clock.now_ms()
        minute, resets_in_s = now_ms // MINUTE_MS, 60 - now_ms // 1000 % 60
        lease = self._lease(principal.tenant_id)
        with lease.lock:
            if lease.minute != minute:
                lease.minute, lease.left, lease.used, lease.over = minute, 0, 0, False
            if not lease.left and not lease.over:
                self._take(lease, principal.tenant_id, limit)
            if not lease.left:
                raise QuotaExceededError(
                    f"The tier '{principal.tier}' allows {limit} requests a minute.",
                    retry_after_s=resets_in_s,
                    policy="requests",
                )
            lease.left -= 1
            return Allowance(principal.tier, limit - lease.used + lease.left, resets_in_s)

    def check(self, principal: Principal, request: CreateTimerRequest, fire_at_ms: int) -> None:
        """Let a request for a timer pass if the tier allows so large a one.

        Raises:
            BeyondTierError: If it does not.
        """
        check_size(principal.tier, request, fire_at_ms, self.clock.now_ms())

    def check_move(self, principal: Principal, before: Timer, after: Timer, field: str) -> None:
        """Let a change of a timer pass if the tier allows the due time that it sets; see `domain.tiers.check_move`.

        Raises:
            BeyondTierError: If it does not.
        """
        check_move(principal.tier, before, after, self.clock.now_ms(), field)

    def check_carried(self, principal: Principal, before: Timer, after: Timer) -> None:
        """Let a patch of a timer pass if the tier allows what it would carry.

        Raises:
            BeyondTierError: If it does not.
        """
        check_carried(principal.tier, before, after)

    def charge(self, principal: Principal) -> int | None:
        """Count a timer that is about to be made.

        Returns:
            The day that it was counted on, for `refund`; none for a tier without limits on timers.

        Raises:
            QuotaExceededError: If the day's creates, or the active timers, have reached their limit.
        """
        tier, tenant_id, latest = TIERS[principal.tier], principal.tenant_id, 0
        if tier.creates is None or tier.active is None:
            return None
        for _ in range(MAX_TRIES):
            now_ms = self.clock.now_ms()
            # Another function's clock may be past midnight already.
            day = max(now_ms // DAY_MS, latest)
            if self.usage.charge(tenant_id, day, now_ms, creates=tier.creates, active=tier.active):
                return day
            used = self.usage.timers(tenant_id)
            if used is None or (used.day < day and used.active < tier.active):
                if self.usage.charge_first(tenant_id, day, now_ms, active=tier.active):
                    return day
                continue
            latest = used.day
            self._make_room(principal, tier, used, now_ms)
        raise DependencyUnavailableError("Others keep counting timers of this tenant.")

    def refund(self, principal: Principal, day: int | None) -> None:
        """Take back what `charge` counted, for a timer that was not made.

        If that cannot be written, the limit is met one early, and the caller is told why there is no timer.
        """
        if day is None:
            return
        try:
            self.usage.refund(principal.tenant_id, day)
        except DependencyUnavailableError as error:
            told = {"tenantId": principal.tenant_id, "reason": str(error.__cause__ or error)}
            logger.warning("a create that did not happen stays counted", extra=told)

    def _take(self, lease: _Lease, tenant_id: str, limit: int) -> None:
        for count in sorted({max(1, limit // 50), 1}, reverse=True):
            used = self.usage.take_requests(tenant_id, lease.minute, count, limit)
            if used is not None:
                lease.left, lease.used = count, used
                return
        # Whoever goes on asking costs no more writes.
        lease.over, lease.used = True, limit

    def _lease(self, tenant_id: str) -> _Lease:
        with self._lock:
            if len(self._leases) >= MAX_TENANTS:
                self._leases.clear()
            return self._leases.setdefault(tenant_id, _Lease())

    def _make_room(self, principal: Principal, tier: Tier, used: TimersUsed, now_ms: int) -> None:
        """Return if a limit that was met may not be met any more."""
        if tier.active is not None and used.active >= tier.active:
            self._count_active(principal, tier.active, used, now_ms)
        elif tier.creates is not None and used.creates >= tier.creates and used.day >= now_ms // DAY_MS:
            raise QuotaExceededError(
                f"The tier '{principal.tier}' allows {tier.creates} new timers a day.",
                retry_after_s=((used.day + 1) * DAY_MS - now_ms) // 1000 + 1,
                policy="creates",
            )

    def _count_active(self, principal: Principal, limit: int, used: TimersUsed, now_ms: int) -> None:
        """Count anew how many timers are active: they end without a write to the count."""
        # A count reads all the tenant's timers: no more than one a minute, however often it is asked for.
        since_ms = now_ms - max(used.charged_at_ms, self._counted_at_ms.get(principal.tenant_id, 0))
        if since_ms >= RECOUNT_AFTER_MS:
            if len(self._counted_at_ms) >= MAX_TENANTS:
                self._counted_at_ms.clear()
            self._counted_at_ms[principal.tenant_id] = now_ms
            active = self.usage.count_active(principal.tenant_id, used.active)
            if active < limit:
                self.usage.recount(principal.tenant_id, used, active)
                return
            since_ms = 0
        raise QuotaExceededError(
            f"The tier '{principal.tier}' allows {limit} timers that have not ended.",
            retry_after_s=max(1, min(60, (RECOUNT_AFTER_MS - since_ms) // 1000 + 1)),
        )
