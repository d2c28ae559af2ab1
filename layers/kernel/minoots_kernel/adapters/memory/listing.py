"""Descending listings over sorted ids."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import TypeVar

from minoots_kernel.application.ports import Page
from minoots_kernel.domain.errors import InvalidTimerError

__all__ = ["page_below"]

T = TypeVar("T")

MAX_ID = 256


def page_below(
    ids: list[str], position: str | None, limit: int, find: Callable[[str], T], wanted: Callable[[T], bool]
) -> Page[T]:
    """Return the page below an id.

    Args:
        ids: Ascending.
        position: Only ids below this one; all if none.
        limit: Most items.
        find: Returns the item of an id.
        wanted: Tells whether an item belongs to the listing.

    Raises:
        InvalidTimerError: If the position is none that a page ever named.
    """
    if position is not None and not (position.isascii() and 0 < len(position) <= MAX_ID):
        raise InvalidTimerError("The cursor is not one of this listing.", (("cursor", "leave it out to begin"),))
    items: list[T] = []
    for index in range((len(ids) if position is None else bisect_left(ids, position)) - 1, -1, -1):
        item = find(ids[index])
        if wanted(item):
            items.append(item)
        if len(items) == limit:
            return Page(tuple(items), ids[index] if index else None)
    return Page(tuple(items))
