"""Histories about one cell of the coverage matrix, and what leads there: some calls are made in rare lives only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from tests.simulation.chance import choose, source
from tests.simulation.faults import Cell, Fault
from tests.simulation.matrix import CELLS, FOCUSES, LETTER_CALLS
from tests.simulation.shield import PutOffs

__all__ = ["Lead", "draw_focus", "named"]


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
        undisturbed: Whether none is cancelled or changed.
        changes: What callers want of each timer, in this order.
        beats: Whether timers wait for heartbeats.
        letters: What callers ask about dead letters of each timer, in this order.
        letters_at_ms: How long after a timer is due they begin to, if that matters.
        late: The late policy's mode that timers have, if that matters.
        put_offs: How attempts are put off, if that matters.
        keyed: Whether timers are created under idempotency keys in any case.
        concurrency: Of timers, which then have three actions.
        disaster: When the queues and schedules are lost, in parts of the first timer's duration, if they are.
        faulty_ms: For how long after the last firing faults go on, if that matters.
    """

    faults: Mapping[Fault, float] = field(default_factory=dict)
    cells: Mapping[Cell, float] = field(default_factory=dict)
    moods: Mapping[str, float] = field(default_factory=dict)
    durations_ms: tuple[int, ...] = ()
    backoffs_ms: tuple[int, ...] = ()
    verbs: tuple[str, ...] = ()
    cancels: bool = False
    undisturbed: bool = False
    changes: tuple[str, ...] = ()
    beats: bool = False
    letters: tuple[str, ...] = ()
    letters_at_ms: tuple[int, ...] = ()
    late: str = ""
    put_offs: PutOffs | None = None
    keyed: bool = False
    concurrency: int = 0
    disaster: tuple[float, float] | None = None
    faulty_ms: int = 0


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
    ("create_timer", "TimerStore.get"): Lead(
        cells={("create_timer", "TimerStore.create", Fault.ANSWER_LOST): 0.7}, keyed=True
    ),
    ("arm_timers", "WakeSchedules.put"): Lead(durations_ms=LONG_MS),
    ("arm_timers", "TimerStore.replace"): Lead(durations_ms=LONG_MS),
    ("arm_timers", "WakeSchedules.delete"): Lead(durations_ms=LONG_MS, cancels=True),
    ("arm_timers", "ParkedRecordStore.put"): POISON,
    ("publish_events", "ParkedRecordStore.put"): POISON,
    ("fire_timer", "MessageVisibility.hide"): REFUSALS,
    ("run_action", "MessageVisibility.hide"): REFUSALS,
    ("run_action", "Shield.admitted"): Lead(put_offs=PutOffs(0.4)),
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
    concurrency=3,
    undisturbed=True,
)
RACES: Final[Mapping[str, Lead]] = {
    "a firing that is written unseen": HIDDEN_FIRING,
    "outcomes that are written unseen": Lead(
        cells={("run_action", "TimerStore.replace", Fault.HIDDEN_WRITE): 0.5},
        moods={"busy": 0.5, "slow": 0.1},
        concurrency=3,
    ),
    "outcomes that come late": Lead(
        cells={("run_action", "TimerStore.replace", Fault.LATE_EFFECT): 0.5},
        moods={"busy": 0.4, "hangs": 0.5},
        backoffs_ms=(60_000,),
        concurrency=2,
        undisturbed=True,
    ),
    "cancels that are written unseen": Lead(
        cells={("cancel_timer", "TimerStore.replace", Fault.HIDDEN_WRITE): 0.5}, durations_ms=LONG_MS, cancels=True
    ),
    "changes that are written unseen": Lead(
        cells={(use_case, "TimerStore.replace", Fault.HIDDEN_WRITE): 0.5 for use_case in CHANGES},
        durations_ms=LONG_MS,
        changes=("extend", "snooze", "pause", "resume", "reschedule", "extend"),
    ),
    "laps that are written unseen": Lead(
        cells={
            ("fire_timer", "TimerStore.replace", Fault.HIDDEN_WRITE): 0.5,
            ("fire_timer", "TimerStore.replace", Fault.ANSWER_LOST): 0.1,
        },
        durations_ms=(1_000, 3_000, 9_000),
        beats=True,
    ),
    "laps that the queue refuses": Lead(
        cells={
            ("fire_timer", "WakeQueue.send", Fault.PART_REFUSED): 0.5,
            ("fire_timer", "WakeSchedules.put", Fault.REFUSED): 0.3,
        },
        durations_ms=(9_000, 60_000),
        beats=True,
        undisturbed=True,
    ),
    "firings that the queues refuse": Lead(
        cells={
            ("fire_timer", "WakeQueue.send", Fault.PART_REFUSED): 0.5,
            ("fire_timer", "ActionQueue.send", Fault.PART_REFUSED): 0.5,
        },
        durations_ms=LONG_MS,
        concurrency=3,
        undisturbed=True,
    ),
    "beats after a firing is asked for": Lead(
        {Fault.MESSAGE_LATE: 0.6, Fault.MESSAGE_LOST: 0.2}, durations_ms=SHORT_MS, changes=("fire",), beats=True
    ),
    "wake-ups that come too late": Lead({Fault.MESSAGE_LATE: 0.3}, durations_ms=SHORT_MS, late="skip"),
    "copies of what is put off": Lead(
        {Fault.MESSAGE_TWICE: 0.4, Fault.MESSAGE_SHOWN_AGAIN: 0.2}, put_offs=PutOffs(0.8), durations_ms=SHORT_MS
    ),
    "no end of putting off": Lead(
        {Fault.MESSAGE_TWICE: 0.1},  # where nothing else goes wrong, nothing is put off
        put_offs=PutOffs(0.9, (HOUR_MS // 2,), turns=0),
        durations_ms=SHORT_MS,
        concurrency=3,
        undisturbed=True,
        faulty_ms=2 * HOUR_MS,
    ),
    "forged hints among retries": Lead({Fault.FORGED_HINT: 0.5}, moods={"busy": 0.6}),
    "slow receivers of one action at a time": Lead(moods={"slow": 0.9}, durations_ms=SHORT_MS, concurrency=1),
}
"""What matters only when something else happens at the same moment, or again and again, and what makes that likely."""

RACE_WEIGHTS: Final = {
    **dict.fromkeys(RACES, 1),
    "a firing that is written unseen": 6,
    "changes that are written unseen": 3,
    "laps that are written unseen": 2,
    "outcomes that come late": 4,
    "firings that the queues refuse": 3,
    "laps that the queue refuses": 2,
    "beats after a firing is asked for": 2,
    "no end of putting off": 2,
}
"""How often each is drawn; what succeeds in few of its histories is drawn oftener."""

SELDOM: Final = {**dict.fromkeys(CHANGES, 5), "rebuild": 7, "sweep_timers": 2}
"""Use cases that few histories come to: how much oftener their cells are drawn."""

SELDOM_CALLED: Final = {
    **{(use_case, "WakeQueue.send"): 16 for use_case in CHANGES},
    ("create_timer", "TimerStore.get"): 10,
    ("fire_timer", "DeadLetterStore.put"): 8,
    ("sweep_timers", "TimerStore.get"): 6,
    ("rebuild", "ActionQueue.send"): 14,
    ("rebuild", "DeadLetterStore.put"): 20,
    ("rebuild", "TimerStore.replace"): 20,
}
"""The same of single calls."""


def named(cell: Cell) -> str:
    """Return a cell's name."""
    return "/".join(cell)


BY_NAME: Final = {named(cell): cell for cell in FOCUSES}
CELL_WEIGHTS: Final = {
    named(cell): SELDOM_CALLED.get(cell[:2]) or SELDOM.get(cell[0], 1) for cell in CELLS if cell[:2] not in LETTER_CALLS
}
"""How often the cells that every run has to reach are drawn."""


def draw_focus(seed: int) -> Lead:
    """Draw a cell, one that every run has to reach more often than others, with what leads there; or a race."""
    rng = source(seed, "focus")
    if rng.random() < 0.45:
        return RACES[choose(seed, "race", RACE_WEIGHTS)]
    cell = BY_NAME[choose(seed, "cell", CELL_WEIGHTS if rng.random() < 0.85 else dict.fromkeys(BY_NAME, 1))]
    lead = LEADS.get(cell[:2], Lead())
    return replace(lead, cells={**lead.cells, cell: FOCUS_RATE})
