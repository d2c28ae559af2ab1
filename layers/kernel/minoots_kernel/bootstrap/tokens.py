"""What reads access tokens. In a module of its own, for its libraries are in the control plane's layers only."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from minoots_kernel.application.identity_ports import TokenVerifier
from minoots_kernel.bootstrap import surroundings
from minoots_kernel.config import ConfigurationError, Settings

__all__ = ["tokens"]


def tokens(settings: Settings) -> TokenVerifier | None:
    """Make what reads access tokens; none if the deployment trusts no issuer.

    Raises:
        ConfigurationError: If the trusted issuers are not written as they should be.
    """
    if not settings.oidc_issuers.strip():
        return None
    # Deployments without issuers need none of it, and those with them the way out only when the first token comes.
    from minoots_kernel.adapters.oidc.issuers import trusted_issuers
    from minoots_kernel.adapters.oidc.key_sets import KeySets
    from minoots_kernel.adapters.oidc.verifier import OidcTokenVerifier

    @cache
    def way_out() -> Callable[[str], bytes]:
        from minoots_kernel.adapters.oidc.fetching import GuardedFetch
        from minoots_kernel.adapters.webhook.guard import AddressGuard

        return GuardedFetch.over(AddressGuard(settings.allowed_private_hosts))

    def fetch(url: str) -> bytes:
        return way_out()(url)

    try:
        issuers = trusted_issuers(settings.oidc_issuers)
    except ValueError as error:
        raise ConfigurationError(f"MINOOTS_OIDC_ISSUERS: {error}") from error
    clock = surroundings.clock()
    return OidcTokenVerifier(issuers, KeySets(fetch, clock), clock)
