"""The drill's own eyes: every kind of fault is seen, and a good round has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from minoots_contract.instants import format_instant
from tests.drill.checks import Kill, Story, judge
from tests.drill.plan import PlannedTimer, RoundPlan, draw_round
from tests.support.receiver import Arrival

DUE = 1_800_000_000_000
KILLED = DUE + 100


def arrival(at_ms: float, attempt: int = 1, timer: str = "i0") -> Arrival:
    headers = {"webhook-id": f"{timer}_a", "minoots-attempt": str(attempt), "minoots-timer-id": timer}
    return Arrival(at_ms, f"/t{timer[1:]}/a", headers, None)


def timer(name: str, status: str, events: list[str], attempts: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"i{name[1:]}",
        "name": name,
        "status": status,
        "fireAt": format_instant(DUE),
        "firedAt": format_instant(DUE + 5),
        "timeline": [{"event": event} for event in events],
        "actions": [{"id": "a", "attempts": attempts}],
    }


def attempt(number: int, ended_ms: int) -> dict[str, Any]:
    return {"attempt": number, "endedAt": format_instant(ended_ms)}


def good() -> Story:
    """A retried timer that a kill caught in its first attempt, and a cancelled and a dead one."""
    planned = (
        PlannedTimer("t0", "retried", 1, failures=1, max_attempts=3),
        PlannedTimer("t1", "cancelled", 1, cancel_s=0.5),
        PlannedTimer("t2", "dead", 1, failures=2, max_attempts=1),
    )
    return Story(
        RoundPlan("seed", planned, 1, None),
        kills=[Kill(KILLED, KILLED + 10)],
        answered={"t0": "i0", "t1": "i1", "t2": "i2"},
        cancels={"t1": 200},
        timers=[
            timer(
                "t0", "settled", ["scheduled", "fired", "settled"], [attempt(1, DUE + 2_020), attempt(2, DUE + 4_000)]
            ),
            timer("t1", "cancelled", ["scheduled", "cancelled"], []),
            timer("t2", "failed", ["scheduled", "fired", "failed"], [attempt(1, DUE + 30)]),
        ],
        letters={"i2_a": {"timerId": "i2"}},
        arrivals=[
            arrival(DUE + 50),
            arrival(DUE + 2_000),
            arrival(DUE + 3_900, attempt=2),
            arrival(DUE + 20, timer="i2"),
        ],
    )


def test_a_good_round_has_no_fault_and_its_duplicate_is_counted() -> None:
    verdict = judge(good())
    assert verdict.faults == []
    assert verdict.duplicates == 1


SPOILED: list[tuple[str, str, Callable[[Story], Any]]] = [
    ("an answered timer is not there", "lost", lambda story: story.timers.pop()),
    ("a timer never ended", "lost", lambda story: story.timers[0].update(status="fired")),
    ("a failed timer has no letter", "lost", lambda story: story.letters.clear()),
    ("it fired twice", "second fire", lambda story: story.timers[0]["timeline"].append({"event": "fired"})),
    ("it fired early", "early", lambda story: story.timers[0].update(firedAt=format_instant(DUE - 1))),
    ("it came early", "early", lambda story: story.arrivals.append(arrival(DUE - 1))),
    ("it came twice without a kill", "duplicate", lambda story: story.arrivals.append(arrival(DUE + 2_010))),
    ("it came after its end", "duplicate", lambda story: story.arrivals.append(arrival(DUE + 5_000, attempt=2))),
    (
        "it came again though its end was on disk",
        "duplicate",
        lambda story: story.timers[0]["actions"][0]["attempts"].__setitem__(0, attempt(1, KILLED - 1)),
    ),
    ("a cancelled one came", "outcome", lambda story: story.arrivals.append(arrival(DUE + 9, timer="i1"))),
    ("a cancelled one fired", "outcome", lambda story: story.timers[1]["timeline"].append({"event": "fired"})),
    ("a cancel was forgotten", "outcome", lambda story: story.timers[1].update(status="settled")),
    ("an attempt is missing", "outcome", lambda story: story.timers[0]["actions"][0]["attempts"].pop()),
    ("a stranger came", "outcome", lambda story: story.arrivals.append(arrival(DUE + 9, timer="i9"))),
    ("a settled one has a letter", "outcome", lambda story: story.letters.update({"i0_a": {"timerId": "i0"}})),
    ("a create was refused", "outcome", lambda story: story.refused.update(t3="500")),
    ("a create made two timers", "outcome", lambda story: story.timers.append({**story.timers[1], "id": "i7"})),
]


@pytest.mark.parametrize(("fault", "spoil"), [pytest.param(kind, spoil, id=what) for what, kind, spoil in SPOILED])
def test_a_fault_is_seen_when(fault: str, spoil: Callable[[Story], Any]) -> None:
    story = good()
    spoil(story)
    assert fault in {kind for kind, _ in judge(story).faults}


def test_a_seed_draws_the_same_round_again() -> None:
    assert draw_round("a-1") == draw_round("a-1")
    assert draw_round("a-1") != draw_round("a-2")


def test_rounds_hold_every_kind_of_timer() -> None:
    rounds = [draw_round(f"s-{number}") for number in range(20)]
    kinds = {planned.kind for round_ in rounds for planned in round_.timers}
    assert kinds == {"plain", "retried", "dead", "pair", "bare", "far", "cancelled"}
    assert all(20 <= len(round_.timers) <= 40 for round_ in rounds)
    assert {round_.second.starting for round_ in rounds if round_.second} == {True, False}
