"""What every command that lists has in common: how much of it is shown, and that there is more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from minoots.cli.invocation import Invocation

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from minoots.client import Client
    from minoots_contract.model import WireModel

__all__ = ["Every", "Limit", "show_listing"]

Limit = Annotated[int, typer.Option("--limit", min=1, help="At most this many.")]
Every = Annotated[bool, typer.Option("--all", help="All of them, however many.")]

Entry = TypeVar("Entry", bound="WireModel")

_LARGEST_PAGE: Final = 100


def show_listing(
    run: Invocation,
    name: str,
    fetch: Callable[[Client, int], Iterator[Entry]],
    draw_table: Callable[[Sequence[Entry]], RenderableType],
    *,
    limit: int,
    every: bool,
) -> None:
    """Answer with the first entries of a listing, and say whether there are more.

    Args:
        run: The run.
        name: What machines know the entries by.
        fetch: Iterates over the entries, pages of the given size as they are needed.
        draw_table: Draws those that are shown; called for people alone, so that it may import what draws.
        limit: The most to show.
        every: Whether to show all.
    """
    # One more than is shown tells whether there are more, so a short listing costs one small page.
    size = _LARGEST_PAGE if every else min(limit + 1, _LARGEST_PAGE)
    with run.client() as client:
        entries = fetch(client, size)
        shown = list(islice(entries, None if every else limit))
        more = next(entries, None) is not None

    def draw(console: Console) -> None:
        console.print(draw_table(shown))
        if more:
            console.print("There are more: --limit N or --all shows them.", style="dim")

    run.show({name: [entry.wire() for entry in shown], "more": more}, draw)
