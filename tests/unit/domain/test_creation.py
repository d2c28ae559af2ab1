from __future__ import annotations

import pytest

from minoots_contract.durations import MAX_DURATION_MS
from minoots_contract.instants import MAX_INSTANT_MS, format_instant
from minoots_kernel.domain.creation import new_timer
from minoots_kernel.domain.errors import InvalidTimerError
from minoots_kernel.domain.timer import ActionState, Moment, Status, Timer
from tests.unit.domain.builders import NOW_MS, request, scheduled


def at_instant(fire_at: str) -> Timer:
    return new_timer(request(fireAt=fire_at), timer_id="t", tenant_id="demo", now_ms=NOW_MS)


def test_a_new_timer_is_scheduled_at_version_one_of_generation_one() -> None:
    timer = scheduled("a", "b", name="tea", labels={"k": "v"}, metadata={"n": 1})
    assert (timer.status, timer.version, timer.generation) == (Status.SCHEDULED, 1, 1)
    assert (timer.created_at_ms, timer.fire_at_ms, timer.duration_ms) == (NOW_MS, NOW_MS + 30_000, 30_000)
    assert timer.actions == (ActionState("a"), ActionState("b"))
    assert timer.timeline == (Moment("created", NOW_MS, 1),)
    assert (timer.name, timer.spec.labels, timer.spec.metadata) == ("tea", {"k": "v"}, {"n": 1})


def test_a_timer_without_a_name_is_named_after_its_time() -> None:
    assert scheduled().name == f"timer_{NOW_MS}"


def test_an_instant_with_an_offset_is_the_due_time() -> None:
    timer = at_instant("2030-01-01T02:00:00+02:00")
    assert format_instant(timer.fire_at_ms) == "2030-01-01T00:00:00.000Z"
    assert timer.duration_ms == timer.fire_at_ms - NOW_MS


@pytest.mark.parametrize("early_ms", [0, 1, 86_400_000])
def test_a_due_time_that_has_passed_is_refused_by_name(early_ms: int) -> None:
    with pytest.raises(InvalidTimerError) as refused:
        at_instant(format_instant(NOW_MS - early_ms))
    assert [field for field, _ in refused.value.fields] == ["fireAt"]


def test_the_next_millisecond_is_future_enough() -> None:
    assert at_instant(format_instant(NOW_MS + 1)).duration_ms == 1


def test_the_calendar_is_the_only_cap() -> None:
    assert scheduled(duration=MAX_INSTANT_MS - NOW_MS).fire_at_ms == MAX_INSTANT_MS
    assert scheduled(duration="3650d").duration_ms == 3650 * 86_400_000


@pytest.mark.parametrize("duration", [MAX_INSTANT_MS - NOW_MS + 1, MAX_DURATION_MS])
def test_a_duration_past_the_calendar_is_refused_by_name(duration: int) -> None:
    with pytest.raises(InvalidTimerError) as refused:
        scheduled(duration=duration)
    assert [field for field, _ in refused.value.fields] == ["duration"]
