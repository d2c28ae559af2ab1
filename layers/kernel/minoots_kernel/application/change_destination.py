"""One change of a destination, stored: read, change, write if nobody else wrote, and again if somebody did."""

from __future__ import annotations

from collections.abc import Callable

from minoots_kernel.application.ports import DestinationStore
from minoots_kernel.domain.destinations import Destination
from minoots_kernel.domain.errors import DependencyUnavailableError, NotFoundError, VersionMismatchError
from minoots_kernel.domain.guards import check_version

__all__ = ["change_destination", "find_destination"]

MAX_TRIES = 5


Permit = Callable[..., None]
"""Lets destinations pass that a caller may deal with, and raises `ForbiddenError` otherwise."""


def anybody(*_destinations: Destination) -> None:
    """Let them pass: nobody calls, or the role has decided."""


def find_destination(store: DestinationStore, tenant_id: str, name: str, permit: Permit = anybody) -> Destination:
    """Return a destination.

    Raises:
        NotFoundError: If the tenant has none of that name.
        ForbiddenError: If `permit` does not let it pass.
        DependencyUnavailableError: If the store does not answer.
    """
    found = store.get_many(tenant_id, [name]).get(name)
    if found is None:
        raise NotFoundError(f"There is no destination '{name[:64]}'.")
    permit(found)
    return found


def change_destination(
    store: DestinationStore,
    tenant_id: str,
    name: str,
    change: Callable[[Destination], Destination],
    permit: Permit = anybody,
    versions: frozenset[int] | None = None,
    first: Permit | None = None,
) -> Destination:
    """Change a destination and return it as it stands then.

    Args:
        store: Where destinations are.
        tenant_id: Whose.
        name: Its name.
        change: Makes of it what it is to be.
        permit: Lets it pass as it is and as it would be, or raises.
        versions: The versions upon which that may be done; any when none.
        first: Lets it pass as it is, instead of `permit`: of a change that may be refused for what it would make, the
            audit is not to say before that it was allowed.

    Raises:
        VersionMismatchError: If it stands at another version.
        MinootsError: As `change`, or if the store does not answer.
        NotFoundError: If the tenant has none of that name.
        ForbiddenError: If `permit` does not let it pass as it is, or as it would be.
    """
    for _ in range(MAX_TRIES):
        before = find_destination(store, tenant_id, name, first or permit)
        check_version(before.version, versions)
        after = change(before)
        if after is before:
            return before
        permit(after)
        try:
            store.replace(before, after)
        except VersionMismatchError:
            continue
        return after
    raise DependencyUnavailableError("The destination is being changed by too many at once; try again.")
