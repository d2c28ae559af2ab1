"""Access tokens of OpenID Connect issuers: whom a deployment trusts, and what a token's claims mean here.

Nothing here checks a signature: claims come in that were signed by the issuer's key (RFC 7519, 7.2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from minoots_contract.identity import ROLES, RoleName
from minoots_kernel.domain.errors import ForbiddenError, UnauthenticatedError
from minoots_kernel.domain.roles import held_roles
from minoots_kernel.domain.tenancy import Principal

__all__ = ["ALGORITHMS", "LEEWAY_MS", "TrustedIssuer", "principal_of"]

LEEWAY_MS: Final = 30_000
"""How far an issuer's clock may be off, milliseconds."""

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
"""Signatures that can be allowed: with two keys, all of them. With a shared one (HS256) who checks could sign."""

_TENANT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SUBJECT: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,256}")
"""What can be shown and stored: JSON can write half a surrogate pair, which is no text in UTF-8."""


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """An issuer whose tokens are accepted.

    Attributes:
        issuer: What `iss` has to be, character for character.
        audience: What `aud` has to name.
        tenant: The tenant of all its tokens, or
        tenant_claim: the claim that names it.
        tenants: The only tenants that the claim may name; any if empty.
        roles_claim: The claim that names roles, a list or words with blanks between them.
        roles: What each value of that claim gives; without any, values that are a tenant's role give it.
        default_roles: What every token gives.
        algorithms: Signatures that are accepted.
        jwks_uri: Where its keys are; as its own description says without it.
    """

    issuer: str
    audience: str
    tenant: str | None = None
    tenant_claim: str | None = None
    tenants: frozenset[str] = frozenset()
    roles_claim: str | None = None
    roles: Mapping[str, tuple[RoleName, ...]] = field(default_factory=dict)
    default_roles: tuple[RoleName, ...] = ()
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    jwks_uri: str | None = None


def principal_of(claims: Mapping[str, Any], issuer: TrustedIssuer, now_ms: int) -> Principal:
    """Return whom claims stand for.

    Args:
        claims: What the issuer signed.
        issuer: Who it is.
        now_ms: The service's clock, epoch milliseconds.

    Raises:
        UnauthenticatedError: If the token is not for us, or not now.
        ForbiddenError: If it is good and names no tenant that the issuer may speak for.
    """
    if claims.get("iss") != issuer.issuer:
        raise _refused("is from an issuer that is not trusted here")
    if not _names(claims.get("aud"), issuer.audience):
        raise _refused("is for another audience")
    expires_at_ms = _instant(claims, "exp")
    if expires_at_ms is None:
        raise _refused("does not say when it expires")
    if now_ms >= expires_at_ms + LEEWAY_MS:
        raise _refused("has expired")
    if any(now_ms + LEEWAY_MS < (_instant(claims, name) or 0) for name in ("nbf", "iat")):
        raise _refused("is not valid yet")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
        raise _refused("names no subject")
    return Principal(
        tenant_id=_tenant(claims, issuer),
        subject=subject,
        roles=held_roles(_roles(claims, issuer)),
        authenticated_by="oidc",
        issuer=issuer.issuer,
        expires_at_ms=expires_at_ms,
    )


def _refused(what: str) -> UnauthenticatedError:
    return UnauthenticatedError(f"The token {what}.", shown=True)


def _names(audience: Any, wanted: str) -> bool:
    return audience == wanted or (isinstance(audience, list) and wanted in audience)


def _instant(claims: Mapping[str, Any], name: str) -> int | None:
    seconds = claims.get(name)
    if seconds is None:
        return None
    # A boolean is a number to Python; nobody's clock is past the year 9999.
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 253_402_300_800:
        raise _refused(f"has a malformed {name}")
    return round(seconds * 1000)


def _tenant(claims: Mapping[str, Any], issuer: TrustedIssuer) -> str:
    tenant = issuer.tenant or _claim(claims, issuer.tenant_claim)
    if not isinstance(tenant, str) or not _TENANT.fullmatch(tenant):
        raise ForbiddenError("The token names no tenant.")
    if issuer.tenants and tenant not in issuer.tenants:
        raise ForbiddenError("The token's issuer does not speak for that tenant.")
    return tenant


def _roles(claims: Mapping[str, Any], issuer: TrustedIssuer) -> set[RoleName]:
    named = _claim(claims, issuer.roles_claim)
    words = named.split() if isinstance(named, str) else named if isinstance(named, list) else []
    # Only a table may make operators: what an issuer calls a role may well be its users' own choice.
    table = issuer.roles or {role: (role,) for role in ROLES - {"operator"}}
    given = {role for word in words if isinstance(word, str) for role in table.get(word, ())}
    return given | set(issuer.default_roles)


def _claim(claims: Mapping[str, Any], name: str | None) -> Any:
    """Return a claim by its name; if there is none, by the path that its dots make."""
    if name is None or name in claims:
        return claims.get(name or "")
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
