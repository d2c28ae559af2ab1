"""Read and change what a tenant settles for all its timers."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from minoots_contract.retry import RetryPolicy
from minoots_contract.settings import PutSettingsRequest
from minoots_kernel.application.ports import Clock
from minoots_kernel.application.settings_ports import SettingsStore
from minoots_kernel.domain.authority import Thing
from minoots_kernel.domain.errors import VersionMismatchError
from minoots_kernel.domain.settings import Settings
from minoots_kernel.domain.tenancy import Principal

__all__ = ["SETTINGS_CACHE_MS", "KeepSettings"]

SETTINGS_CACHE_MS: Final = 60_000
"""For how long a process may go on creating timers by settings that were changed in another."""

MAX_CACHED_TENANTS: Final = 10_000
MAX_TRIES: Final = 3


@dataclass(slots=True)
class KeepSettings:
    """The settings of tenants, remembered for a while; that a tenant has none is remembered, too."""

    store: SettingsStore
    clock: Clock
    cache_ms: int = SETTINGS_CACHE_MS
    _known: dict[str, tuple[int, Settings]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def get(self, principal: Principal) -> Settings:
        """Return the settings of the principal's tenant as they stand; the defaults if nothing was settled."""
        return self._remember(self._read(principal.tenant_id))

    def put(
        self, principal: Principal, request: PutSettingsRequest, *, versions: frozenset[int] | None = None
    ) -> Settings:
        """Settle anew, for timers that are created from now on.

        Args:
            principal: Whose settings.
            request: All of them.
            versions: The versions upon which this may be done; any when none.

        Raises:
            VersionMismatchError: If they stand at another version, or others change them again and again.
        """
        for attempt in range(1, MAX_TRIES + 1):
            standing = self._read(principal.tenant_id)
            if versions is not None and standing.version not in versions:
                raise VersionMismatchError(f"The settings are at version {standing.version} by now: read them again.")
            policy = request.retry_policy.over(RetryPolicy())
            after = Settings(principal.tenant_id, policy, standing.version + 1, self.clock.now_ms())
            principal.check(Thing("Tenant", principal.tenant_id))
            try:
                self.store.put(after)
            except VersionMismatchError:
                if attempt == MAX_TRIES:
                    raise
            else:
                break
        return self._remember(after)

    def retry_policy(self, tenant_id: str) -> RetryPolicy:
        """Return the policy for what a new timer's bundle leaves open.

        Raises:
            DependencyUnavailableError: If it is not known and the store does not answer.
        """
        known = self._known.get(tenant_id)
        if known is not None and self.clock.now_ms() < known[0]:
            return known[1].retry_policy
        return self._remember(self._read(tenant_id)).retry_policy

    def _read(self, tenant_id: str) -> Settings:
        return self.store.get(tenant_id) or Settings(tenant_id)

    def _remember(self, settings: Settings) -> Settings:
        with self._lock:
            if len(self._known) >= MAX_CACHED_TENANTS:
                self._known.clear()
            self._known[settings.tenant_id] = (self.clock.now_ms() + self.cache_ms, settings)
        return settings
