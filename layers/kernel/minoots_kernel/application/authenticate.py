"""Find out who calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

from minoots_kernel.application.ports import Clock, KeyStore
from minoots_kernel.domain.errors import UnauthenticatedError
from minoots_kernel.domain.tenancy import Principal, digest_key

__all__ = ["Authenticate"]

MAX_CACHED_KEYS = 10_000


@dataclass(slots=True)
class Authenticate:
    """Resolve API keys, remembering the answers for a while.

    The cache time is the bound on revocation: a key that was removed works at most that long in a warm function. Keys
    that are not known are looked up each time, so a new key works at once.
    """

    keys: KeyStore
    clock: Clock
    cache_ms: int
    _known: dict[str, tuple[int, Principal]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def __call__(self, api_key: str | None) -> Principal:
        """Return whom an API key stands for.

        Raises:
            UnauthenticatedError: If there is none, or it is not known.
        """
        if not api_key:
            raise UnauthenticatedError("Send your API key in the header X-API-Key or as Authorization: Bearer.")
        digest, now_ms = digest_key(api_key), self.clock.now_ms()
        cached = self._known.get(digest)
        if cached and now_ms < cached[0]:
            return cached[1]
        principal = self.keys.find(digest)
        with self._lock:
            if principal is None:
                self._known.pop(digest, None)
                raise UnauthenticatedError("The API key is not known.")
            if len(self._known) >= MAX_CACHED_KEYS:
                self._known.clear()
            self._known[digest] = (now_ms + self.cache_ms, principal)
        return principal
