from __future__ import annotations

import pytest

from minoots.cli.words import countdown, due, lateness, note, span
from minoots_contract.timers import TimerReply
from tests.unit.sdk.fakes import NOW_MS, timer


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (250, "250ms"),
        (1_999, "1s"),
        (252_000, "4m 12s"),
        (3_600_000, "1h"),
        (3_605_000, "1h"),
        (93_600_000, "1d 2h"),
        (1_209_600_000, "2w"),
    ],
)
def test_a_span_is_written_in_its_two_largest_units(milliseconds: int, text: str) -> None:
    assert span(milliseconds) == text


@pytest.mark.parametrize(
    ("distance_ms", "text"), [(30_000, "in 30s"), (-180_000, "3m ago"), (999, "now"), (-999, "now")]
)
def test_an_instant_is_written_as_seen_from_now(distance_ms: int, text: str) -> None:
    assert due(NOW_MS + distance_ms, NOW_MS) == text


@pytest.mark.parametrize(("milliseconds", "text"), [(0, "0 ms late"), (1_234, "1.2 s late"), (61_000, "1m 1s late")])
def test_lateness_is_written_with_the_precision_that_matters(milliseconds: int, text: str) -> None:
    assert lateness(milliseconds) == text


def reply(**fields: object) -> TimerReply:
    return TimerReply.model_validate(timer(**fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"due_in_ms": 59_999}, "in 60.0s"),
        ({"due_in_ms": 61_000}, "in 1m 1s"),
        ({"due_in_ms": 0}, "due now"),
        ({"status": "paused"}, "paused"),
        ({"status": "cancelled"}, "cancelled"),
        ({"status": "fired", "firedAt": "2026-09-21T14:13:10Z"}, "fired 10s ago"),
    ],
)
def test_a_countdown_says_what_the_timer_waits_for(fields: dict[str, object], text: str) -> None:
    assert countdown(reply(**fields), NOW_MS) == text


def test_a_note_tells_progress_and_reasons() -> None:
    actions = [
        {"id": "a", "state": "succeeded", "deliveryId": "t.a", "attempts": []},
        {"id": "b", "state": "waiting", "deliveryId": "t.b", "attempts": []},
    ]
    assert note(reply(status="fired", latenessMs=12, actions=actions)) == "12 ms late, 1 of 2 actions done"
    assert note(reply(status="failed", latenessMs=12, failureReason="HTTP 500")) == "12 ms late, HTTP 500"
    assert note(reply(status="cancelled", cancelReason="tea")) == "tea"
    assert note(reply()) == ""
