"""Histories about work with dead letters: few timers come that far unless much is made to go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Final

from tests.simulation.faults import Cell, Fault
from tests.simulation.focus import FOCUS_RATE, LATE, Lead
from tests.simulation.matrix import CELLS, LETTER_CALLS

__all__ = ["draw_letter_focus"]

SHORT_MS: Final = (20_000, 60_000)
REDRIVEN: Final = Lead(moods={"gone": 0.6}, durations_ms=SHORT_MS, letters=("redrive", "redrive all", "redrive"))
DISCARDED: Final = Lead(
    moods={"gone": 0.8}, durations_ms=SHORT_MS, letters=("discard", "redrive", "discard all", "discard")
)
DYING: Final = replace(REDRIVEN, moods={"gone": 0.95}, letters=("redrive",) * 4, letters_at_ms=(5_000,))
UNFINISHED: Final = replace(
    REDRIVEN,
    cells={
        ("redrive_dead_letters", "DeadLetterStore.mark", Fault.CRASH_BEFORE): 0.6,
        ("redrive_dead_letters", "DeadLetterStore.mark", Fault.REFUSED): 0.4,
    },
    moods={"gone": 0.5},
    letters=("redrive",),
    letters_at_ms=(5_000, 40_000),
)
STRAGGLING: Final = Lead(
    cells={("run_action", "DeadLetterStore.put", Fault.LATE_EFFECT): 0.6},
    moods={"gone": 0.95},
    durations_ms=SHORT_MS,
    letters=("discard", "discard", "discard", "discard"),
    letters_at_ms=(3_000, 4_500, 6_000),
)
NEVER_RUN: Final = replace(LATE, letters=("redrive", "redrive all", "discard"), letters_at_ms=(180_000, 1_800_000))
LEADS: Final[Mapping[tuple[str, str], Lead]] = {
    call: UNFINISHED if call == ("run_action", "DeadLetterStore.mark") else REDRIVEN for call in LETTER_CALLS
} | {call: DISCARDED for call in LETTER_CALLS if call[0] == "discard_dead_letters"}
RACES: Final = (
    REDRIVEN,
    *(UNFINISHED,) * 4,  # so often, for it succeeds in few
    DYING,
    STRAGGLING,
    replace(REDRIVEN, concurrency=2, faults={Fault.MESSAGE_LOST: 0.3}),
    replace(DISCARDED, cells={("redrive_dead_letters", "TimerStore.replace", Fault.SLOW_CALL): 0.5}),
    *(NEVER_RUN,) * 3,
)
"""What matters only when something else happens at the same moment, and what makes that likely."""

SELDOM: Final = {("run_action", "DeadLetterStore.mark"): 8, ("run_action", "DeadLetterStore.get"): 5}
"""Calls that few of the histories come to that are about them: how much oftener their cells are drawn."""

DRAWN: Final[tuple[Cell, ...]] = tuple(
    cell for cell in CELLS if cell[:2] in LETTER_CALLS for _ in range(SELDOM.get(cell[:2], 1))
)


def draw_letter_focus(rng: Random) -> Lead:
    """Draw a cell of work with dead letters, with what leads there; or a race."""
    if rng.random() < 0.5:
        return rng.choice(RACES)
    cell = rng.choice(DRAWN)
    lead = LEADS[cell[:2]]
    return replace(lead, cells={**lead.cells, cell: FOCUS_RATE})
