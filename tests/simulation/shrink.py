"""Makes a failing history small: without the orders and the faults that it fails without just as well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from tests.simulation.invariants import violations
from tests.simulation.plan import Plan
from tests.simulation.world import History, Setup, run

__all__ = ["shrink"]

T = TypeVar("T")
MAX_RUNS = 600


class _Shrinking:
    """The smallest history so far that the invariant does not hold of."""

    def __init__(self, plan: Plan, invariant: str, setup: Setup | None) -> None:
        self._invariant, self._setup = invariant, setup
        self.runs = 0
        self.smallest = run(plan, setup)

    def attempt(self, plan: Plan) -> bool:
        """Take a smaller plan if it fails as well."""
        if self.runs >= MAX_RUNS:
            return False
        self.runs += 1
        history = run(plan, self._setup)
        fails = any(violation.invariant == self._invariant for violation in violations(history))
        if fails:
            self.smallest = history
        return fails

    def without_orders(self) -> bool:
        """Leave out orders; returns whether any could be."""
        return self._without(lambda: self.smallest.plan.orders, lambda kept: self.smallest.plan.keeping(tuple(kept)))

    def without_faults(self) -> bool:
        """Spare the history faults; returns whether any could be."""
        return self._without(lambda: self.smallest.strikes, self._sparing)

    def _sparing(self, kept: list[str]) -> Plan:
        plan = self.smallest.plan
        return replace(plan, spared=plan.spared | (set(self.smallest.strikes) - set(kept)))

    def _without(self, items: Callable[[], Sequence[T]], plan_with: Callable[[list[T]], Plan]) -> bool:
        """Leave out as many as can be: first all, then in halves, then in ever smaller parts."""
        any_left_out = False
        size = len(items())
        while size >= 1:
            start = 0
            while start < len(items()):
                now = list(items())
                if self.attempt(plan_with(now[:start] + now[start + size :])):
                    any_left_out = True
                else:
                    start += size
            size //= 2
        return any_left_out


def shrink(plan: Plan, invariant: str, setup: Setup | None = None) -> History:
    """Return a small history that the invariant does not hold of; the plan's own, if none smaller was found."""
    shrinking = _Shrinking(plan, invariant, setup)
    while shrinking.without_orders() | shrinking.without_faults():
        continue
    for simpler in ({"skew_ms": 0}, {"latency_ms": 3}, {"moods": {}}):
        shrinking.attempt(replace(shrinking.smallest.plan, **simpler))
    shrinking.without_faults()
    return shrinking.smallest
