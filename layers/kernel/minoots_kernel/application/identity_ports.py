"""What the use cases need to know who calls; as `application.ports`, of which these are a part."""

from __future__ import annotations

from typing import Protocol

from minoots_kernel.application.ports import Page
from minoots_kernel.domain.api_keys import ApiKey
from minoots_kernel.domain.tenancy import Principal

__all__ = ["KeyStore", "TokenVerifier"]


class KeyStore(Protocol):
    """API keys, with digests of their texts; the texts themselves are nowhere. Reads by id are strongly consistent."""

    def find(self, key_id: str) -> ApiKey | None:
        """Return the key of that id, whosever it is."""
        ...

    def create(self, key: ApiKey) -> None:
        """Store a new key.

        Raises:
            AlreadyExistsError: If the id is taken.
        """
        ...

    def put(self, key: ApiKey) -> None:
        """Store a key, replacing one of the same id; when it was last used stays as it was."""
        ...

    def replace(self, before: ApiKey, after: ApiKey) -> None:
        """Replace a key if it still stands at the version of `before`; when it was last used stays as it was.

        Raises:
            VersionMismatchError: If another write came first, or it is gone.
        """
        ...

    def note_use(self, key: ApiKey, now_ms: int) -> None:
        """Take down that a key is used, unless it is gone, or a use less than the interval ago is noted already."""
        ...

    def delete(self, key: ApiKey) -> bool:
        """Remove a key; say whether it was there."""
        ...

    def page(self, tenant_id: str, *, limit: int, position: str | None = None) -> Page[ApiKey]:
        """List a tenant's keys by id, eventually consistent; as `TimerStore.page`."""
        ...


class TokenVerifier(Protocol):
    """Says whom an access token stands for."""

    def __call__(self, token: str) -> Principal:
        """Return whom a token stands for, its signature, issuer, audience and time checked.

        Raises:
            UnauthenticatedError: If it is not good.
            ForbiddenError: If it is good, and names no tenant that its issuer may speak for.
            DependencyUnavailableError: If its issuer's keys cannot be had.
        """
        ...
