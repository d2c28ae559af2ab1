"""The simulation bites: mistakes planted in the kernel are seen, by the invariants that should see them."""

from __future__ import annotations

import pytest

from tests.simulation.invariants import INVARIANTS, violations
from tests.simulation.mutants import MUTANTS, WITHIN, Mutant, hunt
from tests.simulation.mutants.planting import planted
from tests.simulation.plan import draw_plan
from tests.simulation.shrink import shrink
from tests.simulation.trace import lines
from tests.simulation.world import run

pytestmark = pytest.mark.simulation


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_planted_mistake_is_seen_by_the_invariant_that_should_see_it(mutant: Mutant) -> None:
    catch = hunt(mutant, range(WITHIN))
    assert catch is not None, f"not within {WITHIN} seeds"
    assert catch.invariant in {invariant.__name__ for invariant in mutant.seen_by}


def test_mutants_are_many_and_only_invariants_catch_them() -> None:
    assert len(MUTANTS) >= 25
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    for mutant in MUTANTS:
        assert set(mutant.seen_by) <= {*INVARIANTS}
        assert "nothing_breaks" not in {invariant.__name__ for invariant in mutant.seen_by}, "an exception is no catch"


@pytest.mark.parametrize("mutant", MUTANTS[:3], ids=lambda mutant: mutant.name)
def test_a_mistake_is_gone_once_it_is_pulled_out(mutant: Mutant) -> None:
    catch = hunt(mutant, range(WITHIN))
    assert catch is not None
    assert violations(run(draw_plan(catch.seed))) == []


def test_a_failing_history_is_shrunk_to_what_matters_and_fails_still() -> None:
    mutant = next(mutant for mutant in MUTANTS if mutant.name == "a final refusal is tried again")
    catch = hunt(mutant, range(WITHIN))
    assert catch is not None
    plan = draw_plan(catch.seed)
    with planted(mutant):
        small = shrink(plan, catch.invariant)
        assert any(violation.invariant == catch.invariant for violation in violations(small))
        again = run(small.plan)
    assert [order.verb for order in small.plan.orders] == ["create"], "one timer is enough"
    assert small.strikes == [], "a receiver's refusal is no fault"
    assert lines(again) == lines(small), "the shrunk plan replays"
    assert len(lines(small)) < len(lines(run(plan)))
