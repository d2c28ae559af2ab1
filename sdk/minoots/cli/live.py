"""How a watch looks: countdowns that run on a terminal, a line per change in a pipe, one document for a machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from rich.live import Live

from minoots.cli.tables import board
from minoots.cli.watching import Watched, follow
from minoots.cli.words import countdown, note, printable
from minoots.clock import Clock
from minoots_contract.instants import format_instant
from minoots_contract.timers import TimerStatus

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["Board", "follow_on"]

_FRAMES_PER_S: Final = 10


class Board:
    """The watched timers as they stand at the moment of drawing.

    Rich draws it several times a second in its own thread, so countdowns run on while the API is being asked.
    """

    def __init__(self, watched: Watched, clock: Clock) -> None:
        self._watched = watched
        self._clock = clock
        self._caption: str | None = "Asking ..."

    def tell(self, trouble: str | None) -> None:
        """Keep what is the matter, to be shown below the timers."""
        self._caption = trouble

    def __rich__(self) -> RenderableType:
        return board(self._watched.timers, now_ms=self._clock.now_ms(), caption=self._caption)


def follow_on(console: Console, watched: Watched, clock: Clock) -> None:
    """Watch until it is over, on a terminal or in a pipe.

    Raises:
        MinootsClientError: One of the tree in `minoots.client.errors`.
    """
    if not console.is_terminal:
        follow(watched, clock, _line_per_change(console, watched, clock))
        return
    drawing = Board(watched, clock)
    with Live(drawing, console=console, refresh_per_second=_FRAMES_PER_S):
        follow(watched, clock, drawing.tell)


def _line_per_change(console: Console, watched: Watched, clock: Clock) -> Callable[[str | None], None]:
    last: dict[str, TimerStatus] = {}

    def tell(trouble: str | None) -> None:
        now_ms = clock.now_ms()
        if trouble:
            console.out(f"{format_instant(now_ms)}  {printable(trouble)}")
        for timer in watched.timers:
            if last.get(timer.id) != timer.status:
                last[timer.id] = timer.status
                said = "  ".join(part for part in (timer.name, countdown(timer, now_ms), note(timer)) if part)
                console.out(f"{format_instant(now_ms)}  {timer.id}  {timer.status:<9}  {printable(said)}")

    return tell
