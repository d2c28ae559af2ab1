"""Receivers that hang and fail, on the whole stack over real sockets: others are on time, and nothing is lost."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.drill.neighbours import measure
from tests.support.receiver import receiver
from tests.support.stack_process import HEADERS, StackProcess, stack_process, until_ended, webhook_timer

pytestmark = pytest.mark.stack


@pytest.fixture
def stack(tmp_path: Path) -> Any:
    with stack_process(tmp_path / "data") as process:
        yield process


def create(client: httpx.Client, url: str, **fields: Any) -> str:
    body = webhook_timer(url, duration=1, **fields)
    return str(client.post("/timers", json=body).raise_for_status().json()["id"])


def action_of(client: httpx.Client, timer_id: str) -> dict[str, Any]:
    timer = client.get(f"/timers/{timer_id}").raise_for_status().json()
    return (timer.get("actions") or [{}])[0]


def until_put_off(client: httpx.Client, timer_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while "putOff" not in (action := action_of(client, timer_id)):
        assert time.monotonic() < deadline, action
        time.sleep(0.1)
    return action


def test_a_receiver_that_hangs_makes_no_other_tenant_late(tmp_path: Path) -> None:
    outcome = measure(240, 60, protection="on", calm_s=3, after_s=20, folder=tmp_path)
    print("\n".join(outcome.lines()))
    assert outcome.during.missing == 0
    # Without the protection half of them are seconds late, and 160 requests hang at any time.
    assert outcome.during.at(0.5) < 3_000
    assert outcome.hung.requests < 200
    assert "put off" in outcome.put_off


def test_a_circuit_opens_on_a_receiver_that_breaks_and_closes_when_it_is_mended(stack: StackProcess) -> None:
    mended = threading.Event()
    with receiver() as hook, httpx.Client(base_url=stack.url, headers=HEADERS) as client:
        hook.answer = lambda _: 200 if mended.is_set() else 503
        policy = {"maxAttempts": 20, "backoffInitialMs": 10, "backoffMultiplier": 1}
        first = create(client, hook.url, retryPolicy=policy)
        waiting = until_put_off(client, first)
        assert "fails, its circuit is open since" in waiting["putOff"]["reason"]
        tried = len(waiting["attempts"])
        others = [create(client, hook.url) for _ in range(5)]
        assert all(until_put_off(client, other)["attempts"] == [] for other in others), "none of them was sent"
        assert len(hook.arrivals) == tried
        mended.set()
        ended = [until_ended(client, timer_id, timeout_s=90) for timer_id in (first, *others)]
        assert {timer["status"] for timer in ended} == {"settled"}
        assert {len(timer["actions"][0]["attempts"]) for timer in ended[1:]} == {1}, "to be put off is no attempt"
        assert len(hook.arrivals) == tried + 1 + len(others)


def test_a_destination_gets_no_more_at_once_and_no_more_a_second_than_it_wants(stack: StackProcess) -> None:
    under_way, most, lock = 0, 0, threading.Lock()

    def answer(_: object) -> int:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.3)
        with lock:
            under_way -= 1
        return 200

    with receiver() as hook, httpx.Client(base_url=stack.url, headers=HEADERS) as client:
        hook.answer = answer
        limits = {"url": hook.url, "maxInFlight": 2, "rateLimit": {"perSecond": 4}}
        client.put("/destinations/narrow", json=limits).raise_for_status()
        body = {"requestedBy": "test", "duration": 1}
        action = {"id": "w", "kind": "webhook", "parameters": {"destination": "narrow"}}
        timers = [
            client.post("/timers", json=body | {"actionBundle": {"actions": [action]}}).raise_for_status().json()["id"]
            for _ in range(12)
        ]
        assert {until_ended(client, timer_id, timeout_s=60)["status"] for timer_id in timers} == {"settled"}
    arrivals = sorted(arrival.at_ms for arrival in hook.arrivals)
    assert (len(arrivals), most <= 2) == (12, True)
    assert arrivals[-1] - arrivals[0] >= 11 * 250 - 1_000, "four a second, but for what a message is late"
