"""Mistakes in what actions make of each other, and in policies of their own: stand-bys, callbacks, time limits."""

from __future__ import annotations

from typing import Final

from minoots_kernel.application import bury, run_action
from minoots_kernel.domain import bundles, retry, transitions
from tests.simulation.invariants import bundles as seen
from tests.simulation.invariants import deliveries, letters, promises, retries
from tests.simulation.mutants.planting import Mutant, edit

__all__ = ["MUTANTS"]

B, T, RUN = bundles, transitions, run_action.RunAction

MUTANTS: Final = (
    Mutant(
        "a stand-by runs from the start",
        (seen.bundles_run_as_asked,),
        (edit(B._released, "and free > 0 and state.id not in later", "and free > 0"),),
    ),
    Mutant(
        "a stand-by is not called",
        (seen.bundles_run_as_asked,),
        (edit(B._as_called, "any(_calls(caller, limit) for caller, limit in callers)", "False"),),
    ),
    Mutant(
        "a stand-by is called one failure too late",
        (seen.bundles_run_as_asked,),
        (edit(B._calls, "tries_this_time >= after_attempts", "tries_this_time > after_attempts"),),
    ),
    Mutant(
        "a stand-by takes the place of one of the others",
        (seen.bundles_run_as_asked,),
        (edit(B._released, "and state.id not in later for state in states", "for state in states"),),
    ),
    Mutant(
        "an action that was started for nothing goes on for ever",
        (promises.never_lost, seen.bundles_run_as_asked),
        (edit(B._as_called, "if all(caller.status in _NEEDS_NOBODY for caller, _ in callers):", "if False:"),),
    ),
    Mutant(
        "the first is given up as soon as its stand-by begins",
        (seen.bundles_run_as_asked,),
        (edit(B._if_got_through, "or not _got_through(target, links, by_id)", ""),),
    ),
    Mutant(
        "a stand-by that got through counts for nothing",
        (seen.bundles_run_as_asked, promises.never_lost),
        (edit(B._got_through, "link is None or not _calls(by_id[action_id], link[1])", "True"),),
    ),
    Mutant(
        "the stand-by is not sent for while the first goes on",
        (deliveries.acknowledged_hints_are_done,),
        (
            edit(
                RUN._send_what_follows,
                "self._send([Delayed(message) for message in released])\n    if",
                "if state.status is not ActionStatus.DISPATCHED:\n"
                "        self._send([Delayed(message) for message in released])\n    if",
            ),
        ),
    ),
    Mutant(
        "a callback does not wait for the others",
        (seen.bundles_run_as_asked,),
        (edit(B._called_back, "outcome = outcome_of(bundle, states)", "outcome = outcome_of(bundle, states) or 'x'"),),
    ),
    Mutant(
        "the other callback runs",
        (seen.bundles_run_as_asked,),
        (edit(B._called_back, 'if outcome == "failed"', 'if outcome != "failed"'),),
    ),
    Mutant(
        "a callback that fails fails its timer",
        (seen.bundles_run_as_asked,),
        (edit(T._end, 'if outcome_of(timer.spec.bundle, actions) != "failed":', "if not letters:"),),
    ),
    Mutant(
        "the dead letters of what settled are forgotten",
        (letters.dead_letters_are_complete,),
        (edit(bury.bury, "if not timer.status.terminal or", "if timer.status != 'failed' or"),),
    ),
    Mutant(
        "an action goes by its bundle's policy instead of its own",
        (retries.retries_keep_to_their_policy,),
        (edit(retry.policy_of, "(action.retry_policy if action else None) or", ""),),
    ),
    Mutant(
        "an attempt is planned past the time limit",
        (retries.retries_keep_to_their_policy,),
        (edit(T._after_attempt, "if given_up is not None:", "if False:"),),
    ),
    Mutant(
        "an attempt begins past the time limit",
        (retries.retries_keep_to_their_policy,),
        (edit(RUN._perform, "if expired is not None:", "if False:"),),
    ),
    Mutant(
        "the time of a stand-by runs from the firing",
        (retries.retries_keep_to_their_policy,),
        (
            edit(
                retry.begins_by_ms,
                "state.dispatched_at_ms if by_others or state.redriven.times else timer.fired_at_ms",
                "timer.fired_at_ms",
            ),
        ),
    ),
)
