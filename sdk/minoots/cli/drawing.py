"""How every drawing of the command line looks: listings without frames, and facts beside their names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from minoots.cli.words import due, printable
from minoots_contract.instants import format_instant

__all__ = ["facts", "headed", "instant", "table", "text"]

_ID_WIDTH = 36


def table(
    empty: str, headings: Sequence[str], rows: Iterable[Sequence[str | Text]], *, ids: bool = False
) -> RenderableType:
    """Draw a listing, or say that it is empty.

    Args:
        empty: What to say of an empty one.
        headings: The columns' headings.
        rows: What stands in the columns.
        ids: Whether the first column has ids, which are there to be copied whole.
    """
    drawn = headed(*headings, ids=ids)
    for row in rows:
        drawn.add_row(*(text(cell) for cell in row))
    return drawn if drawn.rows else Text(empty)


def headed(*headings: str, ids: bool = False) -> Table:
    """Make a table with headings and no frame; its last column takes what room is left and wraps."""
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for index, heading in enumerate(headings):
        whole = ids and index == 0
        drawn.add_column(heading, no_wrap=whole, min_width=_ID_WIDTH if whole else None, overflow="fold")
    return drawn


def facts(named: Iterable[tuple[str, RenderableType | None]]) -> Table:
    """Draw facts beside their names; those that are empty are left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in named:
        if value:
            grid.add_row(name, text(value) if isinstance(value, str) else value)
    return grid


def text(said: str | Text) -> Text:
    """Return text as it is: Rich reads markup in plain strings, and a name may well be "[red]"."""
    return Text(printable(said)) if isinstance(said, str) else said


def instant(instant_ms: int | None, now_ms: int) -> str:
    """Write an instant, and how far away it is; nothing of none."""
    return "" if instant_ms is None else f"{format_instant(instant_ms)} ({due(instant_ms, now_ms)})"
