from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minoots_contract.actions import ActionBundle
from minoots_contract.retry import DEFAULT_RETRY_ON, FAILURES, Failure, RetryPolicy
from minoots_kernel.domain.dead_letters import dead_letter
from minoots_kernel.domain.retry import begins_by_ms, resolved, retry_delay_ms, too_late
from minoots_kernel.domain.timer import ActionStatus
from tests.unit.domain.builders import after, bundle, fired, outcome

policies = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 100),
    backoff_initial_ms=st.integers(1, 86_400_000),
    backoff_multiplier=st.floats(1, 10) | st.integers(1, 10),
    backoff_max_ms=st.integers(1, 604_800_000),
)
deliveries = st.text("0123456789abcdef-.", min_size=1, max_size=60)


def ceiling(policy: RetryPolicy, attempt: int) -> float:
    delay: float = policy.backoff_initial_ms
    for _ in range(attempt - 1):
        delay = min(delay * policy.backoff_multiplier, policy.backoff_max_ms)
    return min(delay, policy.backoff_max_ms)


@given(policies, deliveries, st.integers(1, 100))
def test_a_delay_lies_in_the_upper_half_below_its_ceiling(policy: RetryPolicy, delivery: str, attempt: int) -> None:
    delay = retry_delay_ms(policy, delivery, attempt)
    top = ceiling(policy, attempt)
    assert isinstance(delay, int)
    assert top / 2 - 1 <= delay <= top * (1 + 1e-9) + 1
    assert delay <= policy.backoff_max_ms


@given(policies, deliveries, st.integers(1, 100))
def test_the_same_attempt_always_waits_as_long(policy: RetryPolicy, delivery: str, attempt: int) -> None:
    assert retry_delay_ms(policy, delivery, attempt) == retry_delay_ms(policy, delivery, attempt)


@given(policies, deliveries, st.integers(1, 99))
def test_delays_grow_up_to_the_cap_with_a_multiplier_of_two_or_more(
    policy: RetryPolicy, delivery: str, attempt: int
) -> None:
    if policy.backoff_multiplier >= 2 and ceiling(policy, attempt + 1) < policy.backoff_max_ms:
        assert retry_delay_ms(policy, delivery, attempt) <= retry_delay_ms(policy, delivery, attempt + 1)


@given(policies, deliveries, st.integers(1, 100), st.integers(0, 10**9))
def test_what_the_receiver_asks_for_takes_the_place_of_the_computed_delay(
    policy: RetryPolicy, delivery: str, attempt: int, wish_ms: int
) -> None:
    assert retry_delay_ms(policy, delivery, attempt, wish_ms) == wish_ms


@given(policies, deliveries, st.integers(1, 100))
def test_a_delay_without_jitter_is_its_ceiling_and_one_with_full_jitter_lies_below_it(
    policy: RetryPolicy, delivery: str, attempt: int
) -> None:
    top = ceiling(policy, attempt)
    without, full = (
        retry_delay_ms(policy.model_copy(update={"jitter": jitter}), delivery, attempt) for jitter in ("none", "full")
    )
    assert without == pytest.approx(top, rel=1e-9, abs=1)
    assert 0 <= full <= top * (1 + 1e-9) + 1


def test_full_jitter_spreads_a_herd_over_all_of_the_delay() -> None:
    policy = RetryPolicy(backoff_initial_ms=100_000, jitter="full")
    delays = [retry_delay_ms(policy, f"t{n}.a", 1) for n in range(2000)]
    in_tenths = [sum(n * 10_000 <= delay < 10_000 + n * 10_000 for delay in delays) for n in range(10)]
    assert min(in_tenths) > 140
    assert max(in_tenths) < 260


def test_a_herd_of_deliveries_is_spread_over_the_whole_upper_half() -> None:
    policy = RetryPolicy(backoff_initial_ms=100_000)
    delays = [retry_delay_ms(policy, f"t{n}.a", 1) for n in range(2000)]
    in_tenths = [sum(50_000 + n * 5000 <= delay < 55_000 + n * 5000 for delay in delays) for n in range(10)]
    assert min(in_tenths) > 140
    assert max(in_tenths) < 260


def test_the_narrower_policy_wins_field_by_field_and_the_rest_is_the_wider_ones() -> None:
    tenants = RetryPolicy(max_attempts=9, jitter="full", total_time_limit_ms=60_000)
    wanted = ActionBundle.model_validate(
        bundle(
            "a", "b", maxAttempts=3, backoffInitialMs=50, policies={"b": {"maxAttempts": 7, "totalTimeLimitMs": None}}
        )
    )
    whole = resolved(wanted, tenants)
    assert whole.retry_policy == RetryPolicy(
        max_attempts=3, backoff_initial_ms=50, jitter="full", total_time_limit_ms=60_000
    )
    assert whole.actions[0].retry_policy is None
    assert whole.actions[1].retry_policy == RetryPolicy(max_attempts=7, backoff_initial_ms=50, jitter="full")


def test_a_policy_that_says_what_the_wider_one_says_is_no_policy_of_its_own() -> None:
    wanted = ActionBundle.model_validate(
        bundle(
            "a",
            maxAttempts=3,
            policies={"a": {"maxAttempts": 3}, "ok": {"maxAttempts": 1}},
            callbacks={"onSuccess": "ok"},
        )
    )
    whole = resolved(wanted, RetryPolicy())
    assert whole.actions[0].retry_policy is None
    assert whole.on_success is not None
    assert whole.on_success.retry_policy == RetryPolicy()


def test_an_action_goes_by_its_own_policy() -> None:
    timer = fired("a", "b", concurrency=2, maxAttempts=1, policies={"b": {"maxAttempts": 2}})
    timer = after(timer, *((outcome(name, 1, timer.fire_at_ms, "failed"), timer.fire_at_ms) for name in "ab"))
    assert [state.status for state in timer.actions] == [ActionStatus.FAILED, ActionStatus.DISPATCHED]


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("retry_on", [None, [], ["clientError", "redirect", "invalidResponse"]])
def test_what_is_tried_again_is_what_the_policy_names(failure: Failure, retry_on: list[str] | None) -> None:
    named = {} if retry_on is None else {"retryOn": retry_on}
    timer = fired("a", maxAttempts=2, **named)
    timer = after(timer, (outcome("a", 1, timer.fire_at_ms, "failed", failure=failure), timer.fire_at_ms))
    again = failure in (DEFAULT_RETRY_ON if retry_on is None else retry_on)
    assert timer.actions[0].status is (ActionStatus.DISPATCHED if again else ActionStatus.FAILED)
    assert timer.actions[0].attempts[-1].failure == failure


LIMIT = {"maxAttempts": 9, "backoffInitialMs": 1_000, "jitter": "none", "totalTimeLimitMs": 10_000}


@pytest.mark.parametrize(("wish_ms", "goes_on"), [(None, True), (10_000, True), (10_001, False)])
def test_no_attempt_is_planned_past_the_time_limit_whatever_the_receiver_asks_for(
    wish_ms: int | None, goes_on: bool
) -> None:
    timer = fired("a", **LIMIT)
    failed = outcome("a", 1, timer.fire_at_ms, "failed", retry_after_ms=wish_ms)
    state = after(timer, (failed, timer.fire_at_ms)).actions[0]
    if goes_on:
        assert state.next_attempt_at_ms == timer.fire_at_ms + (wish_ms or 1_000)
    else:
        assert (state.status, state.next_attempt_at_ms) == (ActionStatus.FAILED, None)
        assert state.given_up == "attempt 2 would begin after 10001 ms, and totalTimeLimitMs is 10000"


def test_the_reason_names_the_limit_and_the_last_error() -> None:
    timer = fired("a", **LIMIT)
    failed = outcome("a", 1, timer.fire_at_ms + 9_500, "failed")
    timer = after(timer, (failed, timer.fire_at_ms + 9_500))
    why = "no luck; attempt 2 would begin after 10500 ms, and totalTimeLimitMs is 10000"
    assert timer.failure_reason == f"1 of 1 actions failed; a: {why}"
    assert dead_letter(timer, timer.actions[0]).reason == why


def test_the_limit_counts_from_the_firing_also_for_an_action_that_waits_its_turn() -> None:
    timer = fired("a", "b", **LIMIT)
    timer = after(timer, (outcome("a", 1, timer.fire_at_ms + 10_001), timer.fire_at_ms + 10_001))
    assert too_late(timer, timer.actions[1], timer.fire_at_ms + 10_000) is None
    assert too_late(timer, timer.actions[1], timer.fire_at_ms + 10_001) is not None


def test_the_limit_of_a_stand_by_and_of_a_callback_counts_from_when_it_was_started() -> None:
    limits = {"callbacks": {"onFailure": "no"}, "escalations": {"a": {"escalatesTo": "b"}}, **LIMIT}
    timer = fired("a", "b", **limits)
    late_ms = timer.fire_at_ms + 60_000
    timer = after(timer, (outcome("a", 1, late_ms, "failed"), late_ms))
    assert begins_by_ms(timer, timer.actions[1]) == late_ms + 10_000
    timer = after(timer, (outcome("b", 1, late_ms + 5, "failed", permanent=True), late_ms + 5))
    assert begins_by_ms(timer, timer.actions[2]) == late_ms + 5 + 10_000
