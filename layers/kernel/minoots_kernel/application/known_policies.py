"""The policies of tenants, remembered for a while, ready to be asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from minoots_kernel.application.policy_ports import PolicyEngine, PolicyStore, Rules
from minoots_kernel.application.ports import Clock

__all__ = ["InForce", "KnownPolicies"]

MAX_TENANTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class InForce:
    """What decides upon a tenant's calls.

    Attributes:
        version: The latest version of its policies; 0 if it never had any.
        rules: Its own policies; none if its roles decide.
    """

    version: int
    rules: Rules | None


@dataclass(slots=True)
class KnownPolicies:
    """Looks policies up, at most once in `cache_ms` for each tenant: one read of a unit.

    The cache time is the bound on how long a change of policies is not yet heeded elsewhere. Policies that cannot be
    read are not taken for none: the call fails.
    """

    store: PolicyStore
    engine: PolicyEngine
    clock: Clock
    cache_ms: int
    _known: dict[str, tuple[int, InForce]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, tenant_id: str) -> InForce:
        """Return what decides upon a tenant's calls.

        Raises:
            DependencyUnavailableError: If the store does not answer.
        """
        now_ms = self.clock.now_ms()
        until_ms, known = self._known.get(tenant_id, (0, None))
        if known is not None and now_ms < until_ms:
            return known
        found = self.store.latest(tenant_id)
        version = found.version if found else 0
        if known is None or known.version != version:
            known = InForce(version, None if found is None or found.text is None else self.engine.compile(found.text))
        with self._lock:
            if len(self._known) >= MAX_TENANTS:
                self._known.clear()
            self._known[tenant_id] = now_ms + self.cache_ms, known
        return known

    def forget(self, tenant_id: str) -> None:
        """Look a tenant's policies up again when they are needed next."""
        with self._lock:
            self._known.pop(tenant_id, None)
