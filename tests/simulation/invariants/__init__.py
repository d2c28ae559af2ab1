"""What must hold of every history: the invariants of ARCHITECTURE by their names, and those that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tests.simulation.invariants import (
    bundles,
    changes,
    deliveries,
    lateness,
    letters,
    outside,
    promises,
    put_offs,
    retries,
)
from tests.simulation.invariants.facts import Facts
from tests.simulation.world import History

__all__ = ["INVARIANTS", "Facts", "Invariant", "Violation", "violations"]

Invariant = Callable[[Facts], Iterator[str]]

INVARIANTS: Final[tuple[Invariant, ...]] = (
    promises.the_timer_item_is_the_truth,
    promises.every_transition_is_one_conditional_write,
    promises.never_early,
    promises.never_lost,
    promises.one_fire_transition,
    deliveries.actions_at_least_once_with_a_stable_delivery_id,
    promises.a_stale_wake_up_dies,
    outside.no_tenant_sees_anothers_data,
    outside.acknowledged_means_durable,
    deliveries.acknowledged_hints_are_done,
    retries.retries_keep_to_their_policy,
    put_offs.put_off_attempts_are_made_later,
    letters.dead_letters_are_complete,
    letters.redriven_deliveries_run,
    bundles.bundles_run_as_asked,
    outside.events_are_published_once_stored,
    outside.callers_are_told_the_truth,
    outside.a_key_makes_one_timer,
    changes.changes_are_made_as_asked,
    changes.a_beaten_timer_lives,
    lateness.late_timers_keep_to_their_policy,
    lateness.lateness_is_bounded,
    outside.it_comes_to_rest,
    outside.nothing_breaks,
)
"""The first nine are ARCHITECTURE's, in its order (acknowledged hints are the ninth's second half)."""


@dataclass(frozen=True)
class Violation:
    """An invariant that did not hold, and how."""

    invariant: str
    what: str


def violations(history: History) -> list[Violation]:
    """Check every invariant."""
    facts = Facts(history)
    return [Violation(invariant.__name__, what) for invariant in INVARIANTS for what in invariant(facts)]
