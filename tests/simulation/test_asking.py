"""Acknowledgements through hundreds of small histories, and mistakes that these see."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.simulation.asking.facts import reached_by
from tests.simulation.asking.fate import KINDS
from tests.simulation.asking.history import live
from tests.simulation.asking.invariants import INVARIANTS, violations
from tests.simulation.asking.mutants import MUTANTS, WITHIN, Mistake, hunt

pytestmark = pytest.mark.simulation

SEEDS = 300
PARTS = 3


@pytest.mark.parametrize("part", range(PARTS))
def test_every_invariant_holds_of_every_history(part: int) -> None:
    reached: Counter[str] = Counter()
    for seed in range(part, SEEDS, PARTS):
        history = live(seed)
        assert violations(history) == [], f"seed {seed}"
        reached.update(reached_by(history))
    places = ["settled", "failed", "redriven and succeeded", "redriven and failed", "a message of another life"]
    assert min(reached[place] for place in places) >= SEEDS / PARTS / 20, reached
    assert all(reached[kind.name] for kind in KINDS), reached


@pytest.mark.parametrize("mistake", MUTANTS, ids=lambda mistake: mistake.name)
def test_a_planted_mistake_is_seen_by_the_invariant_that_should_see_it(mistake: Mistake) -> None:
    assert hunt(mistake) is not None, f"not within {WITHIN} seeds"


def test_mistakes_are_named_and_have_somebody_to_see_them() -> None:
    assert len({mistake.name for mistake in MUTANTS}) == len(MUTANTS)
    for mistake in MUTANTS:
        assert mistake.seen_by
        assert set(mistake.seen_by) <= {*INVARIANTS}


def test_a_seed_is_one_history() -> None:
    first, second = live(4), live(4)
    assert [write.after for write in first.writes] == [write.after for write in second.writes]
    assert first.asked == second.asked
