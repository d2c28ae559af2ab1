"""The trusted issuers, as a deployment writes them down: light, since every start of a function reads it."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator

from minoots_contract.identity import RoleName
from minoots_contract.model import TenantId, WireModel
from minoots_kernel.domain.tokens import ALGORITHMS, TrustedIssuer

__all__ = ["is_fetchable", "trusted_issuers"]

MAX_ISSUERS: Final = 10
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def is_fetchable(url: str) -> bool:
    """Tell whether keys may come from a URL: over TLS, or from this machine itself."""
    try:
        parts = urlsplit(url)
        secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    except ValueError:
        return False
    return secure and bool(parts.hostname) and parts.username is None and not parts.fragment


def _fetchable(url: str) -> str:
    if not is_fetchable(url):
        raise ValueError("must be an https URL")
    return url


def _algorithm(name: str) -> str:
    if name not in ALGORITHMS:
        raise ValueError(f"must be one of {', '.join(ALGORITHMS)}")
    return name


_Url = Annotated[str, Field(max_length=512), AfterValidator(_fetchable)]
_Roles = list[RoleName]


class _Issuer(WireModel):
    issuer: _Url
    audience: Annotated[str, Field(min_length=1, max_length=512)]
    tenant: TenantId | None = None
    tenant_claim: str | None = None
    tenants: list[TenantId] = Field(default_factory=list)
    roles_claim: str | None = None
    roles: dict[str, RoleName | _Roles] = Field(default_factory=dict)
    default_roles: _Roles = Field(default_factory=list)
    algorithms: Annotated[list[Annotated[str, AfterValidator(_algorithm)]], Field(min_length=1)] = Field(
        default_factory=lambda: ["RS256", "ES256"]
    )
    jwks_uri: _Url | None = None

    @model_validator(mode="after")
    def _has_one_source_of_tenants(self) -> _Issuer:
        if (self.tenant is None) == (self.tenant_claim is None):
            raise ValueError("give tenant or tenantClaim, one of the two")
        return self

    def trusted(self) -> TrustedIssuer:
        return TrustedIssuer(
            issuer=self.issuer,
            audience=self.audience,
            tenant=self.tenant,
            tenant_claim=self.tenant_claim,
            tenants=frozenset(self.tenants),
            roles_claim=self.roles_claim,
            roles={word: tuple(given) if isinstance(given, list) else (given,) for word, given in self.roles.items()},
            default_roles=tuple(self.default_roles),
            algorithms=tuple(self.algorithms),
            jwks_uri=self.jwks_uri,
        )


_ISSUERS: Final[TypeAdapter[list[_Issuer]]] = TypeAdapter(
    Annotated[list[_Issuer], Field(max_length=MAX_ISSUERS)], config={"defer_build": True}
)


def trusted_issuers(text: str) -> tuple[TrustedIssuer, ...]:
    """Read the issuers from a JSON list of objects with the names of `TrustedIssuer`, in camel case.

    Raises:
        ValueError: If the text is anything else, or names an issuer twice; the message says where.
    """
    try:
        issuers = _ISSUERS.validate_json(text)
    except ValidationError as error:
        raise ValueError("; ".join(f"{_where(one['loc'])}: {one['msg']}" for one in error.errors())) from error
    if len({one.issuer for one in issuers}) != len(issuers):
        raise ValueError("an issuer is named twice")
    return tuple(one.trusted() for one in issuers)


def _where(location: tuple[Any, ...]) -> str:
    return ".".join(map(str, location)) or "the list"
