"""Timers that are all due at one instant: what their hashed leads make of it (ADR 0015)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from random import Random

import pytest

from minoots_kernel.domain.messages import WakeUp
from minoots_kernel.domain.waking import MAX_LEAD_MS, MIN_LEAD_MS, FarLeg, choose_leg

DUE_MS = 1_800_000_000_000
HERD = 500_000
INVOCATIONS_PER_S = 1_000
"""EventBridge Scheduler's default quota in its large Regions."""


def wake_up(number: int) -> WakeUp:
    return WakeUp("demo", f"019aa649-1a00-7c3e-8f21-{number:012x}", 1, DUE_MS)


@pytest.fixture(scope="module")
def schedules() -> list[int]:
    """The second that each timer of the herd has its schedule for, counted back from the due time."""
    seconds = []
    for number in range(HERD):
        leg = choose_leg(wake_up(number), DUE_MS - 86_400_000)
        assert isinstance(leg, FarLeg)
        seconds.append((DUE_MS - leg.at_ms) // 1000)
    return seconds


def busiest(seconds: Iterable[int]) -> int:
    return Counter(seconds).most_common(1)[0][1]


def test_half_a_million_timers_on_one_instant_stay_under_schedulers_quota_in_every_second(schedules: list[int]) -> None:
    assert busiest(schedules) < INVOCATIONS_PER_S
    assert len(set(schedules)) >= (MAX_LEAD_MS - MIN_LEAD_MS) // 1000


def test_schedulers_own_minute_makes_the_busiest_second_no_busier(schedules: list[int]) -> None:
    random = Random(7)
    # Scheduler delivers anywhere inside the minute it was asked for: what was hashed a minute apart overlaps.
    delivered = [second - random.randrange(60) for second in schedules]
    assert busiest(delivered) < INVOCATIONS_PER_S
    assert min(delivered) > 0, "each is on the queue before its time"


def test_the_leads_of_a_herd_are_spread_evenly(schedules: list[int]) -> None:
    share = HERD / ((MAX_LEAD_MS - MIN_LEAD_MS) / 1000)
    counts = Counter(schedules)
    whole = [counts[second] for second in range(MIN_LEAD_MS // 1000 + 1, MAX_LEAD_MS // 1000)]
    assert max(whole) < share + 6 * share**0.5
    assert min(whole) > share - 6 * share**0.5


def test_ten_thousand_timers_on_one_instant_are_a_few_in_a_second(schedules: list[int]) -> None:
    assert busiest(schedules[:10_000]) < 40
