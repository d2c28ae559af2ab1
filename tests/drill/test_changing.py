"""Callers change their minds while timers fall due and the stack is killed: each is told the truth."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minoots_contract.instants import format_instant
from tests.drill.changing import change_minds
from tests.drill.told import Change, Life, Told, disagreements
from tests.support.receiver import Arrival

SEED = os.environ.get("DRILL_SEED") or secrets.token_hex(3)


@pytest.mark.parametrize(
    "timers",
    [
        pytest.param(120, marks=pytest.mark.stack, id="few"),
        pytest.param(1_000, marks=[pytest.mark.drill, pytest.mark.timeout(600)], id="all"),
    ],
)
def test_what_callers_are_told_of_changes_is_what_happens_through_two_kills(
    timers: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = change_minds(timers, SEED, tmp_path)
    with capsys.disabled():
        print(f"\nseed {SEED}\n" + "\n".join(outcome.lines()))
    if outcome.wrong:
        pytest.fail("\n".join(outcome.wrong), pytrace=False)
    assert outcome.answers.total() > timers
    assert {"settled", "paused", "cancelled"} <= set(outcome.statuses)


# The drill's own eyes.

DUE = 1_800_000_000_000
ASKED = DUE - 5_000


def timer(status: str = "scheduled", due_ms: int = DUE, version: int = 1, **more: Any) -> dict[str, Any]:
    events = ["fired"] if status in {"fired", "settled"} else []
    return {
        "id": "i1",
        "name": "t1",
        "status": status,
        "fireAt": format_instant(due_ms),
        "firedAt": format_instant(due_ms + 3),
        "stateVersion": version,
        "timeline": [{"event": event} for event in events],
        **more,
    }


def told(change: Change, status: int | None, after: dict[str, Any], before: dict[str, Any] | None = None) -> Told:
    return Told(change, before or timer(), status, after, ASKED, ASKED + 10)


def arrival(at_ms: float, delivery: str = "i1_w") -> Arrival:
    return Arrival(at_ms, "/t1", {"webhook-id": delivery}, None)


EXTEND = Change("extend", 0, ms=2_000)
PAUSE = Change("pause", 0)
LATER = DUE + 2_000
PAUSED = timer("paused", version=2, remainingMs=4_995)


def judge(*tolds: Told, final: dict[str, Any] | None, arrivals: tuple[Arrival, ...] = ()) -> list[str]:
    return list(disagreements(Life(timer(), list(tolds)), final, list(arrivals)))


GOOD = {
    "extended and fired": ((told(EXTEND, 200, timer(due_ms=LATER, version=2)),), timer("settled", LATER), LATER + 4),
    "paused for good": ((told(PAUSE, 200, PAUSED),), PAUSED, None),
    "cancelled": ((told(Change("cancel", 0), 200, timer("cancelled")),), timer("cancelled"), None),
    "too late": ((told(EXTEND, 409, timer("fired")),), timer("settled"), DUE + 4),
    "unanswered and done": ((told(EXTEND, None, timer(due_ms=LATER)),), timer("settled", LATER), LATER + 4),
    "unanswered and not done": ((told(EXTEND, None, timer()),), timer("settled"), DUE + 4),
    "resumed": (
        (told(PAUSE, 200, PAUSED), told(Change("resume", 0), 200, timer(due_ms=ASKED + 5_000), PAUSED)),
        timer("settled", ASKED + 5_000),
        DUE + 10,
    ),
}


@pytest.mark.parametrize("name", list(GOOD))
def test_nothing_is_said_against(name: str) -> None:
    tolds, final, came = GOOD[name]
    assert judge(*tolds, final=final, arrivals=(arrival(came),) if came else ()) == []


BAD: dict[str, Callable[[], list[str]]] = {
    "a timer that is gone": lambda: judge(final=None),
    "an extension of the wrong length": lambda: judge(
        told(EXTEND, 200, timer(due_ms=DUE + 1_999)),
        final=timer("settled", DUE + 1_999),
        arrivals=(arrival(DUE + 9_000),),
    ),
    "a refusal that changed the timer": lambda: judge(
        told(EXTEND, 409, timer(due_ms=LATER)), final=timer("settled", LATER), arrivals=(arrival(LATER),)
    ),
    "a conflict with nothing": lambda: judge(
        told(EXTEND, 409, timer()), final=timer("settled"), arrivals=(arrival(DUE),)
    ),
    "a mismatch of the right version": lambda: judge(
        told(EXTEND, 412, timer()), final=timer("settled"), arrivals=(arrival(DUE),)
    ),
    "an error": lambda: judge(told(EXTEND, 500, timer()), final=timer("settled"), arrivals=(arrival(DUE),)),
    "an unanswered change that did something else": lambda: judge(
        told(EXTEND, None, timer(due_ms=DUE + 1)), final=timer("settled", DUE + 1), arrivals=(arrival(DUE + 1),)
    ),
    "a paused timer that fired": lambda: judge(
        told(PAUSE, 200, PAUSED), final=timer("settled"), arrivals=(arrival(DUE),)
    ),
    "a paused timer with the wrong time left": lambda: judge(
        told(PAUSE, 200, {**PAUSED, "remainingMs": 5_100}), final=PAUSED
    ),
    "a cancelled timer whose webhook came": lambda: judge(
        told(Change("cancel", 0), 200, timer("cancelled")), final=timer("cancelled"), arrivals=(arrival(DUE),)
    ),
    "an extended timer that fired at its old time": lambda: judge(
        told(EXTEND, 200, timer(due_ms=LATER)), final=timer("settled"), arrivals=(arrival(DUE),)
    ),
    "a timer that never fired": lambda: judge(final=timer()),
    "a webhook that came early": lambda: judge(final=timer("settled"), arrivals=(arrival(DUE - 1),)),
    "two deliveries": lambda: judge(final=timer("settled"), arrivals=(arrival(DUE), arrival(DUE + 1, "other"))),
    "no delivery": lambda: judge(final=timer("settled")),
}


@pytest.mark.parametrize("name", list(BAD))
def test_something_is_said_against(name: str) -> None:
    assert BAD[name]()
