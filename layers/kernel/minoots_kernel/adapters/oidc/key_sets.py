"""The public keys of issuers, fetched when they are needed and kept for a while."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from minoots_kernel.adapters.oidc.issuers import is_fetchable
from minoots_kernel.application.ports import Clock
from minoots_kernel.domain.errors import DependencyUnavailableError
from minoots_kernel.domain.tokens import TrustedIssuer

__all__ = ["FetchError", "KeySets"]

logger = logging.getLogger(__name__)

FRESH_MS: Final = 600_000
"""How long a key set is used without a look whether there is a newer one."""

STALE_MS: Final = 86_400_000
"""How long it is used while its issuer does not answer."""

BETWEEN_FETCHES_MS: Final = 60_000
"""The least time between two looks, whatever tokens come in: unknown key ids are anybody's to invent."""

MAX_KEYS: Final = 100

Fetch = Callable[[str], bytes]
Jwk = Mapping[str, Any]


class FetchError(Exception):
    """A document cannot be had; the message is for the log."""


@dataclass(frozen=True, slots=True)
class _Fetched:
    keys: tuple[Jwk, ...]
    at_ms: int

    def younger_than(self, age_ms: int, now_ms: int) -> bool:
        return now_ms - self.at_ms < age_ms


@dataclass(slots=True)
class _KeySet:
    fetched: _Fetched | None = None
    tried_at_ms: int | None = None
    lock: Lock = field(default_factory=Lock)


class KeySets:
    """The key sets of all issuers.

    Args:
        fetch: Returns what is at a URL.
        clock: What time it is.
    """

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._sets: dict[str, _KeySet] = {}

    def of(self, issuer: TrustedIssuer, *, newer: bool = False) -> tuple[Jwk, ...]:
        """Return an issuer's keys.

        Args:
            issuer: Whose keys.
            newer: Whether those that are kept lack one that is looked for; there is a bound on how often that helps.

        Raises:
            DependencyUnavailableError: If there are none, and the issuer does not answer.
        """
        kept = self._sets.setdefault(issuer.issuer, _KeySet())
        found = kept.fetched
        # Nobody whose key is known waits for a look that somebody else's token has caused.
        if not newer and found is not None and found.younger_than(FRESH_MS, self._clock.now_ms()):
            return found.keys
        with kept.lock:
            now_ms = self._clock.now_ms()
            fresh = kept.fetched is not None and kept.fetched.younger_than(FRESH_MS, now_ms)
            if (newer or not fresh) and _may_try(kept, now_ms):
                self._refresh(kept, issuer, now_ms)
            if kept.fetched is None or not kept.fetched.younger_than(STALE_MS, now_ms):
                raise DependencyUnavailableError("The token's issuer does not say which keys it signs with.")
            return kept.fetched.keys

    def _refresh(self, kept: _KeySet, issuer: TrustedIssuer, now_ms: int) -> None:
        kept.tried_at_ms = now_ms
        try:
            document = self._json(issuer.jwks_uri or self._described(issuer))
            keys = document.get("keys")
            if not isinstance(keys, list) or len(keys) > MAX_KEYS:
                raise FetchError(f"a key set has a list of at most {MAX_KEYS} keys")
        except FetchError as error:
            logger.warning("keys not fetched", extra={"issuer": issuer.issuer, "reason": str(error)})
            return
        kept.fetched = _Fetched(tuple(key for key in keys if isinstance(key, dict)), now_ms)

    def _described(self, issuer: TrustedIssuer) -> str:
        """Ask an issuer where its keys are (OpenID Connect Discovery 1.0, 4)."""
        document = self._json(f"{issuer.issuer.rstrip('/')}/.well-known/openid-configuration")
        uri = document.get("jwks_uri")
        if document.get("issuer") != issuer.issuer:
            raise FetchError("the description is another issuer's")
        if not isinstance(uri, str) or not is_fetchable(uri):
            raise FetchError("the description names no https URL of keys")
        return uri

    def _json(self, url: str) -> dict[str, Any]:
        try:
            document = json.loads(self._fetch(url))
        except (ValueError, RecursionError) as error:
            raise FetchError(f"{url} is not JSON") from error
        if not isinstance(document, dict):
            raise FetchError(f"{url} is not a JSON object")
        return document


def _may_try(kept: _KeySet, now_ms: int) -> bool:
    return kept.tried_at_ms is None or now_ms - kept.tried_at_ms >= BETWEEN_FETCHES_MS
