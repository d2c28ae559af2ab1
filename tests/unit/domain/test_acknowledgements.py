from __future__ import annotations

from dataclasses import replace

import pytest

from minoots_contract.timers import TimerReply
from minoots_kernel.adapters.dynamodb.acks import acknowledgements_from_json, acknowledgements_to_json
from minoots_kernel.domain.ask_commands import Acknowledge, AttachToken, BeginAsk, EndAsk, ExpireAsk
from minoots_kernel.domain.commands import Redrive
from minoots_kernel.domain.dispatch import overdue_messages
from minoots_kernel.domain.errors import NotFoundError, StaleHintError, StateConflictError, TokenExpiredError
from minoots_kernel.domain.repair import hints_afresh, repair_of
from minoots_kernel.domain.timer import ActionStatus, Attempt, Status, Timer
from minoots_kernel.domain.transitions import REDISPATCH_AFTER_MS, apply
from minoots_kernel.domain.views import timer_reply
from tests.unit.domain.asking import FIRED_MS, answered, asking, begun, ended, known_of, silent, state_of, waiting
from tests.unit.domain.builders import after

DEADLINE_MS = FIRED_MS + 10_000


def through_the_chain() -> Timer:
    """Asked twice, then the colleague, then the person, and nobody says anything."""
    timer = silent(waiting(silent(waiting(asking()))))
    return silent(waiting(silent(waiting(timer))))


def test_an_asking_that_arrived_leaves_the_action_open_until_its_deadline() -> None:
    timer = waiting(asking())
    assert (timer.status, state_of(timer).status) == (Status.FIRED, ActionStatus.DISPATCHED)
    assert known_of(timer).waits
    assert state_of(timer).next_attempt_at_ms == DEADLINE_MS
    assert timer.next_check_at_ms is not None
    assert DEADLINE_MS <= timer.next_check_at_ms <= DEADLINE_MS + REDISPATCH_AFTER_MS


@pytest.mark.parametrize("word", ["accepted", "done"])
def test_accepting_and_being_done_settle(word: str) -> None:
    timer = answered(waiting(asking()), word, by="ann", result='{"n":1}')  # type: ignore[arg-type]
    assert timer.status is Status.SETTLED
    assert [moment.event for moment in timer.timeline[-2:]] == ["acknowledged", "settled"]
    assert (timer.timeline[-2].by, timer.timeline[-2].note) == ("ann", word)
    view = timer_reply(timer).wire()["actions"][0]["acknowledgement"]
    assert (view["state"], view["acknowledgedBy"], view["result"]) == ("settled", "ann", '{"n":1}')
    assert ("doneAt" in view) == (word == "done")
    assert "acceptedAt" in view


def test_who_accepts_has_so_long_to_be_done_if_the_action_says_so() -> None:
    timer = answered(waiting(asking(doneWithinMs=60_000)), "accepted", DEADLINE_MS - 1)
    assert timer.status is Status.FIRED
    assert state_of(timer).next_attempt_at_ms == DEADLINE_MS - 1 + 60_000
    assert answered(timer, "done").status is Status.SETTLED


def test_progress_makes_the_wait_begin_anew() -> None:
    timer = answered(waiting(asking()), "progress", DEADLINE_MS - 1)
    assert state_of(timer).next_attempt_at_ms == DEADLINE_MS - 1 + 10_000
    again = answered(timer, "progress", DEADLINE_MS + 5)
    assert state_of(again).next_attempt_at_ms == DEADLINE_MS + 5 + 10_000
    assert again.timeline == timer.timeline


def test_silence_is_asked_again_and_then_others_are_and_then_the_action_has_failed() -> None:
    timer = through_the_chain()
    assert timer.status is Status.FAILED
    assert [(ask.receiver, ask.tries, ask.word) for ask in known_of(timer).asks] == [
        ("custom https://agent.example/run", 2, "silent"),
        ("inbox bob", 1, "silent"),
        ("webhook https://pager.example/hook", 1, "silent"),
    ]
    assert [(one.outcome, one.error) for one in state_of(timer).attempts] == [
        ("failed", "custom https://agent.example/run: not acknowledged in time"),
        ("failed", "custom https://agent.example/run: not acknowledged in time"),
        ("failed", "inbox bob: not acknowledged in time"),
        ("failed", "webhook https://pager.example/hook: not acknowledged in time"),
    ]
    assert timer.failure_reason is not None
    assert "webhook https://pager.example/hook: not acknowledged in time" in timer.failure_reason
    assert [moment.event for moment in timer.timeline].count("unacknowledged") == 4


def test_a_refusal_goes_on_to_the_next_at_once_and_says_why() -> None:
    timer = answered(waiting(asking()), "refused", FIRED_MS + 5, reason="too busy")
    assert known_of(timer).step == 1
    assert state_of(timer).next_attempt_at_ms == FIRED_MS + 5
    assert state_of(timer).attempts[-1].error == "custom https://agent.example/run: refused: too busy"
    assert known_of(timer).asks[0].reason == "too busy"
    alone = answered(waiting(asking(escalation=[])), "refused", reason="no")
    assert alone.status is Status.FAILED


def test_who_accepted_and_fell_silent_is_not_asked_again() -> None:
    timer = silent(answered(waiting(asking(doneWithinMs=60_000)), "accepted"))
    assert known_of(timer).step == 1
    assert known_of(timer).asks[0].word == "silent"
    assert state_of(timer).attempts[-1].error == "custom https://agent.example/run: not done in time"


def test_an_asking_that_did_not_arrive_is_made_again_and_then_others_are_asked() -> None:
    once = ended(begun(asking()), "failed")
    assert known_of(once).step == 0
    assert (state_of(once).next_attempt_at_ms or 0) > FIRED_MS
    twice = ended(begun(once), "failed")
    assert (known_of(twice).step, known_of(twice).asks[0].word) == (1, "unreachable")
    at_once = ended(begun(asking()), "failed", why="gone")
    assert known_of(at_once).step == 1


def test_an_answer_that_comes_while_the_attempt_is_under_way_counts_and_writes_the_attempt_down() -> None:
    timer = answered(begun(asking()), "done", FIRED_MS + 3)
    assert timer.status is Status.SETTLED
    assert [(one.number, one.outcome, one.ended_at_ms) for one in state_of(timer).attempts] == [
        (1, "succeeded", FIRED_MS + 3)
    ]
    with pytest.raises(StaleHintError):
        ended(replace(timer, status=Status.FIRED), now_ms=FIRED_MS + 4)


def test_a_word_of_progress_while_the_attempt_is_under_way_begins_the_wait() -> None:
    timer = answered(begun(asking()), "progress", FIRED_MS + 3)
    assert known_of(timer).waits
    assert state_of(timer).next_attempt_at_ms == FIRED_MS + 3 + 10_000
    with pytest.raises(StaleHintError):
        after(timer, (EndAsk("a", Attempt(1, FIRED_MS, FIRED_MS + 9, "succeeded"), "d0"), FIRED_MS + 9))


def test_every_token_of_a_step_counts_while_the_step_lasts() -> None:
    timer = silent(ended(begun(asking(), digest="first")))
    timer = ended(begun(timer, digest="second"))
    assert apply(timer, Acknowledge("a", 0, "first", "done"), FIRED_MS + 11_000).timer.status is Status.SETTLED


@pytest.mark.parametrize(("step", "digest"), [(0, "other"), (1, "d0"), (7, "d0")])
def test_a_token_that_was_never_given_out_is_not_found(step: int, digest: str) -> None:
    with pytest.raises(NotFoundError):
        apply(waiting(asking()), Acknowledge("a", step, digest, "done"), FIRED_MS + 1)
    with pytest.raises(NotFoundError):
        apply(asking(), Acknowledge("a", 0, "d0", "done"), FIRED_MS + 1)


def test_an_answer_after_the_step_is_over_is_told_so() -> None:
    timer = waiting(silent(waiting(silent(waiting(asking())))))
    with pytest.raises(TokenExpiredError, match="is not waited for any more: somebody else is asked"):
        answered(timer, "done", step=0)
    refused = answered(waiting(asking()), "refused")
    with pytest.raises(TokenExpiredError, match="it refused"):
        answered(refused, "done", step=0)


def test_an_answer_after_the_end_is_told_how_it_ended() -> None:
    settled = answered(waiting(asking()), "done")
    with pytest.raises(StateConflictError, match="answered 'done'"):
        answered(settled, "refused")
    with pytest.raises(StateConflictError, match="nobody acknowledged"):
        answered(through_the_chain(), "done")


@pytest.mark.parametrize("word", ["accepted", "done", "refused"])
def test_the_same_answer_again_changes_nothing(word: str) -> None:
    timer = answered(waiting(asking()), word)  # type: ignore[arg-type]
    assert answered(timer, word, step=0) is timer  # type: ignore[arg-type]


def test_an_answer_after_its_time_counts_as_long_as_nobody_gave_it_up() -> None:
    assert answered(waiting(asking()), "done", DEADLINE_MS + 60_000).status is Status.SETTLED


def test_a_wait_is_given_up_once_and_not_before_its_deadline() -> None:
    timer = waiting(asking())
    with pytest.raises(StaleHintError):
        after(timer, (ExpireAsk("a", 1), DEADLINE_MS - 1))
    with pytest.raises(StaleHintError):
        after(silent(timer), (ExpireAsk("a", 1), DEADLINE_MS))
    with pytest.raises(StaleHintError):
        after(timer, (ExpireAsk("a", 0), DEADLINE_MS))


def test_no_attempt_begins_while_an_answer_is_waited_for_or_out_of_turn() -> None:
    with pytest.raises(StaleHintError):
        begun(waiting(asking()))
    with pytest.raises(StaleHintError):
        after(asking(), (BeginAsk("a", 2, 0, "x", "d"), FIRED_MS))


def test_an_execution_is_noted_beside_a_wait_and_nowhere_else() -> None:
    timer = after(waiting(asking()), (AttachToken("a", 1, "token", "e1"), FIRED_MS + 1))
    assert (known_of(timer).task_token, known_of(timer).driver) == ("token", "e1")
    assert after(timer, (AttachToken("a", 1, "token", "e1"), FIRED_MS + 2)) is timer
    for late in (silent(timer), answered(timer, "done")):
        with pytest.raises(StaleHintError):
            after(late, (AttachToken("a", 1, "other", "e2"), DEADLINE_MS))


def test_the_sweep_finds_a_wait_that_nobody_ended() -> None:
    timer = waiting(asking())
    assert overdue_messages(timer, DEADLINE_MS) == []
    late_ms = DEADLINE_MS + REDISPATCH_AFTER_MS
    repair = repair_of(timer, late_ms)
    assert repair is not None
    assert [message.attempt for message, _ in repair.attempts] == [2]


def test_a_rebuild_has_a_wait_looked_at_at_once() -> None:
    repair = hints_afresh(waiting(asking()), FIRED_MS + 1)
    assert repair is not None
    assert [(message.attempt, at_ms) for message, at_ms in repair.attempts] == [(2, FIRED_MS + 1)]


def test_a_redriven_action_asks_its_whole_chain_again() -> None:
    timer = after(through_the_chain(), (Redrive(action_id="a", death=0, requested_by="ann"), DEADLINE_MS * 2))
    again = waiting(timer, DEADLINE_MS * 2)
    assert (known_of(again).step, known_of(again).settled_at_ms) == (0, None)
    assert [(ask.step, ask.tries) for ask in known_of(again).asks] == [(0, 1)]
    assert answered(again, "done").status is Status.SETTLED


@pytest.mark.parametrize(
    "timer", [begun(asking()), waiting(asking()), answered(waiting(asking()), "done"), through_the_chain()]
)
def test_acknowledgements_are_stored_and_shown_as_they_are(timer: Timer) -> None:
    rows = acknowledgements_to_json(timer.acknowledgements)
    assert acknowledgements_from_json(rows) == timer.acknowledgements
    wire = timer_reply(timer).wire()
    assert TimerReply.model_validate(wire).wire() == wire
    assert "secret" not in str(wire["actions"])
