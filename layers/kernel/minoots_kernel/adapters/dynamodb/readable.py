"""Reading many items, of which one that cannot be read must not keep the others from being read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final, Literal, TypeVar

from minoots_kernel.adapters.dynamodb.keys import Item

__all__ = ["readable"]

Read = TypeVar("Read")

logger = logging.getLogger(__name__)

UNREADABLE: Final = (LookupError, TypeError, ValueError, AttributeError)
"""What decoding raises of an item that a later version wrote, or nobody should have."""


def readable(
    items: Iterable[Item], read: Callable[[Item], Read], what: Literal["timer", "dead letter"]
) -> list[tuple[Item, Read]]:
    """Return those of the items that can be read, each with what was read of it; the others are logged.

    Args:
        items: The items.
        read: Reads one.
        what: What they are, for the log.
    """
    found = []
    id_name = "timerId" if what == "timer" else "deadLetterId"
    for item in items:
        try:
            found.append((item, read(item)))
        except UNREADABLE:
            logger.exception("%s cannot be read", what, extra={id_name: item["sk"]["S"]})
    return found
