from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minoots_kernel.adapters.memory import SequentialIds
from minoots_kernel.application.fire_timer import WAIT_OUT_MS
from minoots_kernel.domain.messages import WakeUp
from minoots_kernel.domain.waking import FarLeg, NearLeg, choose_leg, lead_ms, queue_delay_s
from tests.unit.domain.builders import NOW_MS

TIMER = "0199a1b2-0000-7000-8000-00000000002a"
MINUTE_MS = 60_000
timer_ids = st.uuids().map(str)


def wake_up(due_at_ms: int, timer_id: str = TIMER, generation: int = 1) -> WakeUp:
    return WakeUp("demo", timer_id, generation, due_at_ms)


@given(timer_ids, st.integers(1, 10**9))
def test_the_lead_is_longer_than_schedulers_minute_and_shorter_than_the_queues_reach(timer: str, number: int) -> None:
    assert 75_000 <= lead_ms(wake_up(NOW_MS, timer, number)) <= 840_000


def test_a_herd_on_one_instant_is_spread_over_the_seconds_of_the_leads() -> None:
    ids = SequentialIds()
    leads = [lead_ms(wake_up(NOW_MS, ids.new_id())) for _ in range(20_000)]
    buckets = [sum(75_000 + n * 15_000 <= lead < 90_000 + n * 15_000 for lead in leads) for n in range(51)]
    assert sum(buckets) == 20_000
    assert min(buckets) > 0.75 * 20_000 / 51
    assert max(buckets) < 1.25 * 20_000 / 51
    assert len({lead // 1000 for lead in leads}) > 760


@given(timer_ids, st.integers(0, 40 * 86_400_000), st.integers(0, 999))
@example(TIMER, 900_999, 0)
@example(TIMER, 901_000, 0)
@example(TIMER, 0, 0)
def test_no_schedule_is_made_less_than_a_minute_ahead_and_no_message_waits_too_long(
    timer: str, residual_ms: int, offset_ms: int
) -> None:
    now_ms = NOW_MS + offset_ms
    leg = choose_leg(wake_up(now_ms + residual_ms, timer), now_ms)
    if isinstance(leg, FarLeg):
        assert leg.at_ms % 1000 == 0
        assert leg.at_ms >= now_ms + MINUTE_MS
        assert leg.at_ms <= now_ms + residual_ms - 75_000
        assert residual_ms - (leg.at_ms - now_ms) <= 841_000
    else:
        assert isinstance(leg, NearLeg)
        assert 0 <= leg.delay_s <= 900
        assert residual_ms <= 901_000


@given(timer_ids)
def test_what_is_near_needs_no_schedule_and_what_is_far_gets_one(timer: str) -> None:
    assert isinstance(choose_leg(wake_up(NOW_MS + 75_000 + MINUTE_MS - 1, timer), NOW_MS), NearLeg)
    assert isinstance(choose_leg(wake_up(NOW_MS + 840_000 + MINUTE_MS + 1000, timer), NOW_MS), FarLeg)


@given(
    timer=timer_ids,
    residual_ms=st.integers(0, 40 * 86_400_000) | st.integers(0, 1_000_000),
    minute=st.floats(0, 1, exclude_max=True),
    hops=st.lists(st.integers(5, 299), min_size=3, max_size=3),
)
@example(timer=TIMER, residual_ms=1_800_000, minute=0.999, hops=[299, 299, 299])
@example(timer=TIMER, residual_ms=900_299, minute=0, hops=[5, 5, 5])
@example(timer=TIMER, residual_ms=1_299, minute=0, hops=[299, 299, 299])
def test_a_wake_up_always_arrives_just_before_its_time(
    timer: str, residual_ms: int, minute: float, hops: list[int]
) -> None:
    """Scheduler delivers anywhere in its minute, every hop through the queue takes up to 0.3 s."""
    now_ms, hop = NOW_MS, iter(hops)
    hint = wake_up(now_ms + residual_ms, timer)
    leg = choose_leg(hint, now_ms)
    if isinstance(leg, FarLeg):
        now_ms = leg.at_ms + int(minute * MINUTE_MS) + next(hop)
        assert hint.due_at_ms - now_ms > WAIT_OUT_MS, "the schedule's minute must leave room for the queue"
    else:
        now_ms += leg.delay_s * 1000 + next(hop)
    while hint.due_at_ms - now_ms > WAIT_OUT_MS:
        now_ms += queue_delay_s(hint.due_at_ms - now_ms) * 1000 + next(hop)
    left_ms = hint.due_at_ms - now_ms
    assert left_ms <= 1_300
    assert left_ms >= (1 if residual_ms > 600 else -300)


@pytest.mark.parametrize(
    ("residual_ms", "delay_s"),
    [(-5_000, 0), (0, 0), (299, 0), (1_299, 0), (1_300, 1), (30_000, 29), (900_299, 899), (900_300, 900), (10**9, 900)],
)
def test_the_queues_delay_ends_just_before_the_time(residual_ms: int, delay_s: int) -> None:
    assert queue_delay_s(residual_ms) == delay_s


hints = st.builds(
    WakeUp,
    tenant_id=st.just("demo"),
    timer_id=timer_ids,
    generation=st.integers(1, 10**6),
    due_at_ms=st.just(NOW_MS),
    action_id=st.none() | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", fullmatch=True),
    attempt=st.integers(1, 100),
)


@given(hints)
def test_a_schedules_name_is_one_that_scheduler_takes(hint: WakeUp) -> None:
    assert re.fullmatch(r"[0-9a-zA-Z\-_.]{1,64}", hint.name)


def test_different_wake_ups_have_different_names_and_the_same_one_the_same() -> None:
    named = [
        wake_up(NOW_MS),
        wake_up(NOW_MS, generation=2),
        wake_up(NOW_MS, SequentialIds().new_id()),
        WakeUp("demo", TIMER, 1, NOW_MS, "a", 1),
        WakeUp("demo", TIMER, 1, NOW_MS, "a", 2),
        WakeUp("demo", TIMER, 1, NOW_MS, "b", 1),
    ]
    names = sorted(hint.name for hint in named)
    assert all(one != other for one, other in pairwise(names))
    assert wake_up(NOW_MS).name == wake_up(NOW_MS + 5).name
