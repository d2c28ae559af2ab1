"""The whole stack under a clock that is set forward: a month in seconds, with nothing passed over."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from minoots_contract.instants import parse_instant
from minoots_local.local_stack import LocalStack
from minoots_local.model.settings import ModelSettings
from minoots_local.settings import LocalSettings
from minoots_local.virtual_clock import VirtualClock
from tests.support.ports import free_port
from tests.support.receiver import Arrival, Receiver, receiver
from tests.support.stack_process import HEADERS, KEYS, StackProcess, webhook_timer

pytestmark = pytest.mark.stack

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
# A stack that is tested beside others may take its time; a minute is what a mistake would cost at least.
SLACK_MS = 20_000


class Stack:
    """A virtual stack in this process, its receiver, and its API."""

    def __init__(self, stack: LocalStack, hook: Receiver) -> None:
        self.stack, self.hook = stack, hook
        self.http = httpx.Client(base_url=stack.url, headers=HEADERS, timeout=120)

    @property
    def now_ms(self) -> float:
        return self.stack.clock.now_ms()

    def create(self, **fields: Any) -> dict[str, Any]:
        answer = self.http.post("/timers", json=webhook_timer(self.hook.url, **fields))
        return dict(answer.raise_for_status().json())

    def get(self, timer: dict[str, Any]) -> dict[str, Any]:
        return dict(self.http.get(f"/timers/{timer['id']}").raise_for_status().json())

    def advance(self, by: str | int) -> dict[str, Any]:
        answer = self.http.post("/local/clock/advance", json={"by": by})
        return dict(answer.raise_for_status().json())


def _started(**settings: Any) -> Iterator[Stack]:
    chosen = LocalSettings(port=0, aws_port=None, virtual_clock=True, api_keys=tuple(KEYS), **settings)
    with LocalStack(chosen) as stack, receiver() as hook:
        running = Stack(stack, hook)
        try:
            yield running
        finally:
            running.http.close()


@pytest.fixture
def prompt() -> Iterator[Stack]:
    yield from _started()


@pytest.fixture
def modelled() -> Iterator[Stack]:
    yield from _started(model=ModelSettings(latencies=True, cold_starts=False, seed=7))


def test_timers_of_a_month_fire_once_each_at_their_time(modelled: Stack) -> None:
    """Far ones through Scheduler's minute and the queue's delays, near ones through the queue, on the model of AWS."""
    durations = ["29d", "14d", "2d", "30h", "61m", "20m", "16m", "15m", "3m", "8s", "2s"]
    timers = [modelled.create(duration=duration) for duration in durations]
    told = modelled.advance("29d1h")
    assert (told["fired"], told["settled"], told["failed"]) == (len(timers), len(timers), 0)
    assert parse_instant(told["now"]) == pytest.approx(modelled.now_ms, abs=SLACK_MS)
    assert len(modelled.hook.arrivals) == len(timers)
    for timer in map(modelled.get, timers):
        [arrival] = [one for one in modelled.hook.arrivals if one.body["timer"]["id"] == timer["id"]]
        assert timer["status"] == "settled"
        assert 0 <= timer["latenessMs"] < SLACK_MS
        assert 0 <= arrival.at_ms - parse_instant(timer["fireAt"]) < SLACK_MS
        assert [entry["event"] for entry in timer["timeline"] if entry["event"] == "fired"] == ["fired"]


def test_a_timer_does_not_fire_before_its_time_has_come(prompt: Stack) -> None:
    timer = prompt.create(duration="30d")
    assert prompt.advance("29d23h59m")["fired"] == 0
    assert prompt.get(timer)["status"] == "armed"
    assert prompt.hook.arrivals == []
    assert prompt.advance("2m")["fired"] == 1


def test_retries_wait_their_hours(prompt: Stack) -> None:
    prompt.hook.answer = lambda _: [500, 503, 200][len(prompt.hook.arrivals) - 1]
    policy = {"maxAttempts": 3, "backoffInitialMs": 6 * HOUR_MS}
    timer = prompt.create(duration="1h", retryPolicy=policy)
    prompt.advance("2d")
    first, second, third = prompt.hook.arrivals
    assert 3 * HOUR_MS <= second.at_ms - first.at_ms < 6 * HOUR_MS + SLACK_MS
    assert 6 * HOUR_MS <= third.at_ms - second.at_ms < 12 * HOUR_MS + SLACK_MS
    assert len({arrival.delivery for arrival in prompt.hook.arrivals}) == 1
    assert prompt.get(timer)["status"] == "settled"


def test_a_timer_that_is_cancelled_on_the_way_never_fires(prompt: Stack) -> None:
    doomed, kept = prompt.create(duration="20d"), prompt.create(duration="20d")
    prompt.advance("10d")
    prompt.http.post(f"/timers/{doomed['id']}/cancel", json={"requestedBy": "test"}).raise_for_status()
    told = prompt.advance("15d")
    assert (told["fired"], told["settled"]) == (1, 1)
    assert [arrival.body["timer"]["id"] for arrival in prompt.hook.arrivals] == [kept["id"]]
    assert prompt.get(doomed)["status"] == "cancelled"


def test_a_wake_up_that_was_lost_is_still_found_by_the_sweep(prompt: Stack) -> None:
    """Sweeps that would find nothing are left out; this one would not."""
    timer = prompt.create(duration="10d")
    prompt.advance("1d")
    scheduler = prompt.stack.client("scheduler")
    [schedule] = scheduler.list_schedules()["Schedules"]
    scheduler.delete_schedule(GroupName=schedule["GroupName"], Name=schedule["Name"])
    prompt.advance("10d")
    found = prompt.get(timer)
    assert found["status"] == "settled"
    assert 30_000 <= found["latenessMs"] < 90_000 + SLACK_MS
    assert [entry["note"] for entry in found["timeline"] if entry["event"] == "repaired"] == ["unfired"]


def test_a_timer_that_is_moved_paused_and_resumed_over_weeks_fires_once_at_its_last_time(modelled: Stack) -> None:
    timer = modelled.create(duration="10d")
    for verb, body, after in (
        ("extend", {"by": "10d"}, "5d"),
        ("pause", {}, "30d"),
        ("resume", {}, "1d"),
        ("snooze", {"duration": "20d"}, "2d"),
        ("reschedule", {"duration": "3d"}, "1d"),
    ):
        changed = modelled.http.post(f"/timers/{timer['id']}/{verb}", json={"requestedBy": "test", **body})
        changed.raise_for_status()
        assert modelled.advance(after)["fired"] == 0
    assert len(modelled.stack.client("scheduler").list_schedules()["Schedules"]) == 1
    assert modelled.advance("3d")["fired"] == 1
    found = modelled.get(timer)
    assert found["fireAt"] == changed.json()["fireAt"]
    assert 0 <= found["latenessMs"] < SLACK_MS
    assert len(modelled.hook.arrivals) == 1


def test_a_heartbeat_timer_of_hours_is_carried_by_a_schedule_a_lap_and_dies_on_time(prompt: Stack) -> None:
    timer = prompt.create(duration="2h", heartbeat=True)
    scheduler = prompt.stack.client("scheduler")
    names = set()
    for beats in range(1, 41):
        assert prompt.advance("20m")["fired"] == 0
        beaten = prompt.http.post(f"/timers/{timer['id']}/heartbeat").raise_for_status().json()
        assert beaten["heartbeat"]["beats"] == beats
        names |= {schedule["Name"] for schedule in scheduler.list_schedules()["Schedules"]}
    # Forty beats in thirteen hours; a lap is as long as the timeout less what lies between two beats, at least.
    assert len(names) <= 9
    assert prompt.advance("3h")["fired"] == 1
    found = prompt.get(timer)
    assert found["fireAt"] == beaten["fireAt"]
    assert 0 <= found["latenessMs"] < SLACK_MS
    assert [entry["event"] for entry in found["timeline"]] == ["created", "armed", "fired", "settled"]
    assert len(prompt.hook.arrivals) == 1
    assert scheduler.list_schedules()["Schedules"] == []


def test_a_slow_receiver_holds_the_clock_up(prompt: Stack) -> None:
    release = threading.Event()

    def slow(arrival: Arrival) -> int:
        if arrival.path == "/slow":
            release.wait(30)
        return 200

    prompt.hook.answer = slow
    body = webhook_timer(f"{prompt.hook.url}/slow", duration="1h")
    prompt.http.post("/timers", json=body).raise_for_status()
    later = prompt.create(duration="1h5s")
    advancing = threading.Thread(target=prompt.advance, args=("1d",), daemon=True)
    advancing.start()
    [arrival] = prompt.hook.wait_for(1)
    held_up_at_ms = prompt.now_ms
    release.set()
    advancing.join(60)
    assert held_up_at_ms - arrival.at_ms < SLACK_MS
    assert prompt.get(later)["status"] == "settled"


def test_what_has_expired_is_gone_when_the_clock_has_passed_it(prompt: Stack) -> None:
    timer = prompt.create(duration="1h")
    prompt.advance("29d")
    assert prompt.get(timer)["status"] == "settled"
    prompt.advance("5d")
    assert prompt.http.get(f"/timers/{timer['id']}").status_code == 404


def test_a_day_without_timers_needs_no_sweep(prompt: Stack) -> None:
    sweep = prompt.stack.functions["KernelSweepFunction"]
    calls: list[Any] = []
    invoke = sweep.invoke
    sweep.invoke = lambda event: (calls.append(event), invoke(event))[1]  # type: ignore[method-assign]
    prompt.advance("1d")
    assert len(calls) <= 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"by": "-1d"}, "write a duration"),
        ({"by": "soon"}, "write a duration"),
        ({"by": 0}, "longer than zero"),
        ({"by": None}, "a duration is text"),
        ({"by": "3000000d"}, "can be advanced up to 9998-12-30"),
        ({"by": "99999999999d"}, "after the year 9999"),
        ({"for": "1d"}, '{"by": "30d"}'),
        (["1d"], '{"by": "30d"}'),
    ],
)
def test_what_is_no_time_that_can_pass_is_said_plainly(prompt: Stack, body: Any, said: str) -> None:
    began_ms = prompt.now_ms
    answer = prompt.http.post("/local/clock/advance", json=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]
    assert prompt.now_ms - began_ms < SLACK_MS


def test_it_tells_its_time(prompt: Stack) -> None:
    assert prompt.http.post("/local/clock/advance", content=b"{").status_code == 400
    prompt.advance("P3D")
    assert parse_instant(prompt.http.get("/local/clock").json()["now"]) == pytest.approx(prompt.now_ms, abs=SLACK_MS)


def test_a_stack_that_stops_ends_the_advance_that_is_under_way() -> None:
    release = threading.Event()
    running = _started()
    stack = next(running)
    stack.hook.answer = lambda _: release.wait(30) and 200
    stack.create(duration="1h")
    answers: list[int] = []

    def advance() -> None:
        answers.append(httpx.post(f"{stack.stack.url}/local/clock/advance", json={"by": "1d"}, timeout=60).status_code)

    advancing = threading.Thread(target=advance, daemon=True)
    advancing.start()
    stack.hook.wait_for(1)
    assert isinstance(stack.stack.clock, VirtualClock)
    stack.stack.clock.stop()
    advancing.join(10)
    release.set()
    running.close()
    assert answers == [503]


# A process of its own, and the command.


@pytest.fixture
def process(tmp_path: Path) -> Iterator[StackProcess]:
    stack = StackProcess(tmp_path / "data", options=("--clock", "virtual"))
    stack.start()
    yield stack
    stack.kill()


def advance(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "minoots_local", "advance", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def now_ms(stack: StackProcess) -> int:
    return parse_instant(httpx.get(f"{stack.url}/local/clock").json()["now"])


def test_timers_and_the_time_outlive_a_kill(process: StackProcess) -> None:
    with receiver() as hook, httpx.Client(base_url=process.url, headers=HEADERS, timeout=20) as client:
        body = webhook_timer(hook.url, duration="20d")
        timer = client.post("/timers", json=body).raise_for_status().json()
        assert advance("12d", "--port", str(process.port)).returncode == 0
        later = client.post("/timers", json={"requestedBy": "t", "duration": "15d"}).raise_for_status().json()
        before_ms = now_ms(process)
        process.kill()
        process.start()
        process.kill()
        process.start()  # once more from the compacted journal
        assert before_ms <= now_ms(process) < before_ms + SLACK_MS
        told = advance("10d", "--url", process.url)
        assert "1 fired, 1 settled" in told.stdout
        found = client.get(f"/timers/{timer['id']}").json()
        assert found["status"] == "settled"
        assert 0 <= found["latenessMs"] < SLACK_MS
        assert len(hook.arrivals) == 1
        assert client.get(f"/timers/{later['id']}").json()["status"] in {"scheduled", "armed"}
        assert "1 fired" in advance("6d", "--url", process.url).stdout


def test_a_real_clock_on_data_of_the_future_says_so(process: StackProcess) -> None:
    assert advance("12d", "--port", str(process.port)).returncode == 0
    process.kill()
    process.options = ()
    process.start()
    assert "--clock virtual goes on from there" in process.log.read_text()
    told = advance("1d", "--port", str(process.port))
    assert told.returncode == 1
    assert "minoots local up --clock virtual" in told.stderr


def test_the_command_says_what_is_wrong(process: StackProcess) -> None:
    for by, said in [("soon", "write a duration"), ("-5d", "write a duration"), ("3000000d", "can be advanced up to")]:
        told = advance(by, "--port", str(process.port))
        assert told.returncode == 1
        assert said in told.stderr
    nobody = advance("1d", "--port", str(free_port()))
    assert nobody.returncode == 1
    assert "No stack answers" in nobody.stderr
