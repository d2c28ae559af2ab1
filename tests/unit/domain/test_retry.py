from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from minoots_contract.actions import RetryPolicy
from minoots_kernel.domain.retry import retry_delay_ms

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
def test_a_longer_wish_of_the_receiver_wins_and_a_shorter_one_does_not(
    policy: RetryPolicy, delivery: str, attempt: int, wish_ms: int
) -> None:
    computed = retry_delay_ms(policy, delivery, attempt)
    assert retry_delay_ms(policy, delivery, attempt, wish_ms) == max(computed, wish_ms)


def test_a_herd_of_deliveries_is_spread_over_the_whole_upper_half() -> None:
    policy = RetryPolicy(backoff_initial_ms=100_000)
    delays = [retry_delay_ms(policy, f"t{n}.a", 1) for n in range(2000)]
    in_tenths = [sum(50_000 + n * 5000 <= delay < 55_000 + n * 5000 for delay in delays) for n in range(10)]
    assert min(in_tenths) > 140
    assert max(in_tenths) < 260
