"""Settings in memory."""

from __future__ import annotations

from threading import Lock

from minoots_kernel.domain.errors import VersionMismatchError
from minoots_kernel.domain.settings import Settings

__all__ = ["MemorySettingsStore"]


class MemorySettingsStore:
    """Settings in a dictionary."""

    def __init__(self) -> None:
        self._settings: dict[str, Settings] = {}
        self._lock = Lock()

    def get(self, tenant_id: str) -> Settings | None:
        """Return a tenant's settings; none if nothing was ever settled."""
        return self._settings.get(tenant_id)

    def put(self, settings: Settings) -> None:
        """Store settings if those that stand are one version behind; see the port."""
        with self._lock:
            stored = self._settings.get(settings.tenant_id)
            if (stored.version if stored else 0) != settings.version - 1:
                raise VersionMismatchError("The settings were changed by another request.")
            self._settings[settings.tenant_id] = settings
