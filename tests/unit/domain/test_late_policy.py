from __future__ import annotations

import pytest

from minoots_contract.late_policy import LatePolicy
from minoots_kernel.domain.commands import Extend, Fire, FireNow, Pause, Reschedule, Resume
from minoots_kernel.domain.creation import new_timer
from minoots_kernel.domain.dead_letters import dead_letter
from minoots_kernel.domain.due_times import CHECK_AFTER_MS, delay_ms
from minoots_kernel.domain.errors import InvalidTimerError
from minoots_kernel.domain.timer import ActionStatus, Status, Timer
from minoots_kernel.domain.transitions import REDISPATCH_AFTER_MS, apply
from tests.unit.domain.builders import NOW_MS, after, request, scheduled

DUE_MS = NOW_MS + 30_000
SKIP, DEAD_LETTER = LatePolicy(mode="skip", after_ms=1_000), LatePolicy(mode="deadLetter", after_ms=1_000)


def late(policy: LatePolicy, *ids: str, late_ms: int = 1_001) -> Timer:
    return after(scheduled(*ids, latePolicy=policy.wire()), (Fire(1), DUE_MS + late_ms))


@pytest.mark.parametrize("policy", [SKIP, DEAD_LETTER])
def test_a_timer_within_its_bound_fires(policy: LatePolicy) -> None:
    assert late(policy, "a", late_ms=1_000).status is Status.FIRED


def test_a_timer_without_a_policy_fires_however_late_it_is() -> None:
    assert after(scheduled("a"), (Fire(1), DUE_MS + 10**9)).status is Status.FIRED


def test_a_timer_that_is_to_be_skipped_is_cancelled_and_says_how_late_it_was() -> None:
    timer = late(SKIP, "a", "b")
    assert (timer.status, timer.cancelled_by, timer.cancelled_at_ms) == (
        Status.CANCELLED,
        "late-policy",
        DUE_MS + 1_001,
    )
    assert timer.cancel_reason == "1001 ms late, and the late policy allows 1000 ms"
    assert [moment.event for moment in timer.timeline] == ["created", "skipped", "cancelled"]
    assert {state.status for state in timer.actions} == {ActionStatus.WAITING}
    assert (timer.fired_at_ms, timer.next_check_at_ms, timer.generation) == (None, None, 2)


def test_a_timer_that_is_to_be_kept_as_dead_letters_fails_with_every_action_and_no_attempt() -> None:
    timer = late(DEAD_LETTER, "a", "b")
    assert (timer.status, timer.failed_at_ms, timer.fired_at_ms) == (Status.FAILED, DUE_MS + 1_001, None)
    assert timer.failure_reason == "1001 ms late, and the late policy allows 1000 ms"
    assert [(state.status, state.attempts) for state in timer.actions] == [(ActionStatus.FAILED, ())] * 2
    assert timer.next_check_at_ms == DUE_MS + 1_001 + REDISPATCH_AFTER_MS, "the letters have yet to be stored"
    letter = dead_letter(timer, timer.actions[1])
    assert (letter.id, letter.attempts, letter.dead_at_ms) == ("0190-t1_b", (), DUE_MS + 1_001)
    assert letter.reason == timer.failure_reason
    assert letter.request["url"]


def test_a_timer_without_actions_that_is_too_late_leaves_nothing_to_be_stored() -> None:
    timer = late(DEAD_LETTER)
    assert (timer.status, timer.next_check_at_ms) == (Status.FAILED, None)


@pytest.mark.parametrize(("own", "kept"), [(None, SKIP), (LatePolicy(mode="fire"), None), (DEAD_LETTER, DEAD_LETTER)])
def test_the_deployments_policy_holds_for_a_timer_that_has_none_of_its_own(
    own: LatePolicy | None, kept: LatePolicy | None
) -> None:
    wanted = request(**({"latePolicy": own.wire()} if own else {}))
    timer = new_timer(wanted, timer_id="t", tenant_id="demo", now_ms=NOW_MS, late_policy=SKIP)
    assert timer.late_policy == kept


PAST = "2026-09-21T14:13:19.000Z"  # a second ago


@pytest.mark.parametrize("policy", [{"mode": "fire"}, {"mode": "skip", "afterMs": 1_000}])
def test_a_due_time_that_has_passed_is_taken_if_the_request_allows_it(policy: dict[str, object]) -> None:
    timer = scheduled_at(PAST, latePolicy=policy)
    assert timer.fire_at_ms == NOW_MS - 1_000
    assert timer.next_check_at_ms == NOW_MS + CHECK_AFTER_MS, "the sweep does not look back"
    moved = apply(
        scheduled(), Reschedule("ann", fire_at_ms=NOW_MS - 1_000, late_policy=LatePolicy(**_named(policy))), NOW_MS
    ).timer
    assert (moved.fire_at_ms, moved.late_policy) == (NOW_MS - 1_000, SKIP if policy["mode"] == "skip" else None)


@pytest.mark.parametrize("policy", [None, {"mode": "skip", "afterMs": 999}, {"mode": "deadLetter", "afterMs": 999}])
def test_a_due_time_that_has_passed_too_long_ago_is_refused(policy: dict[str, object] | None) -> None:
    with pytest.raises(InvalidTimerError) as refused:
        scheduled_at(PAST, latePolicy=policy)
    assert [field for field, _ in refused.value.fields] == ["fireAt"]
    given = LatePolicy(**_named(policy)) if policy else None
    with pytest.raises(InvalidTimerError):
        apply(scheduled(), Reschedule("ann", fire_at_ms=NOW_MS - 1_000, late_policy=given), NOW_MS)


def test_the_deployments_policy_does_not_allow_a_due_time_that_has_passed() -> None:
    with pytest.raises(InvalidTimerError):
        new_timer(request(fireAt=PAST), timer_id="t", tenant_id="d", now_ms=NOW_MS, late_policy=LatePolicy(mode="fire"))


def test_a_policy_can_be_changed_where_the_due_time_stays() -> None:
    timer = scheduled()
    with_policy = apply(timer, Reschedule("ann", fire_at_ms=DUE_MS, late_policy=SKIP), NOW_MS).timer
    assert (with_policy.fire_at_ms, with_policy.late_policy) == (DUE_MS, SKIP)
    assert apply(with_policy, Reschedule("ann", fire_at_ms=DUE_MS), NOW_MS).timer is with_policy
    assert apply(with_policy, Reschedule("ann", duration_ms=5), NOW_MS).timer.late_policy == SKIP


def test_a_paused_timer_rescheduled_into_the_past_has_nothing_left() -> None:
    paused = after(scheduled(), (Pause("ann"), NOW_MS))
    command = Reschedule("ann", fire_at_ms=NOW_MS - 5, late_policy=LatePolicy(mode="fire"))
    assert apply(paused, command, NOW_MS).timer.remaining_ms == 0


@pytest.mark.parametrize(
    ("steps", "late_ms", "kept_waiting_ms"),
    [
        ([], 40, 40),
        ([(Extend("ann", by_ms=10_000), NOW_MS + 5)], 40, 40),
        ([(Pause("ann"), NOW_MS), (Resume("ann", keep_due_time=True), DUE_MS + 60_000)], 60_007, 7),
        ([(FireNow("ann"), NOW_MS + 5_000)], 9, 9),
    ],
)
def test_the_service_answers_for_what_came_after_a_due_time_was_asked_for(
    steps: list[tuple[Extend, int]], late_ms: int, kept_waiting_ms: int
) -> None:
    timer = after(scheduled(), *steps)
    assert delay_ms(timer, timer.fire_at_ms + late_ms) == kept_waiting_ms


def scheduled_at(instant: str, **wanted: object) -> Timer:
    return new_timer(request(fireAt=instant, **wanted), timer_id="t", tenant_id="demo", now_ms=NOW_MS)


def _named(policy: dict[str, object]) -> dict[str, object]:
    return {"mode": policy["mode"], "after_ms": policy.get("afterMs")}
