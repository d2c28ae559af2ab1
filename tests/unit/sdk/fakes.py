"""A clock turned by hand and an API in memory, to be put behind the client."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from typing import Any

import httpx

from minoots.client import Client
from minoots_contract.instants import format_instant

NOW_MS = 1_790_000_000_000
URL = "http://minoots.test"

Handler = Callable[[httpx.Request], httpx.Response]


class HandClock:
    """Time passes only while somebody sleeps; a hook may look on, or interrupt."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.time_ms = now_ms
        self.sleeps: list[float] = []
        self.on_sleep: Callable[[], None] = lambda: None

    def now_ms(self) -> int:
        return self.time_ms

    def monotonic_s(self) -> float:
        return self.time_ms / 1000

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.time_ms += math.ceil(round(seconds * 1000, 3)) or int(seconds > 0)  # a tick at least, or loops spin
        self.on_sleep()


def timer(timer_id: str = "t-1", *, status: str = "armed", due_in_ms: int = 30_000, **more: Any) -> dict[str, Any]:
    """A timer as the API writes it; it was made at `NOW_MS`."""
    return {
        "id": timer_id,
        "tenantId": "demo",
        "name": f"name of {timer_id}",
        "status": status,
        "durationMs": due_in_ms,
        "createdAt": format_instant(NOW_MS),
        "fireAt": format_instant(NOW_MS + due_in_ms),
        "requestedBy": "test",
        "metadata": {},
        "labels": {},
        "stateVersion": 1,
        "timeline": [{"event": "created", "at": format_instant(NOW_MS)}],
        **more,
    }


def dead_letter(timer_id: str = "t-1") -> dict[str, Any]:
    attempt = {
        "attempt": 1,
        "startedAt": format_instant(NOW_MS),
        "endedAt": format_instant(NOW_MS + 120),
        "outcome": "failed",
        "statusCode": 500,
        "error": "HTTP 500",
    }
    return {
        "id": f"{timer_id}_webhook",
        "timerId": timer_id,
        "actionId": "webhook",
        "kind": "webhook",
        "state": "dead",
        "request": {"url": "https://sink.test/hook", "method": "POST"},
        "reason": "HTTP 500",
        "attempts": [attempt],
        "deadAt": format_instant(NOW_MS + 120),
        "labels": {},
        "redrives": 0,
    }


def destination(name: str = "billing", **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "url": "https://sink.test/hooks",
        "status": "enabled",
        "authHeaders": ["Authorization"],
        "signingSecrets": [{"id": "ss_1", "createdAt": format_instant(NOW_MS)}],
        "createdAt": format_instant(NOW_MS),
        "updatedAt": format_instant(NOW_MS),
        "version": 1,
    } | changes


def problem(status: int, *, code: str = "some-code", **more: Any) -> dict[str, Any]:
    return {
        "type": f"urn:minoots:problem:{code}",
        "title": "Some title",
        "status": status,
        "detail": "Some detail.",
        "code": code,
        **more,
    }


def refusal(status: int, *, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
    return httpx.Response(status, json=problem(status, **more), headers=headers)


class Script:
    """Answers one request after the other with what it was given, and keeps the requests."""

    def __init__(self, answers: Iterable[httpx.Response | Exception | dict[str, Any]]) -> None:
        self._answers = iter(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(200, json=answer) if isinstance(answer, dict) else answer

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.content) for request in self.requests if request.content]


class FakeApi:
    """A tenant whose timers fire and settle as the clock reaches them."""

    def __init__(self, clock: HandClock, timers: Iterable[dict[str, Any]] = (), *, lateness_ms: int = 38) -> None:
        self._clock = clock
        self._lateness_ms = lateness_ms
        self.timers = {entry["id"]: entry for entry in timers}
        self.due_ms = {entry["id"]: NOW_MS + entry["durationMs"] for entry in self.timers.values()}
        self.requests: list[httpx.Request] = []
        self.down = False

    def add(self, entry: dict[str, Any]) -> None:
        self.timers[entry["id"]] = entry
        self.due_ms[entry["id"]] = NOW_MS + entry["durationMs"]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.down:
            raise httpx.ConnectError("connection refused", request=request)
        self._fire_what_is_due()
        path = request.url.path
        if path == "/timers":
            wanted = request.url.params.get_list("status")
            found = [entry for entry in reversed(self.timers.values()) if not wanted or entry["status"] in wanted]
            return httpx.Response(200, json={"timers": found[: int(request.url.params.get("limit", 50))]})
        entry = self.timers.get(path.removeprefix("/timers/"))
        return httpx.Response(200, json=entry) if entry else refusal(404, code="not-found")

    def _fire_what_is_due(self) -> None:
        for timer_id, entry in self.timers.items():
            fired_ms = self.due_ms[timer_id] + self._lateness_ms
            if entry["status"] == "armed" and fired_ms <= self._clock.now_ms():
                entry |= {"status": "settled", "firedAt": format_instant(fired_ms), "latenessMs": self._lateness_ms}


def client_on(handler: Handler, clock: HandClock | None = None, **options: Any) -> Client:
    return Client(URL, "mnt_test", transport=httpx.MockTransport(handler), clock=clock or HandClock(), **options)
