"""What the use cases need to know who calls; as `application.ports`, of which these are a part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from minoots_kernel.application.ports import Page
from minoots_kernel.domain.api_keys import ApiKey
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.tenants import Tenant

__all__ = ["KeyStore", "TenantStore", "TimersUsed", "TokenVerifier", "UsageStore"]


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


class TenantStore(Protocol):
    """Tenants that operators keep. Reads by id are strongly consistent."""

    def find(self, tenant_id: str) -> Tenant | None:
        """Return the record of a tenant, or none."""
        ...

    def create(self, tenant: Tenant) -> None:
        """Store a new record.

        Raises:
            AlreadyExistsError: If there is one of that id.
        """
        ...

    def replace(self, before: Tenant, after: Tenant) -> None:
        """Replace a record if it still stands at the version of `before`.

        Raises:
            VersionMismatchError: If another write came first, or it is gone.
        """
        ...

    def page(self, *, limit: int, position: str | None = None) -> Page[Tenant]:
        """List the records by id, eventually consistent; as `TimerStore.page`."""
        ...


@dataclass(frozen=True, slots=True)
class TimersUsed:
    """What was counted of a tenant's timers.

    Attributes:
        day: The day of the last create that was counted, days since 1970.
        creates: How many there were on that day.
        active: No fewer than have not ended.
        charged_at_ms: When the last was counted, epoch milliseconds.
    """

    day: int
    creates: int
    active: int
    charged_at_ms: int


class UsageStore(Protocol):
    """What tenants use, counted by single conditional writes: however many count at once, no limit is passed."""

    def take_requests(self, tenant_id: str, minute: int, count: int, limit: int) -> int | None:
        """Count requests in a minute, if so many are left.

        Args:
            tenant_id: Whose.
            minute: Minutes since 1970.
            count: How many.
            limit: How many there may be.

        Returns:
            How many are counted then; none if that would be more than the limit, and nothing was counted.
        """
        ...

    def requests(self, tenant_id: str, minute: int) -> int:
        """Return how many requests are counted in a minute."""
        ...

    def timers(self, tenant_id: str) -> TimersUsed | None:
        """Return what is counted of a tenant's timers, strongly consistent; none if nothing is."""
        ...

    def charge(self, tenant_id: str, day: int, now_ms: int, *, creates: int, active: int) -> bool:
        """Count one create on the day that is being counted.

        Args:
            tenant_id: Whose.
            day: Days since 1970.
            now_ms: Epoch milliseconds.
            creates: How many there may be on that day.
            active: How many may be active.

        Returns:
            Whether it was counted: not if either limit is reached, or another day is being counted.
        """
        ...

    def charge_first(self, tenant_id: str, day: int, now_ms: int, *, active: int) -> bool:
        """Count the first create of a day, unless a day as late is being counted; as `charge`."""
        ...

    def refund(self, tenant_id: str, day: int) -> None:
        """Take back one create that was counted on a day, and one active timer."""
        ...

    def recount(self, tenant_id: str, seen: TimersUsed, active: int) -> None:
        """Set how many are active, unless one was counted since `seen`."""
        ...

    def count_active(self, tenant_id: str, most: int) -> int:
        """Count a tenant's timers that have not ended, up to a number; eventually consistent."""
        ...
