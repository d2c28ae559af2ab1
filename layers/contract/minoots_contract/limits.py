"""What a destination may be asked for."""

from __future__ import annotations

from pydantic import Field

from minoots_contract.model import WireModel

__all__ = ["MAX_IN_FLIGHT", "RateLimit"]

MAX_IN_FLIGHT = 100
"""Most attempts under way that a limit can name: each has a place in one item of the table."""


class RateLimit(WireModel):
    """How many attempts may begin: so many a second on average, so many at once after a pause."""

    per_second: float = Field(ge=0.001, le=1000)
    burst: int = Field(default=1, ge=1, le=1000)
