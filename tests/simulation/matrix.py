"""Which port calls each use case makes, and what can go wrong at each: the cells that a run has to reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from tests.simulation.faults import AT_CALLS, Cell, Fault, Kind

__all__ = ["CALLS", "CELLS", "COLUMNS", "KINDS", "table", "unreached"]

KINDS: Final[Mapping[str, Kind]] = {
    "KeyStore.find": Kind.READ,
    "TimerStore.create": Kind.GUARDED,
    "TimerStore.get": Kind.READ,
    "TimerStore.get_many": Kind.READ,
    "TimerStore.replace": Kind.GUARDED,
    "TimerStore.beat": Kind.GUARDED,
    "TimerStore.page": Kind.READ,
    "TimerStore.due_for_check": Kind.READ,
    "DeadLetterStore.put": Kind.WRITE,
    "DeadLetterStore.get": Kind.READ,
    "DeadLetterStore.mark": Kind.WRITE,
    "DeadLetterStore.page": Kind.READ,
    "ParkedRecordStore.put": Kind.WRITE,
    "WakeQueue.send": Kind.SEND,
    "ActionQueue.send": Kind.SEND,
    "MessageVisibility.hide": Kind.WRITE,
    "WakeSchedules.put": Kind.WRITE,
    "WakeSchedules.delete": Kind.WRITE,
    "EventBus.publish": Kind.SEND,
    "WebhookSender.send": Kind.POST,
    "Shield.admitted": Kind.READ,
}
"""Every call of every port, and its kind; clocks, ids and metrics cannot fail."""

LETTERS: Final = (
    "DeadLetterStore.get",
    "DeadLetterStore.page",
    "DeadLetterStore.mark",
    "TimerStore.get_many",
    "TimerStore.replace",
)
CHANGE: Final = ("TimerStore.get", "TimerStore.replace")
CALLS: Final[Mapping[str, tuple[str, ...]]] = {
    "authenticate": ("KeyStore.find",),
    "create_timer": ("TimerStore.create", "TimerStore.get", "WakeQueue.send"),
    "cancel_timer": CHANGE,
    "extend_timer": (*CHANGE, "WakeQueue.send"),
    "reschedule_timer": (*CHANGE, "WakeQueue.send"),
    "snooze_timer": (*CHANGE, "WakeQueue.send"),
    "pause_timer": CHANGE,
    "resume_timer": (*CHANGE, "WakeQueue.send"),
    "fire_timer_now": (*CHANGE, "WakeQueue.send"),
    "heartbeat_timer": ("TimerStore.beat", "TimerStore.get"),
    "get_timer": ("TimerStore.get",),
    "list_timers": ("TimerStore.page",),
    "list_dead_letters": ("DeadLetterStore.page",),
    "redrive_dead_letters": (*LETTERS, "WakeQueue.send"),
    "discard_dead_letters": LETTERS,
    "arm_timers": (
        "TimerStore.get",
        "TimerStore.replace",
        "WakeSchedules.put",
        "WakeSchedules.delete",
        "WakeQueue.send",
        "ParkedRecordStore.put",
    ),
    "publish_events": ("EventBus.publish", "ParkedRecordStore.put"),
    "fire_timer": (
        "TimerStore.get",
        "TimerStore.replace",
        "WakeQueue.send",
        "ActionQueue.send",
        "WakeSchedules.put",
        "DeadLetterStore.put",
        "MessageVisibility.hide",
    ),
    "run_action": (
        "TimerStore.get",
        "TimerStore.replace",
        "Shield.admitted",
        "WebhookSender.send",
        "ActionQueue.send",
        "WakeSchedules.put",
        "DeadLetterStore.put",
        "DeadLetterStore.get",
        "DeadLetterStore.mark",
        "MessageVisibility.hide",
    ),
    "sweep_timers": (
        "TimerStore.due_for_check",
        "TimerStore.get_many",
        "TimerStore.get",
        "TimerStore.replace",
        "WakeQueue.send",
        "ActionQueue.send",
        "DeadLetterStore.put",
    ),
    "rebuild": (
        "TimerStore.due_for_check",
        "TimerStore.get_many",
        "TimerStore.replace",
        "WakeQueue.send",
        "ActionQueue.send",
        "WakeSchedules.put",
        "DeadLetterStore.put",
    ),
}
"""The port calls that each use case makes."""

RARE: Final = {
    ("run_action", "WakeQueue.send"),
    ("rebuild", "TimerStore.get"),
    ("pause_timer", "WakeQueue.send"),
    ("redrive_dead_letters", "TimerStore.get"),
    ("discard_dead_letters", "TimerStore.get"),
}
"""Calls that happen in one of many thousand histories: a retry due in 900 to 901 s whose lead is the longest; a rebuild
that meets another write; a pause asked for again with its key when the timer was resumed since and is due at once; two
who work with one timer's dead letters at the same moment."""

LETTER_CALLS: Final = frozenset(
    [(use_case, call) for use_case in ("redrive_dead_letters", "discard_dead_letters") for call in CALLS[use_case]]
    + [("run_action", "DeadLetterStore.get"), ("run_action", "DeadLetterStore.mark")]
)
"""Calls that are made only where dead letters are worked with."""

COLUMNS: Final = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.REFUSED, Fault.ANSWER_LOST)
"""What every call has to go through; more can happen to some."""

CELLS: Final[tuple[Cell, ...]] = tuple(
    (use_case, call, fault) for use_case, calls in CALLS.items() for call in calls for fault in COLUMNS
)
FOCUSES: Final[tuple[Cell, ...]] = tuple(
    (use_case, call, fault) for use_case, calls in CALLS.items() for call in calls for fault in AT_CALLS[KINDS[call]]
)
"""Cells that a history can be about."""


def unreached(hits: Mapping[Cell, int]) -> list[Cell]:
    """Return the cells that no fault struck."""
    return [cell for cell in CELLS if not hits.get(cell)]


def unlisted(calls: Counter[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return calls that were made and are in no list: the matrix must grow with the kernel."""
    listed = {(use_case, call) for use_case, names in CALLS.items() for call in names} | RARE
    return sorted(set(calls) - listed)


def table(hits: Mapping[Cell, int], calls: Counter[tuple[str, str]]) -> list[str]:
    """Return the matrix as lines of a Markdown table."""
    heads = ["use case", "call", "made", *COLUMNS, "other faults"]
    lines = [f"| {' | '.join(heads)} |", f"| --- | --- |{' ---: |' * (len(heads) - 2)}"]
    for use_case, call in sorted(
        set(calls) | {(use_case, call) for use_case, names in CALLS.items() for call in names}
    ):
        others = sum(hits.get((use_case, call, fault), 0) for fault in Fault if fault not in COLUMNS)
        cells = [f"{hits.get((use_case, call, fault), 0):,}" for fault in COLUMNS]
        lines.append(f"| {use_case} | {call} | {calls[use_case, call]:,} | {' | '.join(cells)} | {others:,} |")
    return lines
