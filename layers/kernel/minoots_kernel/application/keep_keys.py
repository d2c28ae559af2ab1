"""Make, show, rotate and revoke a tenant's API keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from minoots_contract.identity import CreateKeyRequest, RotateKeyRequest
from minoots_kernel.application.identity_ports import KeyStore
from minoots_kernel.application.ports import Clock, Page
from minoots_kernel.domain.api_keys import (
    ApiKey,
    KeySecret,
    digest_key,
    new_key_id,
    new_key_text,
    rotated,
)
from minoots_kernel.domain.errors import ForbiddenError, InvalidTimerError, NotFoundError, VersionMismatchError
from minoots_kernel.domain.roles import may_give
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.tenants import Tenant

__all__ = ["KeepKeys", "MadeKey"]

MAX_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key that was just made or rotated, and its text, which nobody can read again."""

    key: ApiKey
    text: str


@dataclass(frozen=True, slots=True)
class KeepKeys:
    """A tenant's API keys.

    Attributes:
        store: Where they are.
        clock: What time it is.
        random_bytes: Draws so many random bytes, fit for secrets.
        cache_ms: For how long whoever authenticates may remember a key, milliseconds.
    """

    store: KeyStore
    clock: Clock
    random_bytes: Callable[[int], bytes]
    cache_ms: int

    def create(self, principal: Principal, request: CreateKeyRequest, tenant: Tenant | None = None) -> MadeKey:
        """Make a key for the principal's tenant, or for another if one is given.

        Raises:
            ForbiddenError: If it is to have a role that the principal may not give.
            InvalidTimerError: If it would have ended already.
        """
        beyond = sorted(set(request.roles) - may_give(principal.roles))
        if beyond:
            raise ForbiddenError(
                f"You cannot give what you do not have: {', '.join(beyond)}.", (("roles", "leave these out"),)
            )
        now_ms = self.clock.now_ms()
        key_id = new_key_id(self.random_bytes)
        text = new_key_text(key_id, self.random_bytes)
        key = ApiKey(
            id=key_id,
            tenant_id=tenant.id if tenant else principal.tenant_id,
            name=request.name,
            roles=frozenset(request.roles),
            secrets=(KeySecret(digest_key(text)),),
            created_at_ms=now_ms,
            created_by=principal.subject,
            expires_at_ms=_ends_at(request.expires_in, request.expires_at, now_ms),
        )
        principal.check(*([tenant] if tenant else []), key)
        self.store.create(key)
        return MadeKey(key, text)

    def get(self, principal: Principal, key_id: str) -> ApiKey:
        """Return one of the tenant's keys.

        Raises:
            NotFoundError: If there is none of that id; another tenant's looks the same.
        """
        key = self.store.find(key_id)
        if key is None or key.tenant_id != principal.tenant_id:
            raise NotFoundError("There is no such key.")
        principal.check(key)
        return key

    def page(self, principal: Principal, *, limit: int, position: str | None) -> Page[ApiKey]:
        """List those of the tenant's keys that the principal may read, by id."""
        page = self.store.page(principal.tenant_id, limit=limit, position=position)
        return Page(principal.visible(page.items), page.next_position)

    def rotate(self, principal: Principal, key_id: str, request: RotateKeyRequest) -> MadeKey:
        """Give a key a new text; the one before works until the overlap is over.

        Raises:
            NotFoundError: If there is none of that id.
            ForbiddenError: If it has a role that the principal may not give: it could take the key's place.
            StateConflictError: If the key has expired, or is none that was made here.
        """
        for _ in range(MAX_TRIES):
            before = self.get(principal, key_id)
            if before.roles - may_give(principal.roles):
                raise ForbiddenError("The key may do what you may not.")
            now_ms = self.clock.now_ms()
            text = new_key_text(key_id, self.random_bytes)
            ends_at_ms = _ends_at(request.expires_in, request.expires_at, now_ms)
            after = rotated(before, text, now_ms, request.overlap, ends_at_ms)
            try:
                self.store.replace(before, after)
            except VersionMismatchError:
                continue
            return MadeKey(after, text)
        raise VersionMismatchError("Others keep rotating this key.")

    def revoke(self, principal: Principal, key_id: str) -> int:
        """Remove a key.

        Returns:
            Until when a server that remembers it may still accept it, epoch milliseconds.

        Raises:
            NotFoundError: If there is none of that id.
        """
        key = self.get(principal, key_id)
        if not self.store.delete(key):
            raise NotFoundError("There is no such key.")
        return self.clock.now_ms() + self.cache_ms


def _ends_at(in_ms: int | None, at_ms: int | None, now_ms: int) -> int | None:
    ends_at_ms = at_ms if in_ms is None else now_ms + in_ms
    if ends_at_ms is not None and ends_at_ms <= now_ms:
        raise InvalidTimerError("The key would have ended already.", (("expiresAt", "lies in the past"),))
    return ends_at_ms
