"""What a tenant settles for all its timers."""

from __future__ import annotations

from pydantic import Field

from minoots_contract.model import Instant, WireModel
from minoots_contract.retry import RetryPolicy

__all__ = ["PutSettingsRequest", "SettingsReply"]


class PutSettingsRequest(WireModel):
    """Body of ``PUT /settings``: it takes the place of all that was settled before."""

    retry_policy: RetryPolicy = Field(
        default_factory=RetryPolicy,
        description="What counts for a field of a retry policy that neither a bundle nor an action names.",
    )


class SettingsReply(WireModel):
    """A tenant's settings; whole, whatever was left out when they were made."""

    retry_policy: RetryPolicy
    version: int = Field(description="0 as long as nothing was settled.")
    updated_at: Instant | None = None
