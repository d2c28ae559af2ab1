"""Listings over sorted ids."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeVar

from minoots_kernel.application.ports import Page
from minoots_kernel.domain.errors import InvalidTimerError

__all__ = ["page_below"]

T = TypeVar("T")

MAX_ID = 256


def page_below(
    ids: list[str],
    position: str | None,
    limit: int,
    find: Callable[[str], T],
    wanted: Callable[[T], bool],
    *,
    ascending: bool = False,
) -> Page[T]:
    """Return the page below an id, or above it when ascending.

    Args:
        ids: Ascending.
        position: Only ids beyond this one; all if none.
        limit: Most items.
        find: Returns the item of an id.
        wanted: Tells whether an item belongs to the listing.
        ascending: Whether the lowest ids come first.

    Raises:
        InvalidTimerError: If the position is none that a page ever named.
    """
    if position is not None and not (position.isascii() and 0 < len(position) <= MAX_ID):
        raise InvalidTimerError("The cursor is not one of this listing.", (("cursor", "leave it out to begin"),))
    items: list[T] = []
    for place in _beyond(ids, position, ascending=ascending):
        item = find(place)
        if wanted(item):
            items.append(item)
        if len(items) == limit:
            return Page(tuple(items), place if place != ids[-1 if ascending else 0] else None)
    return Page(tuple(items))


def _beyond(ids: list[str], position: str | None, *, ascending: bool) -> Iterator[str]:
    """Yield ids in the listing's order, from beyond a position."""
    if ascending:
        return islice(ids, 0 if position is None else bisect_right(ids, position), None)
    end = len(ids) if position is None else bisect_left(ids, position)
    return (ids[index] for index in range(end - 1, -1, -1))
