"""Acknowledgements through hundreds of small histories, and mistakes that these see."""

from __future__ import annotations

from collections import Counter

import pytest

from minoots_kernel.application import acknowledge_action, ask_agents, finish_asking
from minoots_kernel.domain import acknowledgements, inbox, repair
from tests.simulation.asking.history import live
from tests.simulation.asking.invariants import violations
from tests.simulation.mutants.planting import Mutant, edit, planted

pytestmark = pytest.mark.simulation

SEEDS, WITHIN = 300, 300

MUTANTS = (
    Mutant(
        "silence is found before the deadline",
        (),
        (
            edit(acknowledgements._expire, "case.now_ms < deadline_ms", "False"),
            edit(finish_asking.FinishAsking.expire, "(state.next_attempt_at_ms or 0) > now_ms", "False"),
        ),
    ),
    Mutant(
        "a token counts though its step is over",
        (),
        (edit(acknowledgements._acknowledge, "if ask.over or ask.step != known.step:", "if False:"),),
    ),
    Mutant(
        "an answer counts though the action has ended",
        (),
        (
            edit(
                acknowledgements._acknowledge,
                "if known.settled_at_ms is not None or not case.open:",
                "if not case.open and False:",
            ),
        ),
    ),
    Mutant(
        "a refusal ends the action",
        (),
        (
            edit(
                acknowledgements._close,
                "known.step + 1 < len(case.chain.steps)",
                "outcome and known.step + 1 < len(case.chain.steps)",
            ),
        ),
    ),
    Mutant(
        "one asking too many",
        (),
        (edit(acknowledgements._expire, "ask.tries >= step.max_attempts", "ask.tries > step.max_attempts"),),
    ),
    Mutant(
        "whoever accepted is asked again",
        (),
        (edit(acknowledgements._expire, "ask.accepted_at_ms is not None or ", ""),),
    ),
    Mutant(
        "the dead letter is left to nobody",
        (),
        (
            edit(
                finish_asking.FinishAsking.__call__,
                "bury(timer, self.store, self.dead_letters, self.clock.now_ms())",
                "pass",
            ),
            edit(repair.repair_of, 'return Repair("unburied", bury=True)', "return None"),
        ),
    ),
    Mutant(
        "a deadline that passed is left to its execution",
        (),
        (edit(ask_agents.AskAgents.__call__, "timer = self.finish.expire(timer, message.action_id)", "pass"),),
    ),
    Mutant(
        "the store's answer is not waited for",
        (),
        (
            edit(
                acknowledge_action.AcknowledgeAction._answer,
                "transition = change_timer(self.store, timer, command, self.clock.now_ms())",
                "from minoots_kernel.domain.transitions import apply\n"
                "    transition = apply(timer, command, self.clock.now_ms())",
            ),
        ),
    ),
    Mutant(
        "an inbox keeps what it was asked first",
        (),
        (edit(inbox.InboxMessage.arrives_at, "mine.attempt <= standing.attempt", "True"),),
    ),
)


@pytest.mark.parametrize("part", range(3))
def test_every_invariant_holds_of_every_history(part: int) -> None:
    ends: Counter[str] = Counter()
    for seed in range(part, SEEDS, 3):
        history = live(seed)
        assert violations(history) == [], f"seed {seed}"
        ends[history.timer.status] += 1
    assert min(ends["settled"], ends["failed"]) >= SEEDS / 30, ends


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_planted_mistake_is_seen(mutant: Mutant) -> None:
    with planted(mutant):
        assert any(violations(live(seed)) for seed in range(WITHIN)), f"not within {WITHIN} seeds"
