"""Make, show, change and suspend tenants: the work of operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from minoots_contract.identity import CreateKeyRequest
from minoots_contract.tenants import ChangeTenantRequest, CreateTenantRequest
from minoots_kernel.application.identity_ports import TenantStore
from minoots_kernel.application.keep_keys import KeepKeys, MadeKey
from minoots_kernel.application.ports import Clock, Page
from minoots_kernel.domain.errors import NotFoundError, StateConflictError, VersionMismatchError
from minoots_kernel.domain.guards import check_version
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.tenants import Tenant, resumed, suspended

__all__ = ["KeepTenants"]

MAX_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class KeepTenants:
    """All tenants that there is a record of."""

    store: TenantStore
    keys: KeepKeys
    clock: Clock

    def create(self, principal: Principal, request: CreateTenantRequest) -> Tenant:
        """Make a tenant's record.

        Raises:
            AlreadyExistsError: If there is one of that id.
        """
        tenant = Tenant(request.id, request.tier, self.clock.now_ms(), request.name, audit_days=request.audit_days)
        principal.check(tenant)
        self.store.create(tenant)
        return tenant

    def get(self, tenant_id: str) -> Tenant:
        """Return a tenant.

        Raises:
            NotFoundError: If there is no record of it.
        """
        tenant = self.store.find(tenant_id)
        if tenant is None:
            raise NotFoundError("There is no such tenant.")
        return tenant

    def known(self, tenant_id: str) -> Tenant:
        """Return a tenant, or what one is of which there is no record."""
        return self.store.find(tenant_id) or Tenant(tenant_id, "free", self.clock.now_ms())

    def page(self, *, limit: int, position: str | None) -> Page[Tenant]:
        """List the tenants, by id."""
        return self.store.page(limit=limit, position=position)

    def change(
        self,
        principal: Principal,
        tenant_id: str,
        request: ChangeTenantRequest,
        *,
        versions: frozenset[int] | None = None,
    ) -> Tenant:
        """Give a tenant another name or tier, or its audit another time, if its record stands at one of the versions.

        Raises:
            VersionMismatchError: If it stands at another.
            NotFoundError: If there is no record of it.
        """

        def changed(tenant: Tenant) -> Tenant:
            name = tenant.name if request.name is None else request.name
            days = request.audit_days if request.sets_audit_days else tenant.audit_days
            tier = request.tier or tenant.tier
            return replace(tenant, name=name, tier=tier, audit_days=days, version=tenant.version + 1)

        return self._change(principal, tenant_id, changed, versions)

    def suspend(
        self, principal: Principal, tenant_id: str, reason: str | None, *, versions: frozenset[int] | None = None
    ) -> Tenant:
        """Shut a tenant's callers out. Its timers fire all the same: they were promised.

        Raises:
            VersionMismatchError: If its record stands at none of the versions.
            NotFoundError: If there is no record of it.
            StateConflictError: If it is the operator's own.
        """
        if tenant_id == principal.tenant_id:
            raise StateConflictError("Nobody suspends their own tenant: they could not take it back.")

        def changed(tenant: Tenant) -> Tenant:
            return suspended(tenant, self.clock.now_ms(), reason)

        return self._change(principal, tenant_id, changed, versions)

    def resume(self, principal: Principal, tenant_id: str, *, versions: frozenset[int] | None = None) -> Tenant:
        """Let a tenant's callers in again.

        Raises:
            VersionMismatchError: If its record stands at none of the versions.
            NotFoundError: If there is no record of it.
        """
        return self._change(principal, tenant_id, resumed, versions)

    def create_key(self, principal: Principal, tenant_id: str, request: CreateKeyRequest) -> MadeKey:
        """Make a key for a tenant, such as its first.

        Raises:
            NotFoundError: If there is no record of it.
            InvalidTimerError: If the key would have ended already.
        """
        return self.keys.create(principal, request, self.get(tenant_id))

    def _change(
        self,
        principal: Principal,
        tenant_id: str,
        change: Callable[[Tenant], Tenant],
        versions: frozenset[int] | None,
    ) -> Tenant:
        for _ in range(MAX_TRIES):
            before = self.get(tenant_id)
            check_version(before.version, versions)
            after = change(before)
            if after == before:
                return before
            principal.check(after)
            try:
                self.store.replace(before, after)
            except VersionMismatchError:
                continue
            return after
        raise VersionMismatchError("Others keep changing this tenant.")
