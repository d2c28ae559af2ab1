"""`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10), for tenants whose tier has limits."""

from __future__ import annotations

from minoots_contract.identity import TierName
from minoots_kernel.application.limits import Allowance
from minoots_kernel.domain.errors import QuotaExceededError
from minoots_kernel.domain.tiers import TIERS

__all__ = ["rate_limit_fields", "rate_limit_left", "rate_limit_met"]


def rate_limit_fields(tier: TierName) -> dict[str, str]:
    """Return what a tier allows."""
    policies = (("requests", TIERS[tier].requests, 60), ("creates", TIERS[tier].creates, 86_400))
    written = [f'"{name}";q={quota};w={window_s}' for name, quota, window_s in policies if quota is not None]
    return {"ratelimit-policy": ", ".join(written)} if written else {}


def rate_limit_left(allowance: Allowance | None) -> dict[str, str]:
    """Return what is left of a minute's requests."""
    if allowance is None:
        return {}
    return {"ratelimit": f'"requests";r={allowance.remaining};t={allowance.resets_in_s}'}


def rate_limit_met(error: QuotaExceededError, left: str | None) -> dict[str, str]:
    """Return that nothing is left of a limit, beside what was found to be left of others.

    Args:
        error: Which limit was met.
        left: The field as far as it is written.
    """
    if error.policy is None:
        return {}
    met = f'"{error.policy}";r=0;t={error.retry_after_s}'
    return {"ratelimit": met if left is None else f"{left}, {met}"}
