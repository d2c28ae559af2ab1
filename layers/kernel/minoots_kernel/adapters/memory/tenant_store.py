"""Tenants in memory."""

from __future__ import annotations

from threading import Lock

from minoots_kernel.application.ports import Page
from minoots_kernel.domain.errors import AlreadyExistsError, InvalidTimerError, VersionMismatchError
from minoots_kernel.domain.tenants import Tenant

__all__ = ["MemoryTenantStore"]


class MemoryTenantStore:
    """Tenants in a dictionary."""

    def __init__(self) -> None:
        self._tenants: dict[str, Tenant] = {}
        self._lock = Lock()

    def find(self, tenant_id: str) -> Tenant | None:
        """Return the record of a tenant, or none."""
        return self._tenants.get(tenant_id)

    def create(self, tenant: Tenant) -> None:
        """Store a new record; see the port."""
        with self._lock:
            if tenant.id in self._tenants:
                raise AlreadyExistsError(f"There is a tenant '{tenant.id}' already.")
            self._tenants[tenant.id] = tenant

    def replace(self, before: Tenant, after: Tenant) -> None:
        """Replace a record if it still stands at the version of `before`; see the port."""
        with self._lock:
            stored = self._tenants.get(after.id)
            if stored is None or stored.version != before.version:
                raise VersionMismatchError(f"The tenant '{after.id}' was changed by another request.")
            self._tenants[after.id] = after

    def page(self, *, limit: int, position: str | None = None) -> Page[Tenant]:
        """List the records by id; see the port."""
        if position is not None and not position.isascii():
            raise InvalidTimerError("The cursor is not one of this listing.", (("cursor", "leave it out to begin"),))
        after = [one for one in sorted(self._tenants) if position is None or one > position]
        found = tuple(self._tenants[one] for one in after[:limit])
        return Page(found, after[limit - 1] if len(after) > limit else None)
