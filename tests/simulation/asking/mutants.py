"""Mistakes about acknowledgements that somebody might make, and the invariants of which one has to see each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from minoots_kernel.application import acknowledge_action, ask_agents, finish_asking, look_after_ask
from minoots_kernel.domain import acknowledgements, inbox, putting_off, repair
from tests.simulation.asking import invariants as holds
from tests.simulation.asking.history import live
from tests.simulation.asking.invariants import Invariant
from tests.simulation.mutants.planting import Plant, edit, plants_in

__all__ = ["MUTANTS", "WITHIN", "Mistake", "hunt"]

WITHIN: Final = 1_000
"""Histories within which each mistake is seen."""


@dataclass(frozen=True)
class Mistake:
    """What is wrong, in words; who has to see it; and the changes that make it."""

    name: str
    seen_by: tuple[Invariant, ...]
    plants: tuple[Plant, ...]


def hunt(mistake: Mistake) -> tuple[int, str] | None:
    """Return the first history that shows a mistake, and the invariant that sees it; none if all let it pass."""
    wanted = {invariant.__name__: invariant for invariant in mistake.seen_by}
    with plants_in(mistake.plants):
        for seed in range(WITHIN):
            history = live(seed)
            for name, invariant in wanted.items():
                if any(invariant(history)):
                    return seed, name
    return None


MUTANTS: Final = (
    Mistake(
        "silence is found before the deadline",
        (holds.everybody_has_their_time,),
        (
            edit(acknowledgements._expire, "case.now_ms < deadline_ms", "False"),
            edit(finish_asking.FinishAsking.expire, "(state.next_attempt_at_ms or 0) > now_ms", "False"),
        ),
    ),
    Mistake(
        "a token counts though its step is over",
        (holds.only_what_counts_counts,),
        (edit(acknowledgements._acknowledge, "if ask.over or ask.step != known.step:", "if False:"),),
    ),
    Mistake(
        "an answer counts though the action has ended",
        (holds.only_what_counts_counts, holds.what_has_ended_never_changes),
        (
            edit(
                acknowledgements._acknowledge,
                "if known.settled_at_ms is not None or not case.open:",
                "if not case.open and False:",
            ),
        ),
    ),
    Mistake(
        "a refusal ends the action",
        (holds.the_chain_is_kept,),
        (
            edit(
                acknowledgements._close,
                "known.step + 1 < len(case.chain.steps)",
                "outcome and known.step + 1 < len(case.chain.steps)",
            ),
        ),
    ),
    Mistake(
        "one asking too many",
        (holds.the_chain_is_kept,),
        (edit(acknowledgements._expire, "ask.tries >= step.max_attempts", "ask.tries > step.max_attempts"),),
    ),
    Mistake(
        "whoever accepted is asked again",
        (holds.nobody_is_asked_who_has_it_in_hand,),
        (edit(acknowledgements._expire, "ask.accepted_at_ms is not None or ", ""),),
    ),
    Mistake(
        "the dead letter is left to nobody",
        (holds.who_died_has_a_letter, holds.it_comes_to_an_end),
        (
            edit(
                finish_asking.FinishAsking.__call__,
                "bury(timer, self.store, self.dead_letters, self.metrics, self.clock.now_ms())",
                "pass",
            ),
            edit(repair.repair_of, 'return Repair("unburied", bury=True)', "return None"),
        ),
    ),
    Mistake(
        "a deadline that passed is left to its execution",
        (holds.it_comes_to_an_end, holds.silence_is_found_in_time),
        (edit(ask_agents.AskAgents.__call__, "timer = self.finish.expire(timer, message.action_id)", "pass"),),
    ),
    Mistake(
        "the store's answer is not waited for",
        (holds.what_was_taken_counts,),
        (
            edit(
                acknowledge_action.AcknowledgeAction._answer,
                "transition = change_timer(self.store, timer, command, self.clock.now_ms())",
                "from minoots_kernel.domain.transitions import apply\n"
                "    transition = apply(timer, command, self.clock.now_ms())",
            ),
        ),
    ),
    Mistake(
        "an inbox keeps what it was asked first",
        (holds.an_inbox_says_what_is_asked_now,),
        (edit(inbox.InboxMessage.arrives_at, "mine.attempt <= standing.attempt", "True"),),
    ),
    Mistake(
        "a message from before a redrive is kept while its action waits its turn",
        (holds.no_message_is_kept_for_ever,),
        (
            edit(
                ask_agents.AskAgents.__call__,
                "if message.attempt > _latest_called_for(state):",
                "if message.attempt > state.next_attempt or state.status == 'waiting':",
            ),
        ),
    ),
    Mistake(
        "a message from before a redrive that nobody made is taken for one ahead of its turn",
        (holds.no_message_is_kept_for_ever,),
        (edit(ask_agents._latest_called_for, "state.next_attempt if state.redriven.times else ", ""),),
    ),
    Mistake(
        "a redriven action goes on where its chain ended",
        (holds.what_is_redriven_is_asked_from_the_start, holds.the_chain_is_kept),
        (
            edit(
                acknowledgements.open_acknowledgement,
                "return Acknowledgement(state.id) if known is None or known.settled_at_ms is not None else known",
                "from dataclasses import replace as having\n"
                "    return having(known, settled_at_ms=None) if known else Acknowledgement(state.id)",
            ),
        ),
    ),
    Mistake(
        "what has ended is asked again by whoever comes late",
        (holds.an_asking_has_its_time_and_its_turn, holds.what_has_ended_never_changes),
        (
            edit(ask_agents.AskAgents.__call__, "if state.status is not ActionStatus.DISPATCHED:", "if False:"),
            edit(acknowledgements._begin, "not case.open or ", ""),
            edit(acknowledgements._end, "not case.open or ", ""),
        ),
    ),
    Mistake(
        "an asking begins though it was put off meanwhile",
        (holds.an_asking_has_its_time_and_its_turn,),
        (edit(acknowledgements._begin, " or not is_due(state, case.now_ms)", ""),),
    ),
    Mistake(
        "each copy of a message makes the attempt once more",
        (holds.nobody_is_asked_twice_at_once,),
        (edit(ask_agents.AskAgents.__call__, "not again and _goes_on(state, known, self.clock.now_ms())", "False"),),
    ),
    Mistake(
        "nothing waits beside an action whose agent reports progress at once",
        (holds.silence_is_found_in_time,),
        (edit(ask_agents.AskAgents._ask, "self._after_stale(begun, message, unsure=error.unsure)", "pass"),),
    ),
    Mistake(
        "tokens of askings that were put off push out those that were made",
        (holds.a_valid_answer_is_taken,),
        (
            edit(putting_off.put_off, "if command.digest is not None:", "if False:"),
            edit(acknowledgements._begin, "[-MAX_TOKENS:]", "[-3:]"),
        ),
    ),
    Mistake(
        "whoever is next is left to an execution that waits still",
        (holds.whoever_is_next_is_asked_in_time,),
        (
            edit(look_after_ask.LookAfterAsk.__call__, " or may_begin(state, known, now_ms)", ""),
            edit(ask_agents.AskAgents._wait_beside, "if replaces:", "if False:"),
        ),
    ),
)
