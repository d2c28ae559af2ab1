"""A timer's whole life over sockets: the template, the real handlers, the local stack."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest

from minoots_contract.instants import format_instant, parse_instant
from tests.support.receiver import Arrival, Receiver
from tests.support.stack_process import StackProcess, until_ended, webhook_timer
from tests.support.waiting import before, until, with_room

pytestmark = pytest.mark.stack

README = Path(__file__).parents[2] / "README.md"


def _readme_curl(port: int) -> list[str]:
    text = README.read_text().split("curl -X POST", 1)[1].split("```", 1)[0]
    return ["curl", "-sS", "-i", "-X", "POST", *shlex.split(text.replace(":4000", f":{port}").replace("\\\n", " "))]


def test_the_curl_of_the_readme_makes_a_timer(stack: StackProcess) -> None:
    answer = subprocess.run(_readme_curl(stack.port), capture_output=True, text=True, check=True).stdout
    head, body = answer.replace("\r", "").split("\n\n", 1)
    timer = json.loads(body)
    assert " 201 " in head.splitlines()[0]
    assert (timer["name"], timer["durationMs"], timer["status"]) == ("coffee-break", 30_000, "scheduled")


def test_a_webhook_comes_once_and_just_after_its_time(client: httpx.Client, hook: Receiver) -> None:
    created = client.post("/timers", json=webhook_timer(hook.url, duration="2s", metadata={"n": 1}))
    assert created.status_code == 201
    timer = until_ended(client, created.json()["id"])
    [arrival] = hook.wait_for(1)

    assert arrival.at_ms >= parse_instant(timer["fireAt"])
    assert timer["status"] == "settled"
    assert timer["latenessMs"] >= 0
    assert [entry["event"] for entry in timer["timeline"]] == ["created", "fired", "settled"]
    assert arrival.body["timer"]["metadata"] == {"n": 1}
    assert arrival.delivery == f"{timer['id']}_w"


def test_a_timer_that_was_cancelled_sends_nothing(client: httpx.Client, hook: Receiver) -> None:
    def cancelled(room_s: float) -> tuple[str, httpx.Response, httpx.Response]:
        body = webhook_timer(f"{hook.url}/doomed/{room_s}", duration=f"{room_s * 1000:.0f}ms")
        doomed = client.post("/timers", json=body).json()
        first = client.post(f"/timers/{doomed['id']}/cancel", json={"requestedBy": "test", "reason": "no"})
        before(parse_instant(doomed["fireAt"]))
        later = {"requestedBy": "else", "reason": "later"}
        return doomed["fireAt"], first, client.post(f"/timers/{doomed['id']}/cancel", json=later)

    due, *answers = with_room(cancelled)
    # Another timer, due after the cancelled one was: when it has come, the cancelled one would have come too.
    after = format_instant(max(parse_instant(due), int(time.time() * 1000)) + 1_500)
    later = client.post("/timers", json=webhook_timer(f"{hook.url}/later", fireAt=after)).json()
    until_ended(client, later["id"])

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].json()["cancelReason"] == "no"
    assert len(hook.at("/later")) == 1
    assert hook.of(answers[0].json()["id"]) == []


def test_a_far_timer_that_is_pulled_near_fires_once_at_its_new_time(client: httpx.Client, hook: Receiver) -> None:
    timer = client.post("/timers", json=webhook_timer(hook.url, duration="2h")).json()
    path = f"/timers/{timer['id']}"
    until(lambda: client.get(path).json()["status"] == "armed")
    for verb, body in (("extend", {"by": "1h"}), ("pause", {}), ("resume", {}), ("reschedule", {"duration": "1500ms"})):
        answer = client.post(f"{path}/{verb}", json={"requestedBy": "test", **body})
        assert answer.status_code == 200, answer.text
    ended = until_ended(client, timer["id"])
    [arrival] = hook.wait_for(1)
    assert ended["fireAt"] == answer.json()["fireAt"]
    assert arrival.at_ms >= parse_instant(ended["fireAt"])
    told = [entry["event"] for entry in ended["timeline"] if entry["event"] != "armed"]
    assert told == ["created", "extended", "paused", "resumed", "rescheduled", "fired", "settled"]


def test_a_timer_is_fired_now_and_only_once_however_often_it_is_asked(client: httpx.Client, hook: Receiver) -> None:
    timer = client.post("/timers", json=webhook_timer(hook.url, duration="2h")).json()
    answers = [client.post(f"/timers/{timer['id']}/fire", json={"requestedBy": "test"}) for _ in range(3)]
    until_ended(client, timer["id"])
    assert [answer.status_code for answer in answers] == [200] * 3
    assert len(hook.wait_for(1)) == 1


def test_a_heartbeat_timer_waits_for_as_long_as_it_is_beaten_and_no_longer(
    client: httpx.Client, hook: Receiver
) -> None:
    def beaten_for_twice_its_time(room_s: float) -> dict[str, Any]:
        body = webhook_timer(hook.url, duration=f"{room_s * 1000:.0f}ms", heartbeat=True)
        beaten = client.post("/timers", json=body).json()
        for beats in range(1, 13):
            time.sleep(room_s / 6)
            due_ms = parse_instant(beaten["fireAt"])
            beaten = client.post(f"/timers/{beaten['id']}/heartbeat").json()
            before(due_ms)
            assert (beaten["heartbeat"]["beats"], beaten["status"]) == (beats, "scheduled")
        assert hook.of(beaten["id"]) == []
        before(parse_instant(beaten["fireAt"]))
        return dict(beaten)

    beaten = with_room(beaten_for_twice_its_time)
    ended = until_ended(client, beaten["id"])
    [arrival] = hook.of(beaten["id"])
    assert ended["fireAt"] == beaten["fireAt"]
    assert arrival.at_ms >= parse_instant(beaten["fireAt"])
    assert [entry["event"] for entry in ended["timeline"]] == ["created", "fired", "settled"]


def test_a_flaky_receiver_is_tried_three_times_with_growing_delays(client: httpx.Client, hook: Receiver) -> None:
    hook.answer = lambda _: [500, 500, 200][len(hook.arrivals) - 1]
    policy = {"maxAttempts": 3, "backoffInitialMs": 1000}
    created = client.post("/timers", json=webhook_timer(hook.url, duration="500ms", retryPolicy=policy)).json()
    timer = until_ended(client, created["id"])
    first, second, third = hook.wait_for(3)

    assert timer["status"] == "settled"
    assert [one["outcome"] for one in timer["actions"][0]["attempts"]] == ["failed", "failed", "succeeded"]
    # Half the policy's delay at least, which doubles; `attempts` tells what was drawn, however late they came.
    assert second.at_ms - first.at_ms >= 500
    assert third.at_ms - second.at_ms >= 1_000
    assert {arrival.delivery for arrival in (first, second, third)} == {f"{timer['id']}_w"}


def test_what_always_fails_is_a_dead_letter_with_its_attempts(client: httpx.Client, hook: Receiver) -> None:
    hook.answer = lambda _: 503
    policy = {"maxAttempts": 2, "backoffInitialMs": 100}
    created = client.post("/timers", json=webhook_timer(hook.url, duration="500ms", retryPolicy=policy)).json()
    timer = until_ended(client, created["id"])
    letters = client.get("/dead-letters").json()["deadLetters"]
    [letter] = [letter for letter in letters if letter["timerId"] == timer["id"]]

    assert timer["status"] == "failed"
    assert [(one["attempt"], one["statusCode"]) for one in letter["attempts"]] == [(1, 503), (2, 503)]
    assert letter["request"]["url"] == hook.url
    assert len(hook.arrivals) == 2


def test_the_actions_of_a_bundle_run_in_order_or_side_by_side(client: httpx.Client, hook: Receiver) -> None:
    together = Barrier(3)
    under_way: list[str] = []
    most = 0

    def alone(arrival: Arrival) -> int:
        nonlocal most
        under_way.append(arrival.path)
        most = max(most, len(under_way))
        time.sleep(0.2)
        under_way.remove(arrival.path)
        return 200

    def side_by_side(_: Arrival) -> int:
        together.wait(30)  # none is answered until all three have come
        return 200

    actions = [{"id": f"a{n}", "kind": "webhook", "parameters": {"url": f"{hook.url}/{n}"}} for n in range(3)]
    for concurrency, answer in ((1, alone), (3, side_by_side)):
        hook.arrivals.clear()
        hook.answer = answer
        body = {"requestedBy": "t", "duration": 500, "actionBundle": {"actions": actions, "concurrency": concurrency}}
        timer = until_ended(client, client.post("/timers", json=body).json()["id"])
        assert timer["status"] == "settled"
        paths = [arrival.path for arrival in hook.wait_for(3)]
        assert sorted(paths) == ["/0", "/1", "/2"]
        if concurrency == 1:
            assert (paths, most) == (["/0", "/1", "/2"], 1)


def test_a_hundred_cancels_against_firing_each_have_one_winner(client: httpx.Client, hook: Receiver) -> None:
    due = parse_instant(client.post("/timers", json=webhook_timer(hook.url, duration="8s")).json()["fireAt"])

    def make(n: int) -> str:
        body = webhook_timer(f"{hook.url}/{n}", fireAt=format_instant(due))
        made: str = client.post("/timers", json=body).raise_for_status().json()["id"]
        return made

    def cancel(identifier: str) -> int:
        time.sleep(max(0, due / 1000 - time.time()))
        return client.post(f"/timers/{identifier}/cancel", json={"requestedBy": "racer"}).status_code

    with ThreadPoolExecutor(32) as pool:
        ids = list(pool.map(make, range(100)))
        told = dict(zip(ids, pool.map(cancel, ids), strict=True))
        timers = {identifier: until_ended(client, identifier) for identifier in ids}
    paths = Counter(arrival.path for arrival in hook.arrivals)
    for n, identifier in enumerate(ids):
        status, answered, came = timers[identifier]["status"], told[identifier], paths[f"/{n}"]
        assert (status, answered, came) in {("cancelled", 200, 0), ("settled", 409, 1)}
        events = [entry["event"] for entry in timers[identifier]["timeline"]]
        assert ("fired" in events) is (status == "settled")


def test_another_tenant_sees_nothing(client: httpx.Client, stack: StackProcess) -> None:
    mine = client.post("/timers", json={"requestedBy": "me", "duration": "1h"}).json()
    with httpx.Client(base_url=stack.url, headers={"authorization": "Bearer mnt_other"}) as stranger:
        answers = [
            stranger.get(f"/timers/{mine['id']}"),
            stranger.post(f"/timers/{mine['id']}/cancel", json={"requestedBy": "x"}),
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert stranger.get("/timers").json() == {"timers": []}
