"""Histories about one cell of the coverage matrix, and what leads there: some calls are made in rare lives only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from tests.simulation.faults import Cell, Fault
from tests.simulation.matrix import CELLS, FOCUSES, LETTER_CALLS

__all__ = ["Lead", "draw_focus"]


@dataclass(frozen=True)
class Lead:
    """What makes a call likely to be made.

    Attributes:
        faults: Faults to add, and how often they strike.
        cells: The same, in some cells only.
        moods: The receivers' moods, if they matter.
        durations_ms: What timers last, if that matters.
        backoffs_ms: First delays of retries, if they matter.
        verbs: What callers ask for in any case.
        cancels: Whether each timer is cancelled halfway.
        changes: What callers want of each timer, in this order.
        beats: Whether timers wait for heartbeats.
        letters: What callers ask about dead letters of each timer, in this order.
        letters_at_ms: How long after a timer is due they begin to, if that matters.
        late: The late policy's mode that timers have, if that matters.
        put_offs: How often attempts are put off, if that matters.
        concurrency: Of timers, which then have three actions.
        disaster: When the queues and schedules are lost, in parts of the first timer's duration, if they are.
    """

    faults: Mapping[Fault, float] = field(default_factory=dict)
    cells: Mapping[Cell, float] = field(default_factory=dict)
    moods: Mapping[str, float] = field(default_factory=dict)
    durations_ms: tuple[int, ...] = ()
    backoffs_ms: tuple[int, ...] = ()
    verbs: tuple[str, ...] = ()
    cancels: bool = False
    changes: tuple[str, ...] = ()
    beats: bool = False
    letters: tuple[str, ...] = ()
    letters_at_ms: tuple[int, ...] = ()
    late: str = ""
    put_offs: float = 0.0
    concurrency: int = 0
    disaster: tuple[float, float] | None = None


FOCUS_RATE: Final = 0.6
HOUR_MS: Final = 3_600_000
LOSSES: Final = Lead({Fault.MESSAGE_LOST: 0.4})
LATE: Final = Lead({Fault.MESSAGE_LATE: 0.6, Fault.MESSAGE_LOST: 0.2}, late="deadLetter")
POISON: Final = Lead({Fault.STREAM_POISON: 0.5})
REFUSALS: Final = Lead({Fault.REFUSED: 0.1})
UNBURIED: Final = {
    ("run_action", "DeadLetterStore.put", Fault.CRASH_BEFORE): 0.5,
    ("run_action", "DeadLetterStore.put", Fault.CRASH_AFTER): 0.4,
}
LONG_MS: Final = (HOUR_MS, 2 * HOUR_MS)
SHORT_MS: Final = (60_000, 90_000)
CHANGES: Final[Mapping[str, tuple[str, ...]]] = {
    "extend_timer": ("extend", "extend"),
    "reschedule_timer": ("reschedule", "reschedule", "reschedule"),
    "snooze_timer": ("snooze", "snooze", "snooze"),
    "pause_timer": ("pause",),
    "resume_timer": ("pause", "resume", "pause", "resume"),
    "fire_timer_now": ("fire",),
}
AT_ONCE_MS: Final = (1_500, 4_000)
LEADS: Final[Mapping[tuple[str, str], Lead]] = {
    **{(use_case, "TimerStore.get"): Lead(changes=changes) for use_case, changes in CHANGES.items()},
    **{(use_case, "TimerStore.replace"): Lead(changes=changes) for use_case, changes in CHANGES.items()},
    **{
        (use_case, "WakeQueue.send"): Lead(durations_ms=AT_ONCE_MS, changes=changes)
        for use_case, changes in CHANGES.items()
    },
    ("heartbeat_timer", "TimerStore.beat"): Lead(beats=True),
    ("heartbeat_timer", "TimerStore.get"): Lead(changes=("pause",), beats=True),
    ("fire_timer", "WakeSchedules.put"): Lead(durations_ms=LONG_MS, beats=True),
    ("fire_timer", "DeadLetterStore.put"): LATE,
    ("get_timer", "TimerStore.get"): Lead(verbs=("get",)),
    ("list_timers", "TimerStore.page"): Lead(verbs=("list",)),
    ("list_dead_letters", "DeadLetterStore.page"): Lead(verbs=("list dead letters",)),
    ("cancel_timer", "TimerStore.get"): Lead(cancels=True),
    ("cancel_timer", "TimerStore.replace"): Lead(cancels=True),
    ("create_timer", "WakeQueue.send"): Lead(durations_ms=AT_ONCE_MS),
    ("arm_timers", "WakeSchedules.put"): Lead(durations_ms=LONG_MS),
    ("arm_timers", "TimerStore.replace"): Lead(durations_ms=LONG_MS),
    ("arm_timers", "WakeSchedules.delete"): Lead(durations_ms=LONG_MS, cancels=True),
    ("arm_timers", "ParkedRecordStore.put"): POISON,
    ("publish_events", "ParkedRecordStore.put"): POISON,
    ("fire_timer", "MessageVisibility.hide"): REFUSALS,
    ("run_action", "MessageVisibility.hide"): REFUSALS,
    ("run_action", "Shield.admitted"): Lead(put_offs=0.4),
    ("run_action", "WakeSchedules.put"): Lead(moods={"busy": 0.6}, backoffs_ms=(HOUR_MS, 2 * HOUR_MS)),
    ("run_action", "DeadLetterStore.put"): Lead(moods={"gone": 0.8}),
    ("sweep_timers", "TimerStore.due_for_check"): LOSSES,
    ("sweep_timers", "TimerStore.get_many"): LOSSES,
    ("sweep_timers", "TimerStore.get"): Lead(
        {Fault.SCHEDULE_NEVER: 1},
        {("sweep_timers", "TimerStore.replace", Fault.SLOW_CALL): 0.8},
        durations_ms=LONG_MS,
    ),
    ("sweep_timers", "TimerStore.replace"): LOSSES,
    ("sweep_timers", "WakeQueue.send"): LOSSES,
    ("sweep_timers", "ActionQueue.send"): LOSSES,
    ("sweep_timers", "DeadLetterStore.put"): Lead(cells=UNBURIED, moods={"gone": 0.8}),
    ("rebuild", "TimerStore.due_for_check"): Lead(disaster=(0.1, 0.9)),
    ("rebuild", "TimerStore.get_many"): Lead(disaster=(0.1, 0.9)),
    ("rebuild", "WakeQueue.send"): Lead(durations_ms=(300_000, 600_000), disaster=(0.1, 0.8)),
    ("rebuild", "WakeSchedules.put"): Lead(durations_ms=LONG_MS, disaster=(0.1, 0.7)),
    ("rebuild", "ActionQueue.send"): Lead(
        moods={"busy": 0.8}, durations_ms=SHORT_MS, backoffs_ms=(240_000,), disaster=(1.2, 2.0)
    ),
    ("rebuild", "DeadLetterStore.put"): Lead(
        {Fault.SWEEP_MISSED: 1}, UNBURIED, {"gone": 0.95}, durations_ms=SHORT_MS, disaster=(1.1, 1.6)
    ),
    ("rebuild", "TimerStore.replace"): Lead(
        {Fault.SWEEP_MISSED: 1}, UNBURIED, {"gone": 0.95}, durations_ms=SHORT_MS, disaster=(1.1, 1.6)
    ),
}


HIDDEN_FIRING: Final = Lead(
    {Fault.SCHEDULE_NEVER: 1},
    {
        ("fire_timer", "TimerStore.replace", Fault.HIDDEN_WRITE): 0.9,
        ("sweep_timers", "TimerStore.replace", Fault.SLOW_CALL): 0.5,
    },
    durations_ms=LONG_MS,
)
RACES: Final = (
    HIDDEN_FIRING,
    HIDDEN_FIRING,  # twice, for it succeeds in few
    Lead(
        cells={("run_action", "TimerStore.replace", Fault.HIDDEN_WRITE): 0.5},
        moods={"busy": 0.5, "slow": 0.1},
        concurrency=3,
    ),
    Lead(
        cells={("run_action", "TimerStore.replace", Fault.LATE_EFFECT): 0.5},
        moods={"busy": 0.4, "hangs": 0.5},
        backoffs_ms=SHORT_MS,
        concurrency=2,
    ),
    Lead(cells={("cancel_timer", "TimerStore.replace", Fault.HIDDEN_WRITE): 0.5}, durations_ms=LONG_MS, cancels=True),
    Lead(
        cells={(use_case, "TimerStore.replace", Fault.HIDDEN_WRITE): 0.5 for use_case in CHANGES},
        durations_ms=LONG_MS,
        changes=("extend", "snooze", "pause", "resume", "reschedule", "extend"),
    ),
    Lead(
        cells={
            ("fire_timer", "TimerStore.replace", Fault.HIDDEN_WRITE): 0.5,
            ("fire_timer", "TimerStore.replace", Fault.ANSWER_LOST): 0.1,
        },
        durations_ms=(1_000, 3_000, 9_000),
        beats=True,
    ),
    Lead({Fault.MESSAGE_LATE: 0.3}, durations_ms=SHORT_MS, late="skip"),
    Lead({Fault.MESSAGE_TWICE: 0.4, Fault.MESSAGE_SHOWN_AGAIN: 0.2}, put_offs=0.8, durations_ms=SHORT_MS),
    Lead({Fault.FORGED_HINT: 0.5}, moods={"busy": 0.6}),
    Lead(moods={"slow": 0.9}, durations_ms=SHORT_MS, concurrency=1),
)
"""What matters only when something else happens at the same moment, and what makes that likely."""


SELDOM: Final = {**dict.fromkeys(CHANGES, 3), "rebuild": 7, "sweep_timers": 2}
"""Use cases that few histories come to: how much oftener their cells are drawn."""

SELDOM_CALLED: Final = {("fire_timer", "DeadLetterStore.put"): 8}
"""The same of single calls."""

DRAWN: Final = tuple(
    cell
    for cell in CELLS
    if cell[:2] not in LETTER_CALLS
    for _ in range(SELDOM_CALLED.get(cell[:2]) or SELDOM.get(cell[0], 1))
)


def draw_focus(rng: Random) -> Lead:
    """Draw a cell, one that every run has to reach more often than others, with what leads there; or a race."""
    if rng.random() < 0.3:
        return rng.choice(RACES)
    cell = rng.choice(DRAWN if rng.random() < 0.85 else FOCUSES)
    lead = LEADS.get(cell[:2], Lead())
    return replace(lead, cells={**lead.cells, cell: FOCUS_RATE})
