from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from minoots.client import BadRequestError, Client, ConflictError, ServerError
from minoots_contract.late_policy import LatePolicy
from minoots_contract.timers import TimerReply
from tests.unit.sdk.fakes import NOW_MS, Script, client_on, refusal, timer

Call = Callable[[Client], TimerReply]
CHANGES: dict[str, tuple[Call, str, dict[str, Any]]] = {
    "cancel": (lambda client: client.timers.cancel("t-1"), "cancel", {}),
    "extend by text": (lambda client: client.timers.extend("t-1", "5m"), "extend", {"by": "5m"}),
    "extend by a timedelta": (
        lambda client: client.timers.extend("t-1", timedelta(minutes=5)),
        "extend",
        {"by": 300_000},
    ),
    "reschedule by a duration": (
        lambda client: client.timers.reschedule("t-1", duration=5),
        "reschedule",
        {"duration": 5},
    ),
    "reschedule to an instant": (
        lambda client: client.timers.reschedule(
            "t-1", fire_at=datetime(2030, 1, 1, tzinfo=UTC), late_policy=LatePolicy(mode="skip", after_ms=9)
        ),
        "reschedule",
        {"fireAt": "2030-01-01T00:00:00+00:00", "latePolicy": {"mode": "skip", "afterMs": 9}},
    ),
    "snooze": (lambda client: client.timers.snooze("t-1", "10m"), "snooze", {"duration": "10m"}),
    "pause": (lambda client: client.timers.pause("t-1"), "pause", {}),
    "resume": (lambda client: client.timers.resume("t-1"), "resume", {}),
    "resume with the due time": (
        lambda client: client.timers.resume("t-1", keep="dueTime"),
        "resume",
        {"keep": "dueTime"},
    ),
    "fire": (lambda client: client.timers.fire("t-1"), "fire", {}),
}


@pytest.mark.parametrize(("call", "verb", "body"), CHANGES.values(), ids=CHANGES.keys())
def test_a_change_sends_what_is_wanted_and_returns_the_timer(call: Call, verb: str, body: dict[str, Any]) -> None:
    script = Script([timer("t-1", status="scheduled")])
    with client_on(script) as client:
        changed = call(client)
    (request,) = script.requests
    assert (request.method, request.url.path) == ("POST", f"/timers/t-1/{verb}")
    assert script.bodies == [{"requestedBy": "sdk", **body}]
    assert changed.id == "t-1"


def test_who_and_why_and_upon_which_version_go_with_every_change() -> None:
    script = Script([timer()])
    with client_on(script) as client:
        client.timers.pause("t-1", reason="lunch", requested_by="ann", state_version=7, idempotency_key="k-1")
    assert script.bodies == [{"requestedBy": "ann", "reason": "lunch", "stateVersion": 7}]
    assert script.requests[0].headers["idempotency-key"] == "k-1"


@pytest.mark.parametrize("call", [call for call, _, _ in CHANGES.values()], ids=CHANGES.keys())
@pytest.mark.parametrize("failure", [httpx.ReadTimeout("slow"), refusal(503)], ids=["no answer", "503"])
def test_a_change_is_made_again_under_the_same_key(call: Call, failure: httpx.Response | Exception) -> None:
    script = Script([failure, timer()])
    with client_on(script) as client:
        call(client)
    keys = [request.headers["idempotency-key"] for request in script.requests]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert script.bodies[0] == script.bodies[1]


def test_two_calls_are_two_changes() -> None:
    script = Script([timer(), timer()])
    with client_on(script) as client:
        for _ in range(2):
            client.timers.extend("t-1", "5m")
    first, second = (request.headers["idempotency-key"] for request in script.requests)
    assert first != second


@pytest.mark.parametrize(
    ("status", "error"), [(409, ConflictError), (412, ConflictError), (422, BadRequestError), (400, BadRequestError)]
)
def test_a_change_that_is_refused_is_not_made_again(status: int, error: type[Exception]) -> None:
    script = Script([refusal(status)])
    with client_on(script) as client, pytest.raises(error):
        client.timers.extend("t-1", "5m")
    assert len(script.requests) == 1


def test_a_change_that_fails_for_good_is_given_up() -> None:
    script = Script([refusal(503)] * 3)
    with client_on(script) as client, pytest.raises(ServerError):
        client.timers.fire("t-1")
    assert len(script.requests) == 3


def test_a_heartbeat_needs_no_key_and_is_sent_again() -> None:
    beaten = timer(status="scheduled", heartbeat={"timeoutMs": 30_000, "beats": 4})
    script = Script([httpx.ReadTimeout("slow"), beaten])
    with client_on(script) as client:
        heard = client.timers.heartbeat("t-1")
    assert [request.url.path for request in script.requests] == ["/timers/t-1/heartbeat"] * 2
    assert heard.heartbeat is not None
    assert (heard.heartbeat.timeout_ms, heard.heartbeat.beats) == (30_000, 4)
    assert "idempotency-key" not in script.requests[0].headers


def test_a_heartbeat_timer_with_a_late_policy_is_created_as_such() -> None:
    script = Script([httpx.Response(201, json=timer(latePolicy={"mode": "skip", "afterMs": 5_000}))])
    with client_on(script) as client:
        made = client.timers.create(duration="30s", heartbeat=True, late_policy={"mode": "skip", "afterMs": "5s"})
    assert script.bodies[0] | {"heartbeat": True, "latePolicy": {"mode": "skip", "afterMs": "5s"}} == script.bodies[0]
    assert made.late_policy == LatePolicy(mode="skip", after_ms=5_000)


def test_what_a_paused_timer_has_left_is_read() -> None:
    paused = timer(status="paused", pausedAt="2026-09-21T14:13:20Z", remainingMs=12_000)
    entry = {"event": "paused", "at": "2026-09-21T14:13:20Z", "by": "ann", "note": "lunch"}
    script = Script([paused | {"timeline": [entry]}])
    with client_on(script) as client:
        read = client.timers.get("t-1")
    assert (read.paused_at, read.remaining_ms) == (NOW_MS, 12_000)
    assert (read.timeline[0].by, read.timeline[0].note) == ("ann", "lunch")


def test_an_instant_without_an_offset_and_an_empty_id_are_refused_before_anything_is_sent() -> None:
    script = Script([])
    with client_on(script) as client:
        with pytest.raises(ValueError, match="no offset"):
            client.timers.reschedule("t-1", fire_at=datetime(2030, 1, 1))  # noqa: DTZ001
        for call in (client.timers.pause, client.timers.heartbeat):
            with pytest.raises(ValueError, match="not empty"):
                call("")
    assert script.requests == []
