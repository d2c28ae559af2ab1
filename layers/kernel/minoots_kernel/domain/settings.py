"""What a tenant settles for all its timers."""

from __future__ import annotations

from dataclasses import dataclass, field

from minoots_contract.retry import RetryPolicy

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """A tenant's settings.

    Attributes:
        retry_policy: A whole policy, for what bundles and actions leave open when a timer is created.
        version: Rises by one with each write; 0 as long as nothing was settled.
        updated_at_ms: When they were written last, epoch milliseconds.
    """

    tenant_id: str
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    version: int = 0
    updated_at_ms: int | None = None
