"""What the commands about one timer share: how it is named, and how it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from minoots.cli.invocation import Invocation

if TYPE_CHECKING:
    from rich.console import Console

    from minoots_contract.timers import TimerReply

__all__ = ["TimerId", "show_timer"]

TimerId = Annotated[str, typer.Argument(metavar="ID", help="The timer's id.", show_default=False)]


def show_timer(run: Invocation, timer: TimerReply) -> None:
    """Answer with one timer and all there is to know about it."""

    def draw(console: Console) -> None:
        from minoots.cli.tables import timer_details

        console.print(timer_details(timer, now_ms=run.seams.clock.now_ms()))

    run.show(timer.wire(), draw)
