"""Ids of timers."""

from __future__ import annotations

import uuid_utils

__all__ = ["Uuid7Ids"]


class Uuid7Ids:
    """UUIDv7 (RFC 9562): 48 bits of milliseconds first; within a process strictly ascending."""

    def new_id(self) -> str:
        """Return a fresh id in the canonical 36 characters."""
        return str(uuid_utils.uuid7())
