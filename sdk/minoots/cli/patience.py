"""Outliving an API that goes away: what runs for long must survive its restart, and not hang on one that is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from minoots.client import APIConnectionError, MinootsClientError, RateLimitError, ServerError
from minoots.clock import Clock

__all__ = ["Patience"]

_LIMIT_S: Final = 60.0
_PAUSE_S: Final = 2.0


class Patience:
    """Bears failures that may pass, for a minute; the first call must succeed.

    Args:
        clock: Time.
        tell: Called with what is the matter, and with None when all is well again.
    """

    def __init__(self, clock: Clock, tell: Callable[[str | None], None]) -> None:
        self._clock, self._tell = clock, tell
        self._well_s: float | None = None

    def well(self) -> None:
        """Note that the API answered."""
        self._tell(None)
        self._well_s = self._clock.monotonic_s()

    def bear(self, error: MinootsClientError) -> None:
        """Wait a little, to try again.

        Raises:
            MinootsClientError: The error itself, if it will not pass or has lasted too long.
        """
        passing = isinstance(error, APIConnectionError | RateLimitError | ServerError)
        if not passing or self._well_s is None or self._clock.monotonic_s() - self._well_s > _LIMIT_S:
            raise error
        self._tell(f"{error} - trying again")
        self._clock.sleep(_PAUSE_S)
