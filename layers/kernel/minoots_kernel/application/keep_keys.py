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
from minoots_kernel.domain.errors import AlreadyExistsError, InvalidTimerError, NotFoundError, VersionMismatchError
from minoots_kernel.domain.key_giving import check_making, check_revoking, check_rotating
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.tenants import Tenant

__all__ = ["KeepKeys", "MadeKey"]

MAX_TRIES: Final = 5
NAMES_AT_A_TIME: Final = 100


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key that was just made or rotated, and its text, which nobody can read again.

    Attributes:
        key: The key.
        text: Its text.
        works_until_ms: Of a rotated key, until when a text before may still be accepted, epoch milliseconds.
    """

    key: ApiKey
    text: str
    works_until_ms: int | None = None


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
            ForbiddenError: If it would be more than the principal, or for longer, or the principal makes no keys.
            InvalidTimerError: If it would have ended already, or has a name that no key may have.
            AlreadyExistsError: If another of the tenant's keys has its name.
        """
        now_ms = self.clock.now_ms()
        ends_at_ms = _ends_at(request.expires_in, request.expires_at, now_ms)
        check_making(principal, request, ends_at_ms, elsewhere=tenant is not None)
        tenant_id = tenant.id if tenant else principal.tenant_id
        self._check_name(tenant_id, request.name, now_ms)
        key_id = new_key_id(self.random_bytes)
        text = new_key_text(key_id, self.random_bytes)
        key = ApiKey(
            id=key_id,
            tenant_id=tenant_id,
            name=request.name,
            roles=frozenset(request.roles),
            secrets=(KeySecret(digest_key(text)),),
            created_at_ms=now_ms,
            created_by=principal.subject,
            expires_at_ms=ends_at_ms,
            # A tenant that operators keep a record of has its tier from there.
            tier=None if tenant else principal.tier,
        )
        principal.check(*([tenant] if tenant else []), key)
        self.store.create(key)
        return MadeKey(key, text)

    def get(self, principal: Principal, key_id: str) -> ApiKey:
        """Return one of the tenant's keys.

        Raises:
            NotFoundError: If there is none of that id; another tenant's looks the same.
        """
        key = self._find(principal, key_id)
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
            ForbiddenError: If it has a role that the principal may not give, is another's, or would outlast it.
            StateConflictError: If the key has expired, or is none that was made here.
        """
        for _ in range(MAX_TRIES):
            before = self._find(principal, key_id)
            now_ms = self.clock.now_ms()
            ends_at_ms = _ends_at(request.expires_in, request.expires_at, now_ms)
            check_rotating(principal, before, ends_at_ms)
            principal.check(before)
            text = new_key_text(key_id, self.random_bytes)
            after = rotated(before, text, now_ms, request.overlap, ends_at_ms)
            try:
                self.store.replace(before, after)
            except VersionMismatchError:
                continue
            overlaps = [one.until_ms for one in after.secrets if one.until_ms is not None]
            return MadeKey(after, text, max(now_ms + self.cache_ms, *overlaps))
        raise VersionMismatchError("Others keep rotating this key.")

    def revoke(self, principal: Principal, key_id: str) -> int:
        """Remove a key.

        Returns:
            Until when a server that remembers it may still accept it, epoch milliseconds.

        Raises:
            NotFoundError: If there is none of that id.
            ForbiddenError: If it has a role that the principal may not give.
        """
        key = self._find(principal, key_id)
        check_revoking(principal, key)
        principal.check(key)
        if not self.store.delete(key):
            raise NotFoundError("There is no such key.")
        return self.clock.now_ms() + self.cache_ms

    def _find(self, principal: Principal, key_id: str) -> ApiKey:
        key = self.store.find(key_id)
        if key is None or key.tenant_id != principal.tenant_id:
            raise NotFoundError("There is no such key.")
        return key

    def _check_name(self, tenant_id: str, name: str, now_ms: int) -> None:
        position: str | None = None
        while True:
            page = self.store.page(tenant_id, limit=NAMES_AT_A_TIME, position=position)
            if any(key.name == name and not key.expired(now_ms) for key in page.items):
                raise AlreadyExistsError(f"There is a key '{name}' already: rotate it, or revoke it first.")
            position = page.next_position
            if position is None:
                return


def _ends_at(in_ms: int | None, at_ms: int | None, now_ms: int) -> int | None:
    ends_at_ms = at_ms if in_ms is None else now_ms + in_ms
    if ends_at_ms is not None and ends_at_ms <= now_ms:
        raise InvalidTimerError("The key would have ended already.", (("expiresAt", "lies in the past"),))
    return ends_at_ms
