"""Create a timer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from minoots_contract.late_policy import LatePolicy
from minoots_contract.retry import RetryPolicy
from minoots_contract.timers import CreateTimerRequest
from minoots_kernel.application.hints import wake_directly
from minoots_kernel.application.limits import Limits
from minoots_kernel.application.ports import Clock, IdFactory, TimerKey, TimerStore, WakeQueue
from minoots_kernel.application.prepare_actions import PrepareActions
from minoots_kernel.domain.creation import new_timer
from minoots_kernel.domain.errors import (
    AlreadyExistsError,
    DependencyUnavailableError,
    ForbiddenError,
    IdempotencyMismatchError,
    MinootsError,
)
from minoots_kernel.domain.keyed_creates import derived_id, request_digest
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

    def __call__(
        self, principal: Principal, request: CreateTimerRequest, *, idempotency_key: str | None = None
    ) -> Timer:
        """Create a timer for the principal's tenant.

        Args:
            principal: Who calls.
            request: What is wanted.
            idempotency_key: Asked again with the same key, the timer is not created again: it is returned as it is by
                then, for as long as it is kept.

        Raises:
            ForbiddenError: If the request names another tenant, or the principal may not create such a timer.
            InvalidTimerError: If the due time is one that cannot be, or an action cannot be done.
            TargetNotAllowedError: If an action's target is not one that the deployment allows.
            BeyondTierError: If the tenant's tier allows no such timer.
            QuotaExceededError: If it allows no more of them now.
            IdempotencyMismatchError: If the key came with another request.
            DependencyUnavailableError: If a store does not answer; the timer may then exist.
        """
        if idempotency_key is None:
            timer = self.drafted(principal, request)
            self._store_charged(principal, timer)
        else:
            timer = self.once(principal, request, idempotency_key)
        # Of one that exists already, too: the request before may have crashed between its write and this.
        wake_directly(timer, self.wake_queue, self.clock)
        return timer

    def drafted(
        self,
        principal: Principal,
        request: CreateTimerRequest,
        timer_id: str | None = None,
        permit: Callable[[Timer], None] | None = None,
    ) -> Timer:
        """Return the timer that a request asks for, checked and not stored; raises as the call, but for the store's.

        Args:
            principal: Who calls.
            request: What is wanted.
            timer_id: The timer's id; a fresh one without it.
            permit: Says whether the principal may create it; the principal's own authority without it.
        """
        _check_tenant(principal, request)
        timer = new_timer(
            request,
            timer_id=timer_id or self.ids.new_id(),
            tenant_id=principal.tenant_id,
            now_ms=self.clock.now_ms(),
            late_policy=self.late_policy,
            subject=principal.subject,
            retry_policy=self._retry_policy(principal, request),
        )
        (permit or principal.check)(timer)
        timer = self.prepare_actions(timer)
        for check in self.checks:
            check(timer)
        if principal.via is not None:
            timer = replace(timer, via=principal.via)
        if self.limits:
            self.limits.check(principal, request, timer.fire_at_ms)
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

    def once(
        self,
        principal: Principal,
        request: CreateTimerRequest,
        key: str,
        permit: Callable[[Timer], None] | None = None,
    ) -> Timer:
        """Store a timer unless its key was heard before, and return it without waking it; raises as the call.

        The store is read only when it refuses, or when the request cannot be done any more: that its time has passed
        since, or its destination is gone, takes nothing back from the timer that it made.
        """
        _check_tenant(principal, request)
        timer_id, digest = derived_id(principal.tenant_id, key), request_digest(request)
        try:
            timer = replace(self.drafted(principal, request, timer_id, permit), request=digest)
            self._store_charged(principal, timer)
        except (DependencyUnavailableError, ForbiddenError):
            raise
        except MinootsError as error:
            stored = self.store.get(TimerKey(principal.tenant_id, timer_id))
            if stored is None:
                raise _unless_taken(error) from error
            (permit or principal.check)(stored)
            if stored.request != digest:
                raise IdempotencyMismatchError(
                    "This key came with another request before: take a new key for a new timer.",
                    (("Idempotency-Key", f"timer '{timer_id}' was created with it, by another request"),),
                ) from error
            return stored
        return timer


def _check_tenant(principal: Principal, request: CreateTimerRequest) -> None:
    if request.tenant_id is not None and request.tenant_id != principal.tenant_id:
        raise ForbiddenError(
            f"Your key belongs to tenant '{principal.tenant_id}'.",
            (("tenantId", "leave it out, or name your own tenant"),),
        )


def _unless_taken(error: MinootsError) -> MinootsError:
    """Return the error to tell: a timer that was there, and is not, ended its retention between the two looks."""
    if isinstance(error, AlreadyExistsError):
        return DependencyUnavailableError("The timer of this key was being removed; try again.")
    return error
