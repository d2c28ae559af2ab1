"""Mistakes in running actions: order of writing and sending, retries, dead letters, identity."""

from __future__ import annotations

from typing import Final

from minoots_kernel.application import bury, run_action
from minoots_kernel.domain import dead_letters, retry, transitions, webhooks
from tests.simulation.invariants import deliveries, letters, promises, retries
from tests.simulation.mutants.planting import Mutant, edit

__all__ = ["MUTANTS"]

T = transitions
RUN = run_action.RunAction

MUTANTS: Final = (
    Mutant(
        "an old message runs its attempt again",
        (promises.the_timer_item_is_the_truth,),
        (edit(RUN.__call__, "message.attempt < state.next_attempt or state.status.terminal", "state.status.terminal"),),
    ),
    Mutant(
        "what has settled runs again",
        (promises.the_timer_item_is_the_truth,),
        (edit(RUN.__call__, "message.attempt < state.next_attempt or state.status.terminal", "False"),),
    ),
    Mutant(
        "attempts run before their time",
        (promises.the_timer_item_is_the_truth,),
        (edit(RUN.__call__, "state.next_attempt_at_ms > self.clock.now_ms()", "False"),),
    ),
    Mutant(
        "a message ahead of its firing is dropped",
        (deliveries.acknowledged_hints_are_done,),
        (
            edit(
                RUN.__call__,
                'raise UnknownHintError(f"the firing of timer {message.timer_id} is not visible")',
                "return",
            ),
        ),
    ),
    Mutant(
        "the next attempt is sent before the outcome is stored",
        (promises.the_timer_item_is_the_truth,),
        (
            edit(
                RUN._run,
                "outcome = self._attempt(timer, state)\n",
                "outcome = self._attempt(timer, state)\n"
                "        if outcome.attempt.outcome == 'failed':\n"
                "            following = ActionMessage(timer.tenant_id, timer.id, state.id, state.tries + 2)\n"
                "            self._send([Delayed(following, 1)])\n",
            ),
        ),
    ),
    Mutant(
        "done before the outcome is stored",
        (deliveries.acknowledged_hints_are_done,),
        (edit(RUN._run, "except StaleHintError:", "except (StaleHintError, DependencyUnavailableError):"),),
    ),
    Mutant(
        "a message that comes back sends nothing",
        (deliveries.acknowledged_hints_are_done,),
        (edit(RUN._follow_up, "if again or", "if"),),
    ),
    Mutant(
        "an outcome that was not heard of is forgotten",
        (deliveries.acknowledged_hints_are_done,),
        (edit(RUN._run, "self._after_stale(timer, outcome, again=again)", "pass"),),
    ),
    Mutant(
        "a message that comes back leaves it to its failed self",
        (deliveries.acknowledged_hints_are_done,),
        (edit(RUN._after_stale, "again or stands", "stands"),),
    ),
    Mutant(
        "the next attempt is forgotten when the queue refuses it",
        (deliveries.acknowledged_hints_are_done,),
        (edit(RUN._send, 'raise DependencyUnavailableError("The action queue refused a message.")', "pass"),),
    ),
    Mutant(
        "the actions that an end releases are forgotten",
        (deliveries.acknowledged_hints_are_done,),
        (edit(RUN._send_what_follows, "self._send([Delayed(message) for message in released])", "pass"),),
    ),
    Mutant(
        "buried before its letters are stored",
        (letters.dead_letters_are_complete,),
        (
            edit(
                bury.bury,
                "for state in timer.actions:",
                "try:\n"
                "        change_timer(store, timer, Bury(redrives_of(timer)), now_ms)\n"
                "    except StaleHintError:\n"
                "        pass\n"
                "    for state in timer.actions:",
            ),
        ),
    ),
    Mutant(
        "a dead letter has only the last attempt",
        (letters.dead_letters_are_complete,),
        (edit(dead_letters.dead_letter, "attempts=state.attempts,", "attempts=state.attempts[-1:],"),),
    ),
    Mutant(
        "one attempt too many",
        (retries.retries_keep_to_their_policy,),
        (edit(T._after_attempt, "tries_this_time >= policy.max_attempts", "tries_this_time > policy.max_attempts"),),
    ),
    Mutant(
        "a final refusal is tried again",
        (retries.retries_keep_to_their_policy,),
        (edit(T._after_attempt, "attempt.failure not in policy.retry_on or ", ""),),
    ),
    Mutant(
        "the receiver's Retry-After is not heard",
        (retries.retries_keep_to_their_policy,),
        (edit(retry.retry_delay_ms, "if retry_after_ms is not None:", "if False:"),),
    ),
    Mutant(
        "retries do not back off",
        (retries.retries_keep_to_their_policy,),
        (edit(retry.retry_delay_ms, "ceiling * (fraction if", "1_000 * (fraction if"),),
    ),
    Mutant(
        "each attempt has a delivery id of its own",
        (deliveries.actions_at_least_once_with_a_stable_delivery_id,),
        (
            edit(
                webhooks.webhook_request,
                '"webhook-id": identity,',
                '"webhook-id": f"{identity}-{state.next_attempt if state else 1}",',
            ),
        ),
    ),
)
