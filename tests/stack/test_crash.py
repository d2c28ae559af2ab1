"""`kill -9` in the middle of things: what was acknowledged still happens, once."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from minoots_contract.instants import format_instant, parse_instant
from tests.support.receiver import receiver
from tests.support.stack_process import HEADERS, stack_process, until_ended, webhook_timer

pytestmark = pytest.mark.stack

TIMERS = 200


def test_two_hundred_timers_outlive_a_kill_four_seconds_before_the_first(tmp_path: Path) -> None:
    with receiver() as hook, stack_process(tmp_path / "data") as stack:
        first_due_ms = time.time() * 1000 + 12_000
        with httpx.Client(base_url=stack.url, headers=HEADERS, timeout=20) as client:
            bodies = [
                webhook_timer(f"{hook.url}/{n}", fireAt=format_instant(int(first_due_ms + n * 10)))
                for n in range(TIMERS)
            ]
            answer = client.post("/timers:batch", json={"timers": bodies}).raise_for_status().json()
            ids = [one["timer"]["id"] for one in answer["results"]]
        time.sleep(max(0, first_due_ms / 1000 - 4 - time.time()))
        stack.kill()
        stack.start()
        with httpx.Client(base_url=stack.url, headers=HEADERS, timeout=20) as client:
            timers = [until_ended(client, identifier) for identifier in ids]
    assert [timer["status"] for timer in timers] == ["settled"] * TIMERS
    for n, timer in enumerate(timers):
        fires = [entry for entry in timer["timeline"] if entry["event"] == "fired"]
        arrivals = [arrival for arrival in hook.arrivals if arrival.path == f"/{n}"]
        assert len(fires) == 1
        assert parse_instant(timer["firedAt"]) >= parse_instant(timer["fireAt"])
        assert min(arrival.at_ms for arrival in arrivals) >= parse_instant(timer["fireAt"])
        assert {arrival.delivery for arrival in arrivals} == {f"{timer['id']}_w"}


def test_deliveries_in_flight_at_a_kill_are_the_only_ones_made_twice(tmp_path: Path) -> None:
    with receiver() as hook, stack_process(tmp_path / "data") as stack:
        with httpx.Client(base_url=stack.url, headers=HEADERS, timeout=20) as client:
            ids = [
                client.post("/timers", json=webhook_timer(f"{hook.url}/{n}", duration=f"{2000 + n * 15}ms")).json()[
                    "id"
                ]
                for n in range(100)
            ]
        hook.wait_for(30)
        stack.kill()
        killed_ms = time.time() * 1000
        stack.start()
        with httpx.Client(base_url=stack.url, headers=HEADERS, timeout=20) as client:
            timers = [until_ended(client, identifier) for identifier in ids]
    assert {timer["status"] for timer in timers} == {"settled"}
    times = Counter(arrival.delivery for arrival in hook.arrivals)
    assert set(times) == {f"{identifier}_w" for identifier in ids}
    for timer in timers:
        if times[f"{timer['id']}_w"] == 1:
            continue
        first = next(arrival for arrival in hook.arrivals if arrival.delivery == f"{timer['id']}_w")
        [attempt] = timer["actions"][0]["attempts"]
        assert first.at_ms <= killed_ms < parse_instant(attempt["endedAt"])
