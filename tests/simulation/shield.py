"""What stands before the receivers: it puts attempts off as circuits and limits do, for as long as faults go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from minoots_kernel.domain.circuits import Call
from minoots_kernel.domain.errors import PutOffError
from minoots_kernel.domain.put_offs import Cause
from tests.simulation.chance import SPAN
from tests.simulation.crossing import Crossing

__all__ = ["LONGEST_MS", "NOT_SENT", "PutOffs", "SimulatedShield"]

LONGEST_MS: Final = 1_200_000
"""For how long an attempt is put off before it counts as made: less than in a deployment, so that it happens."""

NOT_SENT: Final = {Cause.CIRCUIT: "its circuit is open", Cause.SHORTAGE: "no connection is free"}
"""What it puts off for; the second once in eight."""

HOPES_MS: Final = (0, 0, 5_000, 120_000, 1_800_000)
"""After how long there is hope; the last is past what a queue can wait."""


@dataclass(frozen=True)
class PutOffs:
    """How attempts are put off in a history.

    Attributes:
        rate: How often, 0 to 1; with 0 nobody is asked.
        hopes_ms: After how long there is hope, one of these, milliseconds.
        turns: How many in four of those that are put off get a turn of their own.
    """

    rate: float = 0.0
    hopes_ms: tuple[int, ...] = HOPES_MS
    turns: int = 1


class SimulatedShield:
    """Lets an attempt through or puts it off, however often it asks; whether, and for which cause, is drawn each time.

    Args:
        cross: The way to whatever tells.
        put_offs: How it puts off, and how often.
        name: What people call a timer.
    """

    def __init__(self, cross: Crossing, put_offs: PutOffs, name: Callable[[str], str]) -> None:
        self._cross, self._put_offs, self._name = cross, put_offs, name
        self._limit = int(put_offs.rate * SPAN)

    @contextmanager
    def admitted(self, call: Call) -> Iterator[None]:
        """Let a call through; see the port."""
        if self._limit:
            hint = self._cross.task.hint
            about = f"{self._name(hint.timer_id)}.{hint.action_id}#{hint.attempt}"
            self._cross("Shield.admitted", about, lambda: self._decide(about, call))
        yield

    def _decide(self, about: str, call: Call) -> None:
        word = self._cross.chance.word("shield", about)
        if self._cross.fates.over or call.turn or word & (SPAN - 1) >= self._limit:
            return
        now_ms, hopes_ms = self._cross.loop.now_ms, self._put_offs.hopes_ms
        not_before_ms = now_ms + hopes_ms[(word >> 30) % len(hopes_ms)]
        turn = "destination" if (word >> 40) % 4 < self._put_offs.turns else None
        cause = Cause.CIRCUIT if (word >> 44) % 8 else Cause.SHORTAGE
        raise PutOffError(cause, NOT_SENT[cause], not_before_ms, LONGEST_MS, turn)
