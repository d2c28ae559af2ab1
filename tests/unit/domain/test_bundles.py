"""Order, escalation, callbacks: what the actions of a bundle make of each other."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minoots_contract.actions import ActionBundle
from minoots_kernel.domain.action_context import action_context
from minoots_kernel.domain.commands import Bury, Fire, Redrive
from minoots_kernel.domain.errors import StaleHintError
from minoots_kernel.domain.retry import begins_by_ms
from minoots_kernel.domain.timer import ActionStatus, Status, Timer
from tests.unit.domain.builders import after, bundle, fired, outcome, scheduled

A = ActionStatus
TO_B = {"a": {"escalatesTo": "b"}}


def ends(timer: Timer, *attempts: str) -> Timer:
    """The timer after attempts: `a+` succeeded, `a-` failed, `a!` failed for good."""
    for attempt in attempts:
        name, how = attempt[:-1], attempt[-1]
        state = timer.action(name)
        assert state is not None
        at_ms = (timer.fired_at_ms or 0) + 10 * timer.version
        result: Literal["succeeded", "failed"] = "succeeded" if how == "+" else "failed"
        timer = after(timer, (outcome(name, state.next_attempt, at_ms, result, permanent=how == "!"), at_ms))
    return timer


def stand(timer: Timer) -> str:
    """How each action stands, in the bundle's order, by its first letter."""
    return "".join(state.status.value[0] for state in timer.actions)


def told(timer: Timer, event: str) -> list[str | None]:
    return [moment.note for moment in timer.timeline if moment.event == event]


@pytest.mark.parametrize(
    ("actions", "field"),
    [
        ([("a", "a")], "actions[0].escalation.escalatesTo"),
        ([("a", "z")], "actions[0].escalation.escalatesTo"),
        ([("a", "b"), ("b", "a")], "actions[0].escalation.escalatesTo"),
        ([("z", None), ("a", "b"), ("b", "c"), ("c", "a")], "actions[1].escalation.escalatesTo"),
        ([("z", None), ("y", "a"), ("a", "b"), ("b", "a")], "actions[1].escalation.escalatesTo"),
        ([("a", "ok")], "actions[0].escalation.escalatesTo"),
        ([("ok", None)], "onSuccess.id"),
    ],
)
def test_escalations_that_lead_nowhere_or_round_are_refused(actions: list[tuple[str, str | None]], field: str) -> None:
    links = {name: {"escalatesTo": target} for name, target in actions if target}
    wanted = bundle(*(name for name, _ in actions), escalations=links, callbacks={"onSuccess": "ok"})
    with pytest.raises(ValueError, match=r"action id|no action|go round") as refused:
        ActionBundle.model_validate(wanted)
    assert refused.value.errors()[0]["ctx"]["field"] == field  # type: ignore[attr-defined]


def test_a_callback_does_not_escalate() -> None:
    wanted = bundle("a", escalations={"ok": {"escalatesTo": "a"}}, callbacks={"onSuccess": "ok"})
    with pytest.raises(ValueError, match="a callback does not escalate"):
        ActionBundle.model_validate(wanted)


def test_an_escalation_to_nobody_is_taken_and_starts_nothing() -> None:
    timer = ends(fired("a", escalations={"a": {"afterAttempts": 1}}), "a!")
    assert (timer.status, timer.outcome) == (Status.FAILED, "failed")


def test_a_stand_by_does_not_run_by_itself_and_is_skipped_when_nobody_needs_it() -> None:
    timer = fired("a", "b", concurrency=2, escalations=TO_B)
    assert stand(timer) == "dw"
    timer = ends(timer, "a+")
    assert (stand(timer), timer.status, timer.outcome) == ("ss", Status.SETTLED, "succeeded")
    assert timer.actions[1].status is A.SKIPPED


def test_a_stand_by_is_started_by_the_failure_that_is_one_too_many_beside_the_concurrency() -> None:
    links = {"a": {"afterAttempts": 2, "escalatesTo": "b"}}
    timer = ends(fired("a", "b", "c", escalations=links, maxAttempts=5), "a-")
    assert stand(timer) == "dww"
    timer = ends(timer, "a-")
    assert stand(timer) == "ddw", "b is started, and c still waits for a"
    assert told(timer, "escalated") == ["a → b"]
    assert timer.actions[0].next_attempt_at_ms is not None, "a goes on with its retries"


def test_an_action_that_gives_up_before_it_failed_so_often_escalates_all_the_same() -> None:
    links = {"a": {"afterAttempts": 9, "escalatesTo": "b"}}
    assert stand(ends(fired("a", "b", escalations=links, maxAttempts=20), "a!")) == "fd"


def test_when_the_stand_by_succeeds_the_first_is_tried_no_more() -> None:
    timer = ends(fired("a", "b", escalations=TO_B, maxAttempts=5), "a-", "b+")
    assert [state.status for state in timer.actions] == [A.ESCALATED, A.SUCCEEDED]
    assert (timer.status, timer.outcome, timer.next_check_at_ms) == (Status.SETTLED, "escalated", None)
    with pytest.raises(StaleHintError):
        ends(timer, "a+")


def test_when_the_first_succeeds_after_all_the_stand_by_is_tried_no_more() -> None:
    timer = ends(fired("a", "b", escalations=TO_B, maxAttempts=5), "a-", "b-", "a+")
    assert [state.status for state in timer.actions] == [A.SUCCEEDED, A.SKIPPED]
    assert (timer.status, timer.outcome) == (Status.SETTLED, "succeeded")


def test_a_first_that_failed_for_good_leaves_a_dead_letter_though_the_bundle_settles() -> None:
    timer = ends(fired("a", "b", escalations=TO_B), "a!", "b+")
    assert (stand(timer), timer.status, timer.outcome) == ("fs", Status.SETTLED, "escalated")
    assert timer.next_check_at_ms is not None, "the letter of a has yet to be stored"
    buried = after(timer, (Bury(), timer.settled_at_ms or 0))
    assert (buried.status, buried.next_check_at_ms) == (Status.SETTLED, None)


def test_the_bundle_fails_when_the_first_and_its_stand_by_do() -> None:
    timer = ends(fired("a", "b", escalations=TO_B), "a!", "b!")
    assert (timer.status, timer.outcome) == (Status.FAILED, "failed")
    assert timer.failure_reason == "2 of 2 actions failed; a: no luck"


def test_escalation_goes_from_one_to_the_next_and_success_at_its_end_ends_all() -> None:
    links = {"a": {"escalatesTo": "b"}, "b": {"escalatesTo": "c"}}
    timer = ends(fired("a", "b", "c", escalations=links, maxAttempts=9), "a-", "b-")
    assert stand(timer) == "ddd"
    timer = ends(timer, "c+")
    assert [state.status for state in timer.actions] == [A.ESCALATED, A.ESCALATED, A.SUCCEEDED]
    assert timer.outcome == "escalated"


def test_a_stand_by_of_two_is_kept_for_the_second() -> None:
    links = {"a": {"escalatesTo": "c"}, "b": {"escalatesTo": "c"}}
    timer = ends(fired("a", "b", "c", concurrency=2, escalations=links, maxAttempts=2), "a+")
    assert stand(timer) == "sdw"
    timer = ends(timer, "b-", "c!", "b+")
    assert (stand(timer), timer.outcome) == ("ssf", "succeeded")


def test_of_a_timer_that_was_too_late_stand_bys_and_callbacks_are_skipped() -> None:
    late = {"latePolicy": {"mode": "deadLetter", "afterMs": 1}, "callbacks": {"onFailure": "no"}, "escalations": TO_B}
    timer = scheduled("a", "b", **late)
    timer = after(timer, (Fire(1), timer.fire_at_ms + 2))
    assert [state.status for state in timer.actions] == [A.FAILED, A.SKIPPED, A.SKIPPED]


@pytest.mark.parametrize(
    ("attempts", "runs", "skipped", "outcome_"),
    [
        (["a+", "b+"], "ok", "no", "succeeded"),
        (["a+", "b!"], "no", "ok", "failed"),
    ],
)
def test_one_callback_runs_when_all_others_have_ended(
    attempts: list[str], runs: str, skipped: str, outcome_: str
) -> None:
    timer = fired("a", "b", concurrency=9, callbacks={"onSuccess": "ok", "onFailure": "no"})
    timer = ends(timer, attempts[0])
    assert stand(timer)[2:] == "ww"
    assert timer.outcome is None
    timer = ends(timer, attempts[1])
    assert timer.status is Status.FIRED, "it has not ended before its callback has"
    assert timer.outcome == outcome_
    states = {state.id: state.status for state in timer.actions}
    assert (states[runs], states[skipped]) == (A.DISPATCHED, A.SKIPPED)
    timer = ends(timer, f"{runs}+")
    assert timer.status is (Status.FAILED if runs == "no" else Status.SETTLED)
    assert timer.outcome == outcome_


@pytest.mark.parametrize("callbacks", [{"onSuccess": "cb"}, {"onFailure": "cb"}])
def test_a_callback_that_fails_changes_no_outcome_and_leaves_a_dead_letter(callbacks: dict[str, str]) -> None:
    good = "onSuccess" in callbacks
    timer = ends(fired("a", callbacks=callbacks), "a+" if good else "a!", "cb!")
    assert timer.status is (Status.SETTLED if good else Status.FAILED)
    assert timer.outcome == ("succeeded" if good else "failed")
    assert timer.actions[1].status is A.FAILED
    assert timer.next_check_at_ms is not None, "its letter has yet to be stored"
    assert good or timer.failure_reason == "1 of 1 actions failed; a: no luck"


def test_a_callback_for_the_other_outcome_does_not_run() -> None:
    timer = ends(fired("a", callbacks={"onFailure": "no"}), "a+")
    assert (timer.status, timer.actions[1].status, timer.next_check_at_ms) == (Status.SETTLED, A.SKIPPED, None)


def test_an_escalated_bundle_is_a_success_to_its_callbacks() -> None:
    timer = fired("a", "b", escalations=TO_B, callbacks={"onSuccess": "ok", "onFailure": "no"})
    timer = ends(timer, "a!", "b+", "ok+")
    assert (timer.status, timer.outcome) == (Status.SETTLED, "escalated")


def test_a_callback_knows_the_outcome_and_other_actions_do_not() -> None:
    timer = ends(fired("a", "b", maxAttempts=2, callbacks={"onFailure": "no"}), "a+", "b-", "b!")
    context = action_context(timer, "no", 1)
    assert context["outcome"] == "failed"
    assert context["failureReason"] == "1 of 2 actions failed; b: no luck"
    assert context["actions"]["a"] == {"state": "succeeded", "attempts": 1, "statusCode": 200, "error": None}
    assert context["actions"]["b"] == {"state": "failed", "attempts": 2, "statusCode": 503, "error": "no luck"}
    assert "outcome" not in action_context(timer, "a", 1)


def redriven(timer: Timer, name: str) -> Timer:
    state = timer.action(name)
    assert state is not None
    return after(timer, (Redrive(action_id=name, death=state.redriven.times, requested_by="ann"), LATER_MS))


LATER_MS = 1_890_000_000_000


def test_an_escalated_action_that_is_redriven_runs_again_and_makes_the_outcome_a_success() -> None:
    timer = redriven(ends(fired("a", "b", escalations=TO_B, totalTimeLimitMs=60_000), "a!", "b+"), "a")
    assert (timer.status, timer.outcome, timer.settled_at_ms, stand(timer)) == (Status.FIRED, None, None, "ds")
    assert begins_by_ms(timer, timer.actions[0]) == LATER_MS + 60_000
    assert (ends(timer, "a+").status, ends(timer, "a+").outcome) == (Status.SETTLED, "succeeded")
    assert (ends(timer, "a!").status, ends(timer, "a!").outcome) == (Status.SETTLED, "escalated")


def test_a_stand_by_that_is_redriven_runs_though_nobody_needs_it_any_more() -> None:
    timer = redriven(ends(fired("a", "b", escalations=TO_B, maxAttempts=3), "a-", "b!", "a+"), "b")
    assert stand(timer) == "sd"
    assert ends(timer, "b+").outcome == "succeeded"


def test_a_redriven_action_is_not_given_up_for_a_stand_by_that_got_through_before() -> None:
    timer = redriven(ends(fired("a", "b", escalations=TO_B, maxAttempts=2), "a!", "b+"), "a")
    assert stand(ends(timer, "a-")) == "ds"


def test_a_callback_that_failed_can_be_redriven_and_the_other_actions_stay_as_they_are() -> None:
    timer = ends(fired("a", callbacks={"onSuccess": "ok"}), "a+", "ok!")
    again = redriven(timer, "ok")
    assert (again.status, again.outcome, stand(again)) == (Status.FIRED, "succeeded", "sd")
    assert (ends(again, "ok+").status, ends(again, "ok+").next_check_at_ms) == (Status.SETTLED, None)


def test_callbacks_run_once_whatever_a_redrive_makes_of_the_outcome() -> None:
    timer = ends(fired("a", callbacks={"onSuccess": "ok", "onFailure": "no"}), "a!", "no+")
    timer = ends(redriven(timer, "a"), "a+")
    assert (timer.status, timer.outcome) == (Status.SETTLED, "succeeded")
    assert [state.status for state in timer.actions] == [A.SUCCEEDED, A.SKIPPED, A.SUCCEEDED]


@st.composite
def bundles(draw: st.DrawFn) -> dict[str, Any]:
    names = [f"a{n}" for n in range(draw(st.integers(1, 5)))]
    escalations = {
        name: {"afterAttempts": draw(st.integers(1, 3)), "escalatesTo": draw(st.sampled_from(names[number + 1 :]))}
        for number, name in enumerate(names[:-1])
        if draw(st.booleans())
    }
    order = draw(st.permutations(names))
    return {
        "ids": order,
        "escalations": escalations,
        "concurrency": draw(st.integers(1, 4)),
        "maxAttempts": draw(st.integers(1, 3)),
        "callbacks": draw(
            st.sampled_from([{}, {"onSuccess": "ok"}, {"onFailure": "no"}, {"onSuccess": "ok", "onFailure": "no"}])
        ),
    }


@given(bundles(), st.data())
def test_every_bundle_ends_with_one_outcome_whatever_its_attempts_come_to(
    wanted: dict[str, Any], data: st.DataObject
) -> None:
    timer = fired(*wanted.pop("ids"), **wanted)
    links, callbacks = wanted["escalations"], set(wanted["callbacks"].values())
    targets = {link["escalatesTo"] for link in links.values()}
    for _ in range(200):
        under_way = [state for state in timer.actions if state.status is A.DISPATCHED]
        if timer.status is not Status.FIRED:
            break
        assert under_way, "nothing is left that could end this timer"
        mains = [state for state in under_way if state.id not in targets | callbacks]
        assert len(mains) <= wanted["concurrency"]
        own = [state for state in timer.actions if state.id not in callbacks]
        assert all(state.status.terminal for state in own) or not any(state.id in callbacks for state in under_way)
        state = data.draw(st.sampled_from(under_way))
        before = timer
        timer = ends(timer, state.id + data.draw(st.sampled_from("+-!")))
        for old, new in zip(before.actions, timer.actions, strict=True):
            assert new == old or not old.status.terminal, "an action that had ended was changed"
    assert timer.status in {Status.SETTLED, Status.FAILED}
    states = {state.id: state for state in timer.actions}
    assert all(state.status.terminal for state in timer.actions)
    assert timer.outcome == expected_outcome(states, links, targets, callbacks)
    assert (timer.status is Status.FAILED) == (timer.outcome == "failed")
    letters = any(state.status is A.FAILED for state in timer.actions)
    assert (timer.next_check_at_ms is not None) == letters
    for name in callbacks:
        fits = (name == "no") == (timer.outcome == "failed")
        assert (states[name].tries > 0) == fits
        assert (states[name].status is A.SKIPPED) == (not fits)
    for name in targets:
        callers = [states[origin] for origin, link in links.items() if link["escalatesTo"] == name]
        assert states[name].tries == 0 or any(caller.tries for caller in callers), "it ran though nobody had failed"


def expected_outcome(states: dict[str, Any], links: dict[str, Any], targets: set[str], callbacks: set[str]) -> str:
    """What has come of a bundle, told from what became of its actions: each that nobody stands by for got through."""

    def got_through(name: str) -> bool:
        link = links.get(name)
        good = states[name].status is A.SUCCEEDED
        return good or (
            states[name].status in {A.FAILED, A.ESCALATED} and link is not None and got_through(link["escalatesTo"])
        )

    roots = [name for name in states if name not in targets | callbacks]
    if all(states[name].status is A.SUCCEEDED for name in roots):
        return "succeeded"
    return "escalated" if all(map(got_through, roots)) else "failed"
