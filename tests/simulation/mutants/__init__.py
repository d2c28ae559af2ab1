"""Mistakes planted in the kernel, to prove that the simulation sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.simulation.invariants import Facts
from tests.simulation.mutants import actions, bundles, edges, letters, minds, put_offs, timers
from tests.simulation.mutants.planting import Mutant, planted
from tests.simulation.plan import draw_plan
from tests.simulation.world import run

__all__ = ["MUTANTS", "WITHIN", "Catch", "Mutant", "hunt"]

MUTANTS: Final[tuple[Mutant, ...]] = (
    *timers.MUTANTS,
    *minds.MUTANTS,
    *actions.MUTANTS,
    *bundles.MUTANTS,
    *put_offs.MUTANTS,
    *letters.MUTANTS,
    *edges.MUTANTS,
)

WITHIN: Final = 400
"""Each mutant is caught within so many seeds, from 0."""


@dataclass(frozen=True)
class Catch:
    """A mutant that was caught: by which seed, which invariant, and what that saw."""

    seed: int
    invariant: str
    what: str


def hunt(mutant: Mutant, seeds: range) -> Catch | None:
    """Run seeds until one of the invariants that should see the mutant does."""
    with planted(mutant):
        for seed in seeds:
            facts = Facts(run(draw_plan(seed), mutant.setup))
            for invariant in mutant.seen_by:
                for what in invariant(facts):
                    return Catch(seed, invariant.__name__, what)
    return None
