"""How much of a listing a command shows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, TypeVar

__all__ = ["first", "page_size"]

T = TypeVar("T")

_LARGEST_PAGE: Final = 100


def page_size(limit: int, every: bool) -> int:
    """Return how many to fetch at a time, so that a short listing costs one small page."""
    return _LARGEST_PAGE if every else min(limit + 1, _LARGEST_PAGE)


def first(found: Iterator[T], limit: int | None) -> tuple[list[T], bool]:
    """Take the first so many, all without a limit, and tell whether there are more."""
    shown = list(islice(found, limit))
    return shown, next(found, None) is not None
