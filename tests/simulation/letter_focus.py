"""Histories about work with dead letters: few timers come that far unless much is made to go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from tests.simulation.chance import choose, source
from tests.simulation.faults import Fault
from tests.simulation.focus import BY_NAME, FOCUS_RATE, LATE, Lead, named
from tests.simulation.matrix import CALLS, CELLS, LETTER_CALLS

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
RACES: Final[Mapping[str, Lead]] = {
    "redriven": REDRIVEN,
    "redriven and not marked": UNFINISHED,
    "dying again and again": DYING,
    "letters that come after their discard": STRAGGLING,
    "redriven and lost": replace(REDRIVEN, concurrency=2, faults={Fault.MESSAGE_LOST: 0.3}),
    "discarded while redriven": replace(
        DISCARDED, cells={("redrive_dead_letters", "TimerStore.replace", Fault.SLOW_CALL): 0.5}
    ),
    "never run before": NEVER_RUN,
}
"""What matters only when something else happens at the same moment, and what makes that likely."""

RACE_WEIGHTS: Final = {**dict.fromkeys(RACES, 1), "redriven and not marked": 4, "never run before": 3}
"""How often each is drawn; what succeeds in few of its histories is drawn oftener."""

SELDOM: Final = {
    ("run_action", "DeadLetterStore.mark"): 30,
    ("run_action", "DeadLetterStore.get"): 5,
    **{("discard_dead_letters", call): 4 for call in CALLS["discard_dead_letters"]},
    ("redrive_dead_letters", "WakeQueue.send"): 6,
    ("redrive_dead_letters", "TimerStore.replace"): 3,
    ("redrive_dead_letters", "DeadLetterStore.mark"): 3,
}
"""Calls that few of the histories come to that are about them: how much oftener their cells are drawn."""

CELL_WEIGHTS: Final = {named(cell): SELDOM.get(cell[:2], 1) for cell in CELLS if cell[:2] in LETTER_CALLS}


def draw_letter_focus(seed: int) -> Lead:
    """Draw a cell of work with dead letters, with what leads there; or a race."""
    if source(seed, "letter focus").random() < 0.5:
        return RACES[choose(seed, "race of letters", RACE_WEIGHTS)]
    cell = BY_NAME[choose(seed, "cell of letters", CELL_WEIGHTS)]
    lead = LEADS[cell[:2]]
    return replace(lead, cells={**lead.cells, cell: FOCUS_RATE})
