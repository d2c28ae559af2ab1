"""Who calls, and for which tenant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from minoots_contract.identity import TENANT_ROLES, RoleName, TierName
from minoots_kernel.domain.authority import BY_ROLE, Authority, Sight
from minoots_kernel.domain.timer import Via

__all__ = ["Principal"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    Attributes:
        tenant_id: The tenant that all of the caller's timers belong to.
        subject: Who it is within the tenant: a key's name, or a token's subject.
        tier: The tenant's tier.
        roles: What it may do, included roles named as well.
        authenticated_by: How it showed who it is.
        key_id: Which API key it showed.
        issuer: Who issued the token that it showed.
        expires_at_ms: When its key or token ends, epoch milliseconds; none if it does not.
        audit_days: How long its tenant's audit is kept, days; as the deployment says if none.
        authority: Says what it may do in the call under way.
        via: What the audit is to know of the call under way, where timers carry that.
    """

    tenant_id: str
    subject: str
    tier: TierName = "free"
    roles: frozenset[RoleName] = TENANT_ROLES
    authenticated_by: Literal["apiKey", "oidc"] = "apiKey"
    key_id: str | None = None
    issuer: str | None = None
    expires_at_ms: int | None = None
    audit_days: int | None = None
    authority: Authority = field(default=BY_ROLE, compare=False, repr=False)
    via: Via | None = field(default=None, compare=False, repr=False)

    def check(self, *things: object) -> None:
        """Let the call under way go on, which is about these.

        Raises:
            ForbiddenError: If it may not.
        """
        self.authority.check(*things)

    def check_each(self, thing: object) -> None:
        """Let one of the many things pass that the call under way is about.

        Raises:
            ForbiddenError: If the caller may not do that with it.
        """
        self.authority.check_each(thing)

    def visible(self, things: Sequence[T]) -> tuple[T, ...]:
        """Return those of the things of a listing that the caller may see."""
        return self.authority.visible(things)

    def sight(self) -> Sight[Any] | None:
        """Return `visible` for a store to ask while it lists, or none if the role has decided, and all is to be seen.

        What is hidden is then left out before a page is filled, so that neither its length nor where the next one
        begins tells anything of it.
        """
        if self.authority.by_role:
            return None
        self.authority.visible(())  # so it was asked, should nothing be found
        return self.authority.visible
