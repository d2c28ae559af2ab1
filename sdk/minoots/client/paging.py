"""Iteration over all pages of a listing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

__all__ = ["every_page"]


class _Page(Protocol):
    @property
    def next_cursor(self) -> str | None: ...


PageT = TypeVar("PageT", bound=_Page)


def every_page(fetch: Callable[[str | None], PageT]) -> Iterator[PageT]:
    """Yield pages until there is no next one, each fetched when it is asked for.

    Args:
        fetch: Gets the page at a cursor, the first at None. A page may be empty and still have a next one.
    """
    cursor: str | None = None
    while True:
        page = fetch(cursor)
        yield page
        if page.next_cursor is None:
            return
        cursor = page.next_cursor
