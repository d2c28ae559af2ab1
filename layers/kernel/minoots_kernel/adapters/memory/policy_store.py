"""Policies in memory."""

from __future__ import annotations

from threading import Lock

from minoots_kernel.application.ports import Page
from minoots_kernel.domain.errors import InvalidTimerError, VersionMismatchError
from minoots_kernel.domain.policies import PolicyVersion

__all__ = ["MemoryPolicyStore"]


class MemoryPolicyStore:
    """Versions in a list per tenant."""

    def __init__(self) -> None:
        self._versions: dict[str, list[PolicyVersion]] = {}
        self._lock = Lock()

    def latest(self, tenant_id: str) -> PolicyVersion | None:
        """Return the latest version, or none."""
        versions = self._versions.get(tenant_id)
        return versions[-1] if versions else None

    def get(self, tenant_id: str, version: int) -> PolicyVersion | None:
        """Return a version, or none."""
        versions = self._versions.get(tenant_id, [])
        return versions[version - 1] if 1 <= version <= len(versions) else None

    def put(self, policies: PolicyVersion) -> None:
        """Store the version that follows the latest; see the port."""
        with self._lock:
            versions = self._versions.setdefault(policies.tenant_id, [])
            if policies.version != len(versions) + 1:
                raise VersionMismatchError("The policies were changed by another request.")
            versions.append(policies)

    def page(self, tenant_id: str, *, limit: int, position: str | None = None) -> Page[PolicyVersion]:
        """List a tenant's versions, the latest first; see the port."""
        if position is not None and not (position.isascii() and position.isdigit()):
            raise InvalidTimerError("The cursor is not one of this listing.", (("cursor", "leave it out to begin"),))
        below = [one for one in self._versions.get(tenant_id, []) if position is None or one.version < int(position)]
        found = below[::-1][:limit]
        return Page(tuple(found), str(found[-1].version) if len(below) > limit else None)
