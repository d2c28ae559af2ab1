"""Mistakes in what becomes of dead letters: redriven twice, half, for ever, or forgotten."""

from __future__ import annotations

from typing import Final

from minoots_kernel.application import letter_work, run_action
from minoots_kernel.domain import redrive
from tests.simulation.invariants import lateness, letters, outside, promises, retries
from tests.simulation.mutants.planting import Mutant, edit

__all__ = ["MUTANTS"]

WORK = letter_work.LetterWork

MUTANTS: Final = (
    Mutant(
        "a letter is marked before its timer is written",
        (letters.dead_letters_are_complete,),
        (
            edit(
                WORK._work,
                "try:\n",
                "self.letters.mark(letter, self.becomes, self.clock.now_ms())\n    try:\n",
            ),
        ),
    ),
    Mutant(
        "nothing looks after what is redriven",
        (letters.redriven_deliveries_run, promises.never_lost),
        (edit(redrive._redrive, "next_check_at_ms=next_check(timer, actions)", "next_check_at_ms=None"),),
    ),
    Mutant(
        "what is redriven has only the attempts that were left",
        (retries.retries_keep_to_their_policy, letters.redriven_deliveries_run),
        (edit(redrive._redrive, "state.redriven.times + 1, state.tries,", "state.redriven.times + 1, 0,"),),
    ),
    Mutant(
        "attempts are numbered anew after a redrive",
        (letters.redriven_deliveries_run, promises.every_transition_is_one_conditional_write),
        (edit(redrive._redrive, "given_up=None,", "given_up=None, tries=0, attempts=(),"),),
    ),
    Mutant(
        "the key of a redrive is not looked at",
        (letters.redriven_deliveries_run,),
        (edit(redrive._redrive, "> command.death or with_this_key", "> command.death"),),
    ),
    Mutant(
        "what is redriven does not wait for its turn",
        (promises.every_transition_is_one_conditional_write,),
        (
            edit(
                redrive._redrive,
                "at_once = bundle is not None and state.id in bundle.started_by_others",
                "at_once = True",
            ),
        ),
    ),
    Mutant(
        "a timer that was too late acts and does not fire",
        (lateness.late_timers_keep_to_their_policy, promises.never_lost),
        (edit(redrive._redrive, "fires = timer.fired_at_ms is None", "fires = False"),),
    ),
    Mutant(
        "a discard is not written down",
        (outside.callers_are_told_the_truth, letters.dead_letters_are_complete),
        (edit(redrive._discard, "replace(state, discarded=True)", "state"),),
    ),
    Mutant(
        "what was discarded can be redriven",
        (letters.redriven_deliveries_run,),
        (
            edit(redrive._redrive, "if state.discarded:", "if False:"),
            edit(letter_work._state_of, "action is not None and action.discarded", "False"),
        ),
    ),
    Mutant(
        "a letter that its redriver could not mark stays for ever",
        (letters.dead_letters_are_complete,),
        (edit(run_action.RunAction._send_what_follows, "take_up(timer, state", "(lambda *_: None)(timer, state"),),
    ),
)
