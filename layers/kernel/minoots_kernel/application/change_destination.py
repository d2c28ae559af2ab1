"""One change of a destination, stored: read, change, write if nobody else wrote, and again if somebody did."""

from __future__ import annotations

from collections.abc import Callable

from minoots_kernel.application.ports import DestinationStore
from minoots_kernel.domain.destinations import Destination
from minoots_kernel.domain.errors import DependencyUnavailableError, NotFoundError, VersionMismatchError

__all__ = ["change_destination", "find_destination"]

MAX_TRIES = 5


def find_destination(store: DestinationStore, tenant_id: str, name: str) -> Destination:
    """Return a destination.

    Raises:
        NotFoundError: If the tenant has none of that name.
        DependencyUnavailableError: If the store does not answer.
    """
    found = store.get_many(tenant_id, [name]).get(name)
    if found is None:
        raise NotFoundError(f"There is no destination '{name[:64]}'.")
    return found


def change_destination(
    store: DestinationStore, tenant_id: str, name: str, change: Callable[[Destination], Destination]
) -> Destination:
    """Change a destination and return it as it stands then.

    Raises:
        MinootsError: As `change`, or if the store does not answer.
        NotFoundError: If the tenant has none of that name.
    """
    for _ in range(MAX_TRIES):
        before = find_destination(store, tenant_id, name)
        after = change(before)
        if after is before:
            return before
        try:
            store.replace(before, after)
        except VersionMismatchError:
            continue
        return after
    raise DependencyUnavailableError("The destination is being changed by too many at once; try again.")
