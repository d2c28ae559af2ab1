"""Destinations in memory."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from minoots_kernel.application.ports import Page
from minoots_kernel.domain.destinations import Destination
from minoots_kernel.domain.errors import AlreadyExistsError, InvalidTimerError, VersionMismatchError

__all__ = ["MemoryDestinationStore"]


class MemoryDestinationStore:
    """Destinations in a dictionary."""

    def __init__(self) -> None:
        self._destinations: dict[tuple[str, str], Destination] = {}
        self._lock = Lock()

    def get_many(self, tenant_id: str, names: Sequence[str]) -> dict[str, Destination]:
        """Return those of the destinations that exist, by name."""
        with self._lock:
            return {
                name: self._destinations[tenant_id, name] for name in names if (tenant_id, name) in self._destinations
            }

    def create(self, destination: Destination) -> None:
        """Store a new destination; see the port."""
        with self._lock:
            key = destination.tenant_id, destination.name
            if key in self._destinations:
                raise AlreadyExistsError(f"There is a destination '{destination.name}' already.")
            self._destinations[key] = destination

    def replace(self, before: Destination, after: Destination) -> None:
        """Replace a destination if it still stands at the version of `before`; see the port."""
        with self._lock:
            key = after.tenant_id, after.name
            stored = self._destinations.get(key)
            if stored is None or stored.version != before.version:
                raise VersionMismatchError(f"'{after.name}' was changed by another request.")
            self._destinations[key] = after

    def delete(self, tenant_id: str, name: str) -> bool:
        """Remove a destination; say whether there was one."""
        with self._lock:
            return self._destinations.pop((tenant_id, name), None) is not None

    def page(self, tenant_id: str, *, limit: int, position: str | None = None) -> Page[Destination]:
        """List a tenant's destinations by name; see the port."""
        if position is not None and not (position.isascii() and 0 < len(position) <= 256):
            raise InvalidTimerError("The cursor is not one of this listing.", (("cursor", "leave it out to begin"),))
        with self._lock:
            names = sorted(name for tenant, name in self._destinations if tenant == tenant_id)
            rest = [name for name in names if position is None or name > position]
            found = tuple(self._destinations[tenant_id, name] for name in rest[:limit])
        return Page(found, found[-1].name if len(rest) > limit else None)
