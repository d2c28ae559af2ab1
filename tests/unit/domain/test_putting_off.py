from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minoots_kernel.domain.commands import PutOff
from minoots_kernel.domain.dispatch import overdue_messages
from minoots_kernel.domain.errors import StaleHintError
from minoots_kernel.domain.put_offs import (
    LONGEST_MS,
    MAX_PUT_OFF_DELAY_MS,
    QUEUE_REACH_MS,
    Cause,
    PutOffs,
    put_off_until,
)
from minoots_kernel.domain.repair import repair_of
from minoots_kernel.domain.timer import Timer
from minoots_kernel.domain.transitions import REDISPATCH_AFTER_MS, apply
from tests.unit.domain.builders import NOW_MS, fired, outcome, scheduled

NEVER = "its circuit is open"


def later(timer: Timer, times: int = 0, after_ms: int = 0, **changes: object) -> Timer:
    assert timer.fired_at_ms is not None
    command = replace(PutOff("a", 1, times, Cause.CIRCUIT, NEVER, timer.fired_at_ms + after_ms), **changes)  # type: ignore[arg-type]
    return apply(timer, command, timer.fired_at_ms + 10).timer


def test_an_attempt_that_is_put_off_keeps_its_number_and_has_a_reason() -> None:
    timer = fired("a")
    (state,) = later(timer).actions
    assert (state.tries, state.next_attempt, state.attempts) == (0, 1, ())
    assert state.put_off is not None
    assert (state.put_off.times, state.put_off.reason) == (1, NEVER)
    assert state.next_attempt_at_ms is not None
    assert state.next_attempt_at_ms > (timer.fired_at_ms or 0)


def test_the_sweep_waits_for_what_was_put_off_as_for_any_later_attempt() -> None:
    timer = later(fired("a"), after_ms=600_000)
    due_ms = timer.actions[0].next_attempt_at_ms
    assert due_ms is not None
    assert timer.next_check_at_ms is not None
    assert timer.next_check_at_ms > due_ms
    for now_ms in (due_ms, due_ms + REDISPATCH_AFTER_MS - 1):
        assert overdue_messages(timer, now_ms) == []
        assert repair_of(timer, now_ms) is None
    assert [one.attempt for one in overdue_messages(timer, due_ms + REDISPATCH_AFTER_MS)] == [1]


def test_of_duplicates_that_put_off_the_same_attempt_one_gets_through() -> None:
    timer = later(fired("a"))
    with pytest.raises(StaleHintError):
        later(timer)
    assert later(timer, times=1).actions[0].put_off is not None


def test_the_time_it_may_take_begins_anew_with_another_cause_and_not_with_the_same() -> None:
    first = PutOffs(1, 0, "full", None, Cause.LIMIT)
    more = first.again(Cause.LIMIT, 4_260_000, "full", "tenant")
    assert more == PutOffs(2, 0, "full", "tenant", Cause.LIMIT)
    assert not more.too_long(Cause.SHORTAGE, 3_600_000, 4_270_000)
    other = more.again(Cause.SHORTAGE, 4_270_000, "busy", None)
    assert other == PutOffs(3, 4_270_000, "busy", None, Cause.SHORTAGE, first_ms=0)
    assert [other.too_long(Cause.SHORTAGE, 3_600_000, 4_270_000 + ms) for ms in (3_599_999, 3_600_000)] == [False, True]
    back = other.again(Cause.LIMIT, 4_280_000, "full", None)
    assert (back.since_ms, back.first_ms) == (4_280_000, 0)


def test_nothing_is_put_off_for_longer_than_a_day_whatever_the_causes() -> None:
    known, at_ms = PutOffs(1, 0, "busy", None, Cause.SHORTAGE), 0
    while not known.too_long(cause := (Cause.CIRCUIT, Cause.SHORTAGE)[known.times % 2], 3_600_000, at_ms):
        assert at_ms < LONGEST_MS
        known, at_ms = known.again(cause, at_ms, "busy", None), at_ms + 890_000
    assert at_ms >= LONGEST_MS


def test_what_was_put_off_when_all_causes_counted_as_one_begins_anew_within_the_day() -> None:
    old = PutOffs(9, 0, "busy")
    assert not old.too_long(Cause.SHORTAGE, 3_600_000, 4_000_000)
    assert old.too_long(Cause.LIMIT, LONGEST_MS, LONGEST_MS)
    assert old.again(Cause.LIMIT, 4_000_000, "full", None).first_ms == 0


@pytest.mark.parametrize("change", [{"attempt": 2}, {"action_id": "x"}])
def test_what_is_not_under_way_is_not_put_off(change: dict[str, object]) -> None:
    with pytest.raises(StaleHintError):
        later(fired("a"), **change)
    with pytest.raises(StaleHintError):
        apply(scheduled("a"), PutOff("a", 1, 0, Cause.CIRCUIT, NEVER, NOW_MS), NOW_MS)


def test_an_attempt_that_is_made_at_last_leaves_nothing_of_its_waiting() -> None:
    timer = later(fired("a", "b"))
    now_ms = timer.actions[0].next_attempt_at_ms or 0
    (state, _) = apply(timer, outcome("a", 1, now_ms, "failed"), now_ms).timer.actions
    assert (state.tries, state.put_off) == (1, None)


def test_a_turn_is_kept_to_the_millisecond() -> None:
    assert put_off_until("x", 3, NOW_MS, NOW_MS + 1_234, turn=True) == NOW_MS + 1_234
    assert later(fired("a"), after_ms=1_234, turn="destination").actions[0].next_attempt_at_ms == NOW_MS + 31_234


@given(
    times=st.integers(0, 40),
    hope_ms=st.integers(-(10**6), 10**7),
    identity=st.text(max_size=9),
    turn=st.booleans(),
)
def test_what_is_put_off_comes_after_its_hope_and_within_the_queues_reach(
    times: int, hope_ms: int, identity: str, turn: bool
) -> None:
    at_ms = put_off_until(identity, times, NOW_MS, NOW_MS + hope_ms, turn=turn)
    assert NOW_MS <= at_ms <= NOW_MS + QUEUE_REACH_MS
    assert at_ms >= min(NOW_MS + hope_ms, NOW_MS + QUEUE_REACH_MS)
    if not turn:
        assert at_ms <= max(NOW_MS + hope_ms, NOW_MS) + MAX_PUT_OFF_DELAY_MS


def test_delays_grow_and_differ() -> None:
    first = [put_off_until(f"{n}", 0, 0, 0, turn=False) for n in range(100)]
    assert len(set(first)) > 90
    assert all(2_500 <= at <= 5_000 for at in first)
    assert put_off_until("x", 99, 0, 0, turn=False) >= MAX_PUT_OFF_DELAY_MS // 2


def test_what_may_not_wait_any_longer_is_looked_at_once_more_while_there_is_time() -> None:
    limited = fired("a", totalTimeLimitMs=20_000)
    assert limited.fired_at_ms is not None
    assert later(limited, after_ms=60_000).actions[0].next_attempt_at_ms == limited.fired_at_ms + 20_000
    short = fired("a", totalTimeLimitMs=900)
    assert (later(short, after_ms=60_000).actions[0].next_attempt_at_ms or 0) > (short.fired_at_ms or 0) + 60_000
