"""API keys in memory."""

from __future__ import annotations

from minoots_kernel.domain.tenancy import Principal

__all__ = ["MemoryKeyStore"]


class MemoryKeyStore:
    """API keys in a dictionary."""

    def __init__(self) -> None:
        self._principals: dict[str, Principal] = {}

    def find(self, digest: str) -> Principal | None:
        """Return whom the key with this digest (lower-case hex) stands for."""
        return self._principals.get(digest)

    def put(self, digest: str, principal: Principal) -> None:
        """Store a key, replacing one of the same digest."""
        self._principals[digest] = principal
