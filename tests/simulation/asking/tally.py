"""Many histories of acknowledgements, counted; in as many processes as wanted."""

from __future__ import annotations

import logging
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

from tests.simulation.asking.facts import reached_by
from tests.simulation.asking.history import live
from tests.simulation.asking.invariants import violations

__all__ = ["Count", "lived"]

STRETCH = 50


@dataclass
class Count:
    """What some histories came to.

    Attributes:
        reached: How many came to what, in words.
        broken: Seeds whose history broke an invariant, with how.
    """

    reached: Counter[str] = field(default_factory=Counter)
    broken: dict[int, list[str]] = field(default_factory=dict)
    askings: int = 0
    answers: int = 0
    messages: int = 0
    struck: int = 0


def lived(seeds: range, processes: int) -> Count:
    """Live through the histories of some seeds, so many at a time."""
    found = Count()
    stretches = [seeds[at : at + STRETCH] for at in range(0, len(seeds), STRETCH)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for part in pool.map(_stretch, stretches):
            for name in vars(found):
                mine, its = getattr(found, name), getattr(part, name)
                mine.update(its) if isinstance(mine, dict) else setattr(found, name, mine + its)
    return found


def _stretch(seeds: range) -> Count:
    logging.disable(logging.WARNING)  # what functions log of thousands of mishaps
    found = Count()
    for seed in seeds:
        history = live(seed)
        if said := violations(history):
            found.broken[seed] = [str(one) for one in said]
        found.reached.update(reached_by(history))
        found.askings += len(history.asked)
        found.answers += len(history.said)
        found.messages += len(history.delivered)
        found.struck += history.struck
    return found
