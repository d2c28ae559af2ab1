"""What the use cases about settings need of the world; as `ports`, of which this is a part by another name."""

from __future__ import annotations

from typing import Protocol

from minoots_kernel.domain.settings import Settings

__all__ = ["SettingsStore"]


class SettingsStore(Protocol):
    """Settings, one item for each tenant that settled something. Reads are strongly consistent."""

    def get(self, tenant_id: str) -> Settings | None:
        """Return a tenant's settings; none if nothing was ever settled."""
        ...

    def put(self, settings: Settings) -> None:
        """Store settings if those that stand are one version behind; version 1 if there are none.

        A write whose answer was lost and that is made again by the client library counts as done, not as a mismatch.

        Raises:
            VersionMismatchError: If another write came first.
        """
        ...
