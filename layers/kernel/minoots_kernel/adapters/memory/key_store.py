"""API keys in memory."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock

from minoots_kernel.application.ports import Page
from minoots_kernel.domain.api_keys import ApiKey
from minoots_kernel.domain.errors import AlreadyExistsError, InvalidTimerError, VersionMismatchError

__all__ = ["MemoryKeyStore"]


class MemoryKeyStore:
    """API keys in a dictionary."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}
        self._lock = Lock()

    def find(self, key_id: str) -> ApiKey | None:
        """Return the key of that id, whosever it is."""
        return self._keys.get(key_id)

    def create(self, key: ApiKey) -> None:
        """Store a new key; see the port."""
        with self._lock:
            if key.id in self._keys:
                raise AlreadyExistsError(f"There is a key '{key.id}' already.")
            self._keys[key.id] = key

    def put(self, key: ApiKey) -> None:
        """Store a key, replacing one of the same id; see the port."""
        with self._lock:
            stored = self._keys.get(key.id)
            self._keys[key.id] = replace(key, last_used_at_ms=stored.last_used_at_ms) if stored else key

    def replace(self, before: ApiKey, after: ApiKey) -> None:
        """Replace a key if it still stands at the version of `before`; see the port."""
        with self._lock:
            stored = self._keys.get(after.id)
            if stored is None or stored.version != before.version:
                raise VersionMismatchError(f"The key '{after.id}' was changed by another request.")
            self._keys[after.id] = replace(after, last_used_at_ms=stored.last_used_at_ms)

    def note_use(self, key: ApiKey, now_ms: int) -> None:
        """Take down that a key is used; see the port."""
        with self._lock:
            stored = self._keys.get(key.id)
            if stored is not None and stored.use_is_news(now_ms):
                self._keys[key.id] = replace(stored, last_used_at_ms=now_ms)

    def delete(self, key: ApiKey) -> bool:
        """Remove a key; say whether it was there."""
        with self._lock:
            return self._keys.pop(key.id, None) is not None

    def page(self, tenant_id: str, *, limit: int, position: str | None = None) -> Page[ApiKey]:
        """List a tenant's keys by id; see the port."""
        if position is not None and not position.isascii():
            raise InvalidTimerError("The cursor is not one of this listing.", (("cursor", "leave it out to begin"),))
        with self._lock:
            mine = sorted(key.id for key in self._keys.values() if key.tenant_id == tenant_id)
        after = [key_id for key_id in mine if position is None or key_id > position]
        found = tuple(self._keys[key_id] for key_id in after[:limit])
        return Page(found, after[limit - 1] if len(after) > limit else None)
