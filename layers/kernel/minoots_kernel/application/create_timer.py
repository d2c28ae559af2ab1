"""Create a timer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from minoots_contract.late_policy import LatePolicy
from minoots_contract.retry import RetryPolicy
from minoots_contract.timers import CreateTimerRequest
from minoots_kernel.application.hints import wake_directly
from minoots_kernel.application.limits import Limits
from minoots_kernel.application.ports import Clock, IdFactory, TimerStore, WakeQueue
from minoots_kernel.application.prepare_actions import PrepareActions
from minoots_kernel.domain.creation import new_timer
from minoots_kernel.domain.errors import DependencyUnavailableError, ForbiddenError
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import Timer

__all__ = ["CreateTimer"]


@dataclass(frozen=True, slots=True)
class CreateTimer:
    """Store a timer; once this returns, the timer fires whatever crashes.

    Attributes:
        late_policy: What becomes of late timers that were created without a policy of their own.
    """

    store: TimerStore
    wake_queue: WakeQueue
    clock: Clock
    ids: IdFactory
    prepare_actions: PrepareActions
    late_policy: LatePolicy | None = None
    checks: Sequence[Callable[[Timer], None]] = ()
    """Each looks at the timer before it is stored, and raises `InvalidTimerError` with the fields at fault."""
    retry_policy: Callable[[str], RetryPolicy] = lambda _: RetryPolicy()
    """What a tenant has settled for the fields of retry policies that a request leaves open."""
    limits: Limits | None = None
    """Holds tenants to their tiers; none where nobody is held."""

    def __call__(self, principal: Principal, request: CreateTimerRequest) -> Timer:
        """Create a timer for the principal's tenant.

        Raises:
            ForbiddenError: If the request names another tenant, or the principal may not create such a timer.
            InvalidTimerError: If the due time is one that cannot be, or an action cannot be done.
            TargetNotAllowedError: If an action's target is not one that the deployment allows.
            BeyondTierError: If the tenant's tier allows no such timer.
            QuotaExceededError: If it allows no more of them now.
            DependencyUnavailableError: If a store does not answer; the timer may then exist.
        """
        if request.tenant_id is not None and request.tenant_id != principal.tenant_id:
            raise ForbiddenError(
                f"Your key belongs to tenant '{principal.tenant_id}'.",
                (("tenantId", "leave it out, or name your own tenant"),),
            )
        now_ms = self.clock.now_ms()
        timer = new_timer(
            request,
            timer_id=self.ids.new_id(),
            tenant_id=principal.tenant_id,
            now_ms=now_ms,
            late_policy=self.late_policy,
            subject=principal.subject,
            retry_policy=self._retry_policy(principal, request),
        )
        principal.check(timer)
        timer = self.prepare_actions(timer)
        for check in self.checks:
            check(timer)
        if principal.via is not None:
            timer = replace(timer, via=principal.via)
        if self.limits:
            self.limits.check(principal, request, timer.fire_at_ms)
        self._store_charged(principal, timer)
        wake_directly(timer, self.wake_queue, self.clock)
        return timer

    def _retry_policy(self, principal: Principal, request: CreateTimerRequest) -> RetryPolicy:
        """Return the tenant's policy; a timer without actions needs none, and nothing is read for it."""
        acts = request.action_bundle is not None or request.agent_binding is not None
        return self.retry_policy(principal.tenant_id) if acts else RetryPolicy()

    def _store_charged(self, principal: Principal, timer: Timer) -> None:
        """Store a timer that is counted, last of all: what is refused before costs the tenant nothing."""
        if self.limits is None:
            self.store.create(timer)
            return
        charged = self.limits.charge(principal)
        try:
            self.store.create(timer)
        except DependencyUnavailableError:
            raise  # nobody knows whether it was stored, and what may exist stays counted
        except Exception:
            self.limits.refund(principal, charged)
            raise
