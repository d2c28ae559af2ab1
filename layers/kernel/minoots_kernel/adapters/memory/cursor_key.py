"""The cursors' key in memory."""

from __future__ import annotations

__all__ = ["MemoryCursorKey"]


class MemoryCursorKey:
    """A key that is given.

    Args:
        key: The key.
    """

    def __init__(self, key: bytes = b"k" * 32) -> None:
        self._key = key

    def cursor_key(self) -> bytes:
        """Return the key."""
        return self._key
