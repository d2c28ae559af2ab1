"""Mistakes in putting attempts off."""

from __future__ import annotations

from typing import Final

from minoots_kernel.application import put_off, run_action
from minoots_kernel.domain import put_offs, putting_off
from tests.simulation.invariants import deliveries, promises
from tests.simulation.invariants.put_offs import put_off_attempts_are_made_later
from tests.simulation.mutants.planting import Mutant, edit

__all__ = ["MUTANTS"]

RUN = run_action.RunAction
LATER: Final = (put_off_attempts_are_made_later,)

MUTANTS: Final = (
    Mutant(
        "what is put off is not sent",
        (put_off_attempts_are_made_later, deliveries.acknowledged_hints_are_done),
        (edit(RUN._put_off, "if later is not None:", "if False:"),),
    ),
    Mutant(
        "what is put off uses up an attempt",
        (put_off_attempts_are_made_later, promises.every_transition_is_one_conditional_write),
        (edit(putting_off.put_off, "state, next_attempt_at_ms=until_ms,", "state, tries=state.tries + 1,"),),
    ),
    Mutant(
        "each duplicate puts an attempt off by itself",
        LATER,
        (edit(putting_off.put_off, "times != command.times", "False"),),
    ),
    Mutant(
        "what is put off waits past the queue's reach",
        LATER,
        (
            edit(
                put_offs.put_off_until,
                "return min(at_ms, now_ms + QUEUE_REACH_MS)",
                "return at_ms",
            ),
        ),
    ),
    Mutant(
        "what is put off is put off for ever",
        LATER,
        (
            edit(
                put_off.put_off_too_long,
                "state.put_off is not None and state.put_off.too_long(put_off.cause, put_off.longest_ms, now_ms)",
                "False",
            ),
        ),
    ),
    Mutant(
        "what waits for something else has no time of its own for it",
        LATER,
        (edit(put_offs.PutOffs.again, "self.since_ms if self.cause is cause else now_ms", "self.since_ms"),),
    ),
    Mutant(
        "what waits for the same begins anew each time",
        LATER,
        (edit(put_offs.PutOffs.again, "self.since_ms if self.cause is cause else now_ms", "now_ms"),),
    ),
    Mutant(
        "the time for one cause counts for all",
        (deliveries.actions_at_least_once_with_a_stable_delivery_id,),
        (edit(put_offs.PutOffs.too_long, "self.cause is cause and", ""),),
    ),
    Mutant(
        "the sweep does not know of what is put off",
        LATER,
        (edit(putting_off.put_off, "next_check_at_ms=next_check(timer, actions)", "next_check_at_ms=None"),),
    ),
)
