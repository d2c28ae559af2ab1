"""``minoots dead-letters``: actions that exhausted their attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from minoots.cli.invocation import JsonFlag, invocation
from minoots.cli.listing import first, page_size

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["dead_letters"]

dead_letters = typer.Typer(
    name="dead-letters", no_args_is_help=True, help="Actions that exhausted their attempts, with their story."
)


@dead_letters.callback()
def _group() -> None:
    # With a callback it stays a group though it has one command.
    """Actions that exhausted their attempts, with their story."""


@dead_letters.command("list")
def list_(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 20,
    every: Annotated[bool, typer.Option("--all", help="All of them, however many.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List dead letters, those of the newest timers first."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        shown, more = first(client.dead_letters.list(page_size=page_size(limit, every)), None if every else limit)
    document = {"deadLetters": [letter.wire() for letter in shown], "more": more}

    def draw(console: Console) -> None:
        from minoots.cli.tables import dead_letter_table

        console.print(dead_letter_table(shown, now_ms=run.seams.clock.now_ms()))
        if more:
            console.print("There are more: --limit N or --all shows them.", style="dim")

    run.show(document, draw)
