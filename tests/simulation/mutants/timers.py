"""Mistakes in what a timer may become: generations, firing, cancelling, settling, checking."""

from __future__ import annotations

from typing import Final

from minoots_kernel.application import change, fire_timer, sweep_timers
from minoots_kernel.domain import bundles, changes_of_mind, dispatch, moves, releasing, repair, transitions, waking
from minoots_kernel.domain.timer import Status
from tests.simulation.invariants import deliveries, lateness, letters, outside, promises
from tests.simulation.mutants.planting import Mutant, edit, put

__all__ = ["MUTANTS"]

T, CHANGES = transitions, changes_of_mind
FIRE = fire_timer.FireTimer

MUTANTS: Final = (
    Mutant(
        "no generation check",
        (promises.a_stale_wake_up_dies,),
        (
            edit(
                T._check_generation,
                "if generation < timer.generation:",
                "if generation != timer.generation:\n        return\n    if False:",
            ),
        ),
    ),
    Mutant(
        "fires before it is due",
        (promises.never_early,),
        (edit(T._fire, "if now_ms < timer.fire_at_ms:", "if False:"),),
    ),
    Mutant(
        "fires whatever the status",
        (promises.one_fire_transition,),
        (edit(T._fire, "if not timer.status.pending:", "if False:"),),
    ),
    Mutant(
        "cancels what has fired",
        (promises.one_fire_transition, promises.every_transition_is_one_conditional_write),
        (
            edit(CHANGES._cancel, '_check_open(timer, "cancelled")', "pass"),
            put(moves, "MOVES", {**moves.MOVES, Status.FIRED: moves.MOVES[Status.FIRED] | {Status.CANCELLED}}),
        ),
    ),
    Mutant(
        "a cancelled timer keeps its generation",
        (promises.a_stale_wake_up_dies,),
        (edit(CHANGES._cancel, "generation=timer.generation + 1,", ""),),
    ),
    Mutant(
        "settles one action too early",
        (promises.never_lost, promises.one_fire_transition),
        (
            edit(
                T._went_on,
                "if not all(action.status.terminal for action in actions):",
                "if sum(not action.status.terminal for action in actions) > 1:",
            ),
        ),
    ),
    Mutant(
        "the version stays",
        (promises.every_transition_is_one_conditional_write,),
        (edit(moves.moved, "version = timer.version + 1", "version = timer.version"),),
    ),
    Mutant(
        "the last writer wins",
        (promises.every_transition_is_one_conditional_write, promises.one_fire_transition),
        (
            edit(
                change.change_timer,
                "current = read\n",
                "store.replace(read, __import__('dataclasses').replace(transition.timer, version=read.version + 1))\n"
                "            return transition\n",
            ),
        ),
    ),
    Mutant(
        "more actions at once than asked for",
        (promises.every_transition_is_one_conditional_write,),
        (edit(bundles._released, "and free > 0 and", "and"),),
    ),
    Mutant(
        "the outcome of an attempt counts twice",
        (promises.every_transition_is_one_conditional_write,),
        (edit(T._record_attempt, "if command.attempt.number != state.next_attempt:", "if False:"),),
    ),
    Mutant(
        "a failed timer needs nothing more",
        (letters.dead_letters_are_complete,),
        (edit(T._end, "now_ms + REDISPATCH_AFTER_MS if letters else None", "None"),),
    ),
    Mutant(
        "looked at once is looked at for ever",
        (promises.never_lost,),
        (edit(T._recheck, "next_check_at_ms=command.at_ms", "next_check_at_ms=None"),),
    ),
    Mutant(
        "the sweep goes by its stale index",
        (promises.the_timer_item_is_the_truth,),
        (
            edit(
                repair.repair_of,
                "if timer.next_check_at_ms is None or timer.next_check_at_ms > now_ms:",
                "if timer.next_check_at_ms is None:",
            ),
        ),
    ),
    Mutant(
        "the sweep forgets what waits",
        (promises.never_lost,),
        (
            edit(
                repair.repair_of,
                "if timer.status.pending:",
                "if timer.status.pending:\n        return None\n    if False:",
            ),
        ),
    ),
    Mutant(
        "the sweep forgets what has fired",
        (promises.never_lost,),
        (edit(repair.repair_of, "overdue_messages(timer, now_ms))", "[])"),),
    ),
    Mutant(
        "the sweep forgets dead letters",
        (promises.never_lost, letters.dead_letters_are_complete, outside.it_comes_to_rest),
        (edit(sweep_timers.SweepTimers._note, "if repair.bury:", "if False:"),),
    ),
    Mutant(
        "actions are sent again while they run",
        (deliveries.actions_at_least_once_with_a_stable_delivery_id,),
        tuple(put(module, "REDISPATCH_AFTER_MS", 5_000) for module in (dispatch, releasing, transitions)),
    ),
    Mutant(
        "delays are rounded up",
        (lateness.lateness_is_bounded,),
        (edit(waking.queue_delay_s, "(residual_ms - QUEUE_MARGIN_MS) // 1000", "-(-residual_ms // 1000)"),),
    ),
    Mutant(
        "leads are shorter than Scheduler's minute",
        (lateness.lateness_is_bounded,),
        (put(waking, "MIN_LEAD_MS", 1_000), put(waking, "MAX_LEAD_MS", 20_000)),
    ),
    Mutant(
        "what is not found is dropped",
        (deliveries.acknowledged_hints_are_done,),
        (
            edit(
                FIRE.__call__,
                'raise UnknownHintError(f"timer {wake_up.timer_id} is not visible")',
                "return FireOutcome.DROPPED",
            ),
        ),
    ),
    Mutant(
        "a wake-up that comes before its timer is due is dropped",
        (deliveries.acknowledged_hints_are_done,),
        (
            edit(
                FIRE.__call__,
                "return self._send_on(wake_up, timer, again=again)",
                "return FireOutcome.DROPPED",
            ),
        ),
    ),
    Mutant(
        "a wake-up that comes back sends nothing",
        (deliveries.acknowledged_hints_are_done,),
        (edit(FIRE.__call__, "again=again or error.unsure", "again=False"),),
    ),
    Mutant(
        "a firing that was not heard of is forgotten",
        (deliveries.acknowledged_hints_are_done,),
        (edit(FIRE.__call__, "again=again or error.unsure", "again=again"),),
    ),
    Mutant(
        "actions are sent before the firing is stored",
        (promises.the_timer_item_is_the_truth,),
        (
            edit(
                FIRE.__call__,
                "self._wait_until(wake_up.due_at_ms)\n    try:",
                "self._wait_until(wake_up.due_at_ms)\n"
                "    self._dispatch([message_for(timer, state) for state in timer.actions[:1]])\n    try:",
            ),
        ),
    ),
    Mutant(
        "actions that the queue refuses are forgotten",
        (deliveries.acknowledged_hints_are_done,),
        (edit(FIRE._dispatch, 'raise DependencyUnavailableError("The action queue refused a message.")', "pass"),),
    ),
    Mutant(
        "wake-ups that the queue refuses are forgotten",
        (deliveries.acknowledged_hints_are_done,),
        (edit(FIRE._send_again, 'raise DependencyUnavailableError("The wake-up queue refused a message.")', "pass"),),
    ),
)
