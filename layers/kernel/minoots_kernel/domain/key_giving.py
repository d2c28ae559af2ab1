"""Who may give which key to whom: nobody becomes more, or for longer, by the keys that they deal with."""

from __future__ import annotations

import re
from typing import Final

from minoots_contract.identity import CreateKeyRequest
from minoots_contract.instants import format_instant
from minoots_kernel.domain.api_keys import ApiKey
from minoots_kernel.domain.errors import ForbiddenError, InvalidTimerError
from minoots_kernel.domain.roles import may_give
from minoots_kernel.domain.tenancy import Principal

__all__ = ["check_making", "check_revoking", "check_rotating", "is_like_a_token"]

_LIKE_A_TOKEN: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^#]*#")
"""How policies call who comes with a token: by the issuer's URL, `#`, and the subject."""


def is_like_a_token(name: str) -> bool:
    """Tell whether a key of this name looks like somebody who comes with a token."""
    return _LIKE_A_TOKEN.match(name) is not None


def check_making(principal: Principal, request: CreateKeyRequest, ends_at_ms: int | None, *, elsewhere: bool) -> None:
    """Let a key be made.

    Args:
        principal: Who makes it.
        request: What it is to be.
        ends_at_ms: When it is to end, epoch milliseconds; none if it is not.
        elsewhere: Whether an operator makes it for a tenant.

    Raises:
        ForbiddenError: If it would be more than its maker, or for longer.
        InvalidTimerError: If its name is like that of somebody with a token.
    """
    beyond = sorted(set(request.roles) - may_give(principal.roles))
    if beyond:
        raise ForbiddenError(
            f"You cannot give what you do not have: {', '.join(beyond)}.", (("roles", "leave these out"),)
        )
    if not _keeps_keys(principal):
        # Policies go by the names of keys: who chooses a name chooses what they say of it.
        raise ForbiddenError("Only who has the role 'tenant.admin' makes keys, whatever policies permit.")
    if not elsewhere or "operator" in request.roles:
        _check_end(principal, ends_at_ms)
    if is_like_a_token(request.name):
        raise InvalidTimerError(
            "A key cannot be called like somebody who comes with a token.",
            (("name", "begins with a URL and has a # in it"),),
        )


def check_rotating(principal: Principal, key: ApiKey, ends_at_ms: int | None) -> None:
    """Let a key have a new text, which whoever rotates it is going to know: it could take the key's place.

    Args:
        principal: Who rotates it.
        key: The key as it stands.
        ends_at_ms: When it is to end from now on, epoch milliseconds; none leaves that as it is.

    Raises:
        ForbiddenError: If it may do what the principal may not, is not its own, or would outlast it.
    """
    _check_roles(principal, key)
    if key.id != principal.key_id and not _keeps_keys(principal):
        raise ForbiddenError(
            "Only who has the role 'tenant.admin' rotates the keys of others, whatever policies permit."
        )
    _check_end(principal, key.expires_at_ms if ends_at_ms is None else ends_at_ms)


def check_revoking(principal: Principal, key: ApiKey) -> None:
    """Let a key be removed.

    Raises:
        ForbiddenError: If it may do what the principal may not.
    """
    _check_roles(principal, key)


def _keeps_keys(principal: Principal) -> bool:
    return not principal.roles.isdisjoint({"tenant.admin", "operator"})


def _check_roles(principal: Principal, key: ApiKey) -> None:
    if key.roles - may_give(principal.roles):
        raise ForbiddenError("The key may do what you may not.")


def _check_end(principal: Principal, ends_at_ms: int | None) -> None:
    # A token ends within the hour, and says nothing of how long its bearer is to be who he is: its issuer does.
    latest_ms = principal.expires_at_ms if principal.authenticated_by == "apiKey" else None
    if latest_ms is not None and (ends_at_ms is None or ends_at_ms > latest_ms):
        raise ForbiddenError(
            "A key that ends gives no key a later end than its own.",
            (("expiresAt", f"is to be {format_instant(latest_ms)} at the latest"),),
        )
