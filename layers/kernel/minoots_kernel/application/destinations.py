"""Read, disable, enable and delete destinations; and all that can be done with them in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from minoots_kernel.application.change_destination import change_destination, find_destination
from minoots_kernel.application.ports import Clock, DestinationStore, Page, SecretBox
from minoots_kernel.application.put_destination import PutDestination, SecretMaker
from minoots_kernel.application.rotate_secrets import AddSecret, RemoveSecret
from minoots_kernel.domain.authority import Thing
from minoots_kernel.domain.destinations import Destination, disabled, enabled
from minoots_kernel.domain.errors import NotFoundError
from minoots_kernel.domain.tenancy import Principal

__all__ = [
    "DeleteDestination",
    "DestinationUseCases",
    "DisableDestination",
    "EnableDestination",
    "GetDestination",
    "ListDestinations",
]


@dataclass(frozen=True, slots=True)
class GetDestination:
    """Read one of the principal's tenant's destinations."""

    store: DestinationStore

    def __call__(self, principal: Principal, name: str) -> Destination:
        """Return the destination.

        Raises:
            NotFoundError: If there is none of that name.
        """
        return find_destination(self.store, principal.tenant_id, name, principal.check)


@dataclass(frozen=True, slots=True)
class ListDestinations:
    """List the principal's tenant's destinations."""

    store: DestinationStore

    def __call__(self, principal: Principal, *, limit: int, position: str | None = None) -> Page[Destination]:
        """Return a page of those that the principal may read, by name."""
        page = self.store.page(principal.tenant_id, limit=limit, position=position)
        return Page(principal.visible(page.items), page.next_position)


@dataclass(frozen=True, slots=True)
class DisableDestination:
    """Send nothing more to a destination, as if it had answered 410."""

    store: DestinationStore
    clock: Clock

    def __call__(
        self,
        principal: Principal,
        name: str,
        reason: str | None = None,
        *,
        versions: frozenset[int] | None = None,
    ) -> Destination:
        """Disable a destination; one that is disabled keeps its reason. Actions that name it fail from now on.

        Raises:
            VersionMismatchError: If it stands at none of the versions.
            NotFoundError: If there is none of that name.
        """
        now_ms = self.clock.now_ms()
        why = f"by '{principal.subject}'" + (f": {reason}" if reason else "")
        return change_destination(
            self.store,
            principal.tenant_id,
            name,
            lambda before: disabled(before, why, now_ms),
            principal.check,
            versions,
        )


@dataclass(frozen=True, slots=True)
class EnableDestination:
    """Send to a destination again that was disabled, by its owner or because it answered 410."""

    store: DestinationStore
    clock: Clock

    def __call__(self, principal: Principal, name: str, *, versions: frozenset[int] | None = None) -> Destination:
        """Enable a destination; one that is enabled stays as it is.

        Raises:
            VersionMismatchError: If it stands at none of the versions.
            NotFoundError: If there is none of that name.
        """
        now_ms = self.clock.now_ms()
        return change_destination(
            self.store, principal.tenant_id, name, lambda before: enabled(before, now_ms), principal.check, versions
        )


@dataclass(frozen=True, slots=True)
class DeleteDestination:
    """Forget a destination and its secrets."""

    store: DestinationStore

    def __call__(self, principal: Principal, name: str) -> None:
        """Delete a destination. Actions that name it fail from now on.

        Raises:
            NotFoundError: If there is none of that name.
        """
        if principal.authority.by_role:
            principal.check(Thing("Destination", name))
        else:
            find_destination(self.store, principal.tenant_id, name, principal.check)
        if not self.store.delete(principal.tenant_id, name):
            raise NotFoundError(f"There is no destination '{name[:64]}'.")


@dataclass(frozen=True, slots=True)
class DestinationUseCases:
    """Everything that can be done with destinations, over one set of ports."""

    put: PutDestination
    get: GetDestination
    list: ListDestinations
    add_secret: AddSecret
    remove_secret: RemoveSecret
    disable: DisableDestination
    enable: EnableDestination
    delete: DeleteDestination
    clock: Clock

    @classmethod
    def over(
        cls,
        store: DestinationStore,
        box: SecretBox,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        refusal: Callable[[str], str | None],
    ) -> DestinationUseCases:
        """Make them over one set of ports; `refusal` as of `PutDestination`."""
        maker = SecretMaker(box, random_bytes)
        return cls(
            put=PutDestination(store, maker, clock, refusal),
            get=GetDestination(store),
            list=ListDestinations(store),
            add_secret=AddSecret(store, maker, clock),
            remove_secret=RemoveSecret(store, clock),
            disable=DisableDestination(store, clock),
            enable=EnableDestination(store, clock),
            delete=DeleteDestination(store),
            clock=clock,
        )
