"""Commands about askings that come from another asking, step or life than the one that they find."""

from __future__ import annotations

import pytest

from minoots_kernel.domain.acknowledgements import open_acknowledgement
from minoots_kernel.domain.ask_commands import Acknowledge, AttachToken, BeginAsk, EndAsk
from minoots_kernel.domain.chains import chain_of
from minoots_kernel.domain.commands import PutOff, Redrive
from minoots_kernel.domain.errors import StaleHintError, TokenExpiredError
from minoots_kernel.domain.executions import execution_for
from minoots_kernel.domain.put_offs import Cause
from minoots_kernel.domain.timer import ActionStatus, Attempt, Timer
from minoots_kernel.domain.transitions import apply
from tests.unit.domain.asking import FIRED_MS, answered, asking, begun, ended, known_of, silent, state_of, waiting
from tests.unit.domain.builders import after

LATER_MS = FIRED_MS + 60_000


def put_off(timer: Timer, digest: str | None, at_ms: int = FIRED_MS) -> Timer:
    state = state_of(timer)
    times = state.put_off.times if state.put_off else 0
    return after(timer, (PutOff("a", state.next_attempt, times, Cause.SHORTAGE, "busy", at_ms, digest=digest), at_ms))


def name_of(timer: Timer, at_ms: int) -> str:
    state, chain = state_of(timer), chain_of(timer, "a")
    assert chain is not None
    return execution_for(timer, state, open_acknowledgement(timer, state), chain, at_ms).name


def redriven(timer: Timer) -> Timer:
    return after(timer, (Redrive(action_id="a", death=0, requested_by="ann"), LATER_MS))


def test_an_asking_that_was_read_at_one_step_does_not_begin_at_another() -> None:
    at_the_colleague = answered(silent(waiting(asking())), "refused", FIRED_MS + 10_001)
    assert (known_of(at_the_colleague).step, state_of(at_the_colleague).next_attempt) == (1, 2)
    with pytest.raises(StaleHintError):
        after(at_the_colleague, (BeginAsk("a", 2, 0, "custom https://agent.example/run", "d"), LATER_MS))


def test_an_asking_that_was_put_off_meanwhile_does_not_begin_before_its_time() -> None:
    later = put_off(begun(asking()), "d0")
    due_ms = state_of(later).next_attempt_at_ms or 0
    begin = BeginAsk("a", 1, 0, "custom https://agent.example/run", "d")
    with pytest.raises(StaleHintError):
        after(later, (begin, due_ms - 1_000))
    assert known_of(after(later, (begin, due_ms))).began_at_ms == due_ms


def test_an_asking_ends_by_its_own_outcome_alone() -> None:
    twice = begun(begun(asking(), digest="first"), digest="second")
    outcome = Attempt(1, FIRED_MS, FIRED_MS + 9, "succeeded")
    with pytest.raises(StaleHintError):
        after(twice, (EndAsk("a", outcome, "of another life"), FIRED_MS + 9))
    for digest in ("first", "second"):
        assert known_of(after(twice, (EndAsk("a", outcome, digest), FIRED_MS + 9))).waits


def test_an_attempt_that_no_execution_drives_leaves_room_for_another_one() -> None:
    driven = after(waiting(asking()), (AttachToken("a", 1, "token", "gone"), FIRED_MS + 1))
    again = begun(silent(driven))
    assert (known_of(again).task_token, known_of(again).driver) == (None, None)


def test_executions_of_two_lives_have_two_names() -> None:
    last_in_line = silent(waiting(asking(escalation=[])))
    refused = answered(last_in_line, "refused", LATER_MS - 1)
    assert state_of(refused).status is ActionStatus.FAILED
    again = redriven(refused)
    assert state_of(last_in_line).next_attempt == state_of(again).next_attempt
    assert name_of(last_in_line, state_of(last_in_line).next_attempt_at_ms or 0) != name_of(again, LATER_MS)


def test_a_message_of_an_inbox_answers_for_the_life_that_it_was_put_in() -> None:
    again = waiting(redriven(answered(waiting(asking(escalation=[])), "refused")), LATER_MS)
    with pytest.raises(TokenExpiredError):
        apply(again, Acknowledge("a", 0, None, "done", life=0), LATER_MS + 1)
    assert apply(again, Acknowledge("a", 0, None, "done", life=1), LATER_MS + 1).timer is not again


def test_a_token_of_an_asking_that_was_put_off_is_not_kept() -> None:
    timer = silent(waiting(asking()))
    for number in range(30):
        due_ms = state_of(timer).next_attempt_at_ms or 0
        timer = put_off(begun(timer, due_ms, digest=f"unsent {number}"), f"unsent {number}", due_ms)
    assert known_of(timer).asks[0].tokens == ("d0",)
    assert apply(timer, Acknowledge("a", 0, "d0", "done"), due_ms).timer.acknowledgements[0].settled_by is not None


@pytest.mark.parametrize("word", ["refused", "progress"])
def test_what_comes_after_an_asking_that_was_put_off_has_not_been_put_off_itself(word: str) -> None:
    timer = silent(waiting(asking()))
    due_ms = state_of(timer).next_attempt_at_ms or 0
    timer = put_off(begun(timer, due_ms, digest="unsent"), "unsent", due_ms)
    assert state_of(timer).put_off is not None
    heard = answered(timer, word, due_ms + 1)  # type: ignore[arg-type]
    assert (state_of(heard).put_off, known_of(heard).began_at_ms) == (None, None)


def test_a_redriven_asking_has_not_been_put_off_in_its_former_life() -> None:
    timer = silent(waiting(asking(escalation=[])))
    due_ms = state_of(timer).next_attempt_at_ms or 0
    timer = put_off(begun(timer, due_ms, digest="unsent"), "unsent", due_ms)
    assert state_of(redriven(answered(timer, "refused", due_ms + 1))).put_off is None


def test_the_outcome_of_an_asking_before_a_redrive_is_not_that_of_the_same_number_after_it() -> None:
    timer = silent(waiting(asking(escalation=[])))
    due_ms = state_of(timer).next_attempt_at_ms or 0
    # Two deliveries began it; one was put off, the other is still at it when the receiver refuses after all.
    timer = put_off(begun(begun(timer, due_ms, digest="slow"), due_ms, digest="unsent"), "unsent", due_ms)
    again = begun(redriven(answered(timer, "refused", due_ms + 1)), LATER_MS, digest="new")
    assert state_of(again).next_attempt == 2
    late = Attempt(2, due_ms, LATER_MS + 1, "failed", failure="timeout")
    with pytest.raises(StaleHintError):
        after(again, (EndAsk("a", late, "slow"), LATER_MS + 1))
    assert known_of(ended(again, now_ms=LATER_MS + 2)).waits
