"""What roles let their holders do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from minoots_contract.identity import ROLES, TENANT_ROLES, RoleName

__all__ = ["held_roles", "may_give"]

_INCLUDED: Final[dict[RoleName, frozenset[RoleName]]] = {
    "timer.manage": frozenset({"timer.read", "timer.write", "timer.cancel"}),
    # Who makes a tenant's keys could give any of its roles to itself.
    "tenant.admin": TENANT_ROLES,
}


def held_roles(given: Iterable[RoleName]) -> frozenset[RoleName]:
    """Return the roles that were given and those that they include."""
    return frozenset().union(*({role} | _INCLUDED.get(role, frozenset()) for role in given))


def may_give(giver: frozenset[RoleName]) -> frozenset[RoleName]:
    """Return the roles that a holder of roles may give to a key: its own, and an operator all."""
    return ROLES if "operator" in giver else held_roles(giver)
