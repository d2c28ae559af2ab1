"""Many histories, counted; in as many processes as wanted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

from tests.simulation.faults import Cell
from tests.simulation.invariants import Violation, violations
from tests.simulation.plan import BEGIN_MS, draw_plan
from tests.simulation.world import run

__all__ = ["Tally", "count_seeds", "count_stretch"]

CHUNK = 200


@dataclass
class Tally:
    """What histories were like.

    Attributes:
        virtual_ms: Time that passed in them.
        cpu_s: Time that they took on a core, in seconds.
        failures: Seeds whose history broke an invariant, with how.
    """

    histories: int = 0
    calm: int = 0
    events: int = 0
    virtual_ms: int = 0
    cpu_s: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    cells: Counter[Cell] = field(default_factory=Counter)
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    timers: Counter[str] = field(default_factory=Counter)
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: dict[int, list[Violation]] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Take another's counts in."""
        for name in vars(self):
            mine, its = getattr(self, name), getattr(other, name)
            if isinstance(mine, dict):
                mine.update(its)  # counters add, dictionaries take in
            else:
                setattr(self, name, mine + its)


def count_stretch(first: int, count: int) -> Tally:
    """Run the histories of some seeds one after another, and check every invariant of each."""
    tally, began_s = Tally(), time.process_time()
    for seed in range(first, first + count):
        history = run(draw_plan(seed))
        broken = violations(history)
        if broken:
            tally.failures[seed] = broken
        world = history.world
        tally.histories += 1
        tally.calm += history.plan.rates.calm
        tally.events += world.loop.events
        tally.virtual_ms += world.loop.now_ms - BEGIN_MS
        tally.faults.update(str(fault) for fault in world.fates.counts.elements())
        tally.cells.update(history.cells)
        tally.calls.update(world.cross.calls)
        tally.timers.update(str(timer.status) for timer in world.ports.store.by_id.values())
        tally.answers.update(world.callers.answers)
    tally.cpu_s = time.process_time() - began_s
    return tally


def count_seeds(first: int, count: int, processes: int, told: Callable[[Tally], Any] = lambda _: None) -> Tally:
    """Run the histories of seeds in processes.

    Args:
        first: The first seed.
        count: How many.
        processes: How many work at a time.
        told: Called with the counts so far, now and then.
    """
    tally = Tally()
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        stretches = [(at, min(CHUNK, first + count - at)) for at in range(first, first + count, CHUNK)]
        for part in pool.map(count_stretch, *zip(*stretches, strict=True)):
            tally.add(part)
            told(tally)
    return tally
