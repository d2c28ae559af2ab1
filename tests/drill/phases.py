"""How far the timers had come when the process was killed, read from its journal and from what the receiver saw."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minoots_kernel.adapters.dynamodb.codec import timer_from_item
from minoots_kernel.domain.delivery_ids import delivery_id
from minoots_kernel.domain.timer import ActionState, ActionStatus, Status, Timer
from minoots_local.journal import JournalReader

PHASES = ("create", "arm", "wait", "fire", "hand-off", "deliver", "settle", "retry", "bury", "ended", "restart")
"""create: asked for, not answered. arm: far, its schedule not noted yet. wait: not due. fire: due, not fired yet.
hand-off: an attempt is due that has not reached the receiver. deliver: the receiver has it. settle: the receiver has
answered, the outcome is not on disk. retry: between attempts. bury: failed, its letter not on disk. ended: all done.
restart: killed while it started."""

Attempt = tuple[str, int]
"""A delivery id and an attempt's number."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Attempts that the receiver has got, and those that it has answered."""

    got: frozenset[Attempt]
    answered: frozenset[Attempt]


def phases_on_disk(journal: Path, killed_ms: float, far: set[str], seen: Seen) -> Counter[str]:
    """Count the timers of a killed process by phase."""
    timers, letters = _items(journal)
    counts: Counter[str] = Counter()
    for timer in timers:
        counts.update(_phases(timer, killed_ms, far, seen, letters))
    return counts


def _items(journal: Path) -> tuple[list[Timer], set[str]]:
    items: dict[str, Any] = {}
    for payload in JournalReader(journal):
        entry = json.loads(payload)
        image = entry.get("n") or entry.get("i")
        if image:
            items[image["pk"]["S"] + image["sk"]["S"]] = image
    kinds = [(image.get("kind", {}).get("S"), image) for image in items.values()]
    timers = [timer_from_item(image) for kind, image in kinds if kind == "timer"]
    return timers, {image["sk"]["S"] for kind, image in kinds if kind == "deadLetter"}


def _phases(timer: Timer, killed_ms: float, far: set[str], seen: Seen, letters: set[str]) -> set[str]:
    if timer.status.pending:
        if timer.name in far and timer.status is Status.SCHEDULED:
            return {"arm"}
        return {"wait" if timer.fire_at_ms > killed_ms else "fire"}
    if timer.status is Status.FIRED:
        under_way = [state for state in timer.actions if state.status is ActionStatus.DISPATCHED]
        return {_of_action(timer, state, killed_ms, seen) for state in under_way}
    unburied = timer.status is Status.FAILED and any(
        state.status is ActionStatus.FAILED and delivery_id(timer.id, state.id) not in letters
        for state in timer.actions
    )
    return {"bury" if unburied else "ended"}


def _of_action(timer: Timer, state: ActionState, killed_ms: float, seen: Seen) -> str:
    attempt = (delivery_id(timer.id, state.id), state.next_attempt)
    if attempt in seen.answered:
        return "settle"
    if attempt in seen.got:
        return "deliver"
    return "retry" if (state.next_attempt_at_ms or 0) > killed_ms else "hand-off"
