"""Find out who calls."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Generic, Literal, TypeVar

from minoots_kernel.application.identity_ports import KeyStore, TenantStore, TokenVerifier
from minoots_kernel.application.ports import Clock
from minoots_kernel.domain.api_keys import MAX_KEY_CHARACTERS, ApiKey, digest_key, key_id_of
from minoots_kernel.domain.errors import DependencyUnavailableError, TenantSuspendedError, UnauthenticatedError
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.tenants import Tenant

__all__ = ["Authenticate"]

logger = logging.getLogger(__name__)

MAX_REMEMBERED = 10_000
"""Most credentials of each sort that are remembered."""

T = TypeVar("T")


class _Memory(Generic[T]):
    """What credentials turned out to be, by their digests, each until some time."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, T]] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, digest: str, now_ms: int) -> T | None:
        found = self._known.get(digest)
        return found[1] if found and now_ms < found[0] else None

    def put(self, digest: str, value: T, until_ms: int) -> None:
        with self._lock:
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            self._known[digest] = until_ms, value

    def forget(self, digest: str) -> None:
        with self._lock:
            self._known.pop(digest, None)


@dataclass(slots=True)
class Authenticate:
    """Resolve API keys and access tokens, remembering the answers for a while.

    The cache time is the bound on revocation: a key that was removed works at most that long in a warm function; when
    one expires is known beforehand, and kept to the millisecond. Keys that are not known are looked up each time, so a
    new key works at once.

    Attributes:
        keys: The API keys.
        clock: What time it is.
        cache_ms: How long an answer is remembered, milliseconds.
        tokens: Reads access tokens; none if the deployment trusts no issuer.
        tenants: The tenants' records, which have the last word about a tier; none if there are none.
    """

    keys: KeyStore
    clock: Clock
    cache_ms: int
    tokens: TokenVerifier | None = None
    tenants: TenantStore | None = None
    _keys: _Memory[ApiKey] = field(default_factory=_Memory)
    _callers: _Memory[Principal] = field(default_factory=_Memory)
    _standings: _Memory[Tenant | Literal["unknown"]] = field(default_factory=_Memory)

    def __call__(self, api_key: str | None, bearer: str | None = None) -> Principal:
        """Return whom a credential stands for.

        Args:
            api_key: What was sent as a key.
            bearer: What was sent as a bearer token: an access token, or a key as well. A key beside it goes first.

        Raises:
            UnauthenticatedError: If there is none, or it is not known or has expired.
            ForbiddenError: If it is a good token that names no tenant that its issuer may speak for.
            TenantSuspendedError: If the tenant is suspended.
        """
        if self.tokens and bearer and not api_key and _is_token(bearer):
            return self._in_good_standing(self._by_token(self.tokens, bearer))
        return self._in_good_standing(self._by_key(api_key or bearer))

    def _in_good_standing(self, principal: Principal) -> Principal:
        if self.tenants is None:
            return principal
        tenant_id, now_ms = principal.tenant_id, self.clock.now_ms()
        tenant = self._standings.get(tenant_id, now_ms)
        if tenant is None:
            tenant = self.tenants.find(tenant_id) or "unknown"
            self._standings.put(tenant_id, tenant, now_ms + self.cache_ms)
        if tenant == "unknown":
            return principal
        if tenant.suspended_at_ms is not None:
            raise TenantSuspendedError(tenant.suspended_reason or "The operators of this service say why.")
        if (principal.tier, principal.audit_days) == (tenant.tier, tenant.audit_days):
            return principal
        return replace(principal, tier=tenant.tier, audit_days=tenant.audit_days)

    def _by_key(self, text: str | None) -> Principal:
        if not text:
            raise UnauthenticatedError("Send your API key in the header X-API-Key or as Authorization: Bearer.")
        if len(text) > MAX_KEY_CHARACTERS:
            raise _unknown()
        digest, now_ms = digest_key(text), self.clock.now_ms()
        key = self._keys.get(digest, now_ms) or self._look_up(text, digest, now_ms)
        if key.expired(now_ms):
            raise UnauthenticatedError("The API key has expired.", shown=True)
        if not key.accepts(digest, now_ms):
            raise _unknown()
        return key.principal(digest)

    def _look_up(self, text: str, digest: str, now_ms: int) -> ApiKey:
        key = self.keys.find(key_id_of(text))
        if key is None or not any(one.digest == digest for one in key.secrets):
            self._keys.forget(digest)
            raise _unknown()
        self._keys.put(digest, key, now_ms + self.cache_ms)
        if key.accepts(digest, now_ms) and key.use_is_news(now_ms):
            self._note_use(key, now_ms)
        return key

    def _note_use(self, key: ApiKey, now_ms: int) -> None:
        try:
            self.keys.note_use(key, now_ms)
        except DependencyUnavailableError as error:
            # That a key was used is nice to know, and no reason to turn its holder away.
            logger.warning("use of a key was not noted", extra={"keyId": key.id, "reason": str(error.__cause__)})

    def _by_token(self, tokens: TokenVerifier, token: str) -> Principal:
        digest, now_ms = digest_key(token), self.clock.now_ms()
        principal = self._callers.get(digest, now_ms)
        if principal is None:
            principal = tokens(token)
            ends_at_ms = principal.expires_at_ms if principal.expires_at_ms is not None else now_ms
            self._callers.put(digest, principal, min(now_ms + self.cache_ms, ends_at_ms))
        return principal


def _unknown() -> UnauthenticatedError:
    return UnauthenticatedError("The API key is not known.", shown=True)


def _is_token(text: str) -> bool:
    """Tell whether a bearer token is a JWT by its form: three parts, the first the beginning of a JSON object."""
    return text.startswith("ey") and text.count(".") == 2
