from __future__ import annotations

import io
import json
from collections.abc import Callable

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from minoots.cli.app import app
from minoots.cli.invocation import Seams
from minoots.cli.live import Board, follow_on
from minoots.cli.watching import ActiveTimers, NamedTimers, follow
from minoots.client import APIConnectionError, NotFoundError
from tests.unit.sdk.fakes import FakeApi, HandClock, client_on, timer


def watch(clock: HandClock, api: FakeApi, *arguments: str) -> Result:
    env = {"MINOOTS_URL": "http://minoots.test", "MINOOTS_API_KEY": "mnt_test", "COLUMNS": "160"}
    seams = Seams(transport=httpx.MockTransport(api), clock=clock)
    return CliRunner(env=env).invoke(app, ["timers", "watch", *arguments], obj=seams)


def interrupt_after(seconds: float, clock: HandClock) -> Callable[[], None]:
    end_ms = clock.now_ms() + round(seconds * 1000)

    def look_on() -> None:
        if clock.now_ms() >= end_ms:
            raise KeyboardInterrupt

    return look_on


def test_watch_ends_when_all_named_timers_have_and_tells_how_late_they_were() -> None:
    clock = HandClock()
    api = FakeApi(clock, [timer("t-1", due_in_ms=3_000), timer("t-2", due_in_ms=60_000), timer("t-3")])
    result = watch(clock, api, "t-1", "t-2")
    assert result.exit_code == 0, result.stderr
    lines = [line.split("  ") for line in result.stdout.splitlines()]
    assert [(line[1], line[2].strip()) for line in lines] == [
        ("t-1", "armed"),
        ("t-2", "armed"),
        ("t-1", "settled"),
        ("t-2", "settled"),
    ]
    assert all("38 ms late" in line[-1] for line in lines[2:])
    assert all(request.url.path in {"/timers/t-1", "/timers/t-2"} for request in api.requests)


def test_watch_polls_gently() -> None:
    clock = HandClock()
    api = FakeApi(clock, [timer("t-1", due_in_ms=3_600_000)])
    watch(clock, api, "t-1")
    assert len(api.requests) < 3_600 / 30 + 30


def test_watch_answers_a_machine_with_one_document_at_the_end() -> None:
    clock = HandClock()
    api = FakeApi(clock, [timer("t-1", due_in_ms=3_000)])
    document = json.loads(watch(clock, api, "t-1", "--json").stdout)
    assert [(entry["id"], entry["status"], entry["latenessMs"]) for entry in document["timers"]] == [
        ("t-1", "settled", 38)
    ]


def test_watch_of_a_timer_that_does_not_exist_is_refused() -> None:
    clock = HandClock()
    result = watch(clock, FakeApi(clock), "t-404")
    assert result.exit_code == 1
    assert "(404)" in result.stderr


def test_ctrl_c_cuts_a_watch_over_named_timers_short() -> None:
    clock = HandClock()
    clock.on_sleep = interrupt_after(5, clock)
    result = watch(clock, FakeApi(clock, [timer("t-1")]), "t-1")
    assert result.exit_code == 130
    assert result.stderr == ""


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_ctrl_c_ends_a_watch_over_everything_cleanly(arguments: list[str]) -> None:
    clock = HandClock()
    clock.on_sleep = interrupt_after(20, clock)
    api = FakeApi(clock, [timer("t-1", due_in_ms=10_000), timer("t-2"), timer("t-old", status="settled")])
    result = watch(clock, api, *arguments)
    assert result.exit_code == 0
    assert result.stderr == ""
    assert "t-1" in result.stdout
    assert "settled" in result.stdout
    assert "t-old" not in result.stdout


def test_a_watch_over_everything_finds_new_timers_and_follows_each_to_its_end() -> None:
    clock = HandClock()
    api = FakeApi(clock, [timer("t-1", due_in_ms=10_000)])

    def arrive() -> None:
        if clock.now_ms() - clock_start >= 6_000 and "t-2" not in api.timers:
            api.add(timer("t-2", due_in_ms=600_000))
        if clock.now_ms() - clock_start >= 20_000:
            raise KeyboardInterrupt

    clock_start = clock.now_ms()
    clock.on_sleep = arrive
    with client_on(api, clock) as client:
        watched = ActiveTimers(client, clock)
        with pytest.raises(KeyboardInterrupt):
            follow(watched, clock, lambda trouble: None)
    assert [(entry.id, entry.status) for entry in watched.timers] == [("t-1", "settled"), ("t-2", "armed")]
    assert len(api.requests) < 40


def test_a_watch_over_everything_shows_a_hundred_and_no_more() -> None:
    clock = HandClock()
    api = FakeApi(clock, [timer(f"t-{number}", due_in_ms=100_000 + number) for number in range(150)])
    with client_on(api, clock) as client:
        watched = ActiveTimers(client, clock)
        watched.look()
        clock.sleep(6)
        watched.look()
    assert len(watched.timers) == 100


def test_a_watch_outlives_an_api_that_is_away_for_a_while() -> None:
    clock = HandClock()
    api = FakeApi(clock, [timer("t-1", due_in_ms=40_000)])
    start_ms = clock.now_ms()
    told: list[str | None] = []

    def come_and_go() -> None:
        api.down = 10_000 < clock.now_ms() - start_ms < 30_000

    clock.on_sleep = come_and_go
    with client_on(api, clock, max_retries=0) as client:
        watched = NamedTimers(client, clock, ["t-1"])
        follow(watched, clock, told.append)
    assert watched.timers[0].status == "settled"
    assert any(trouble and "connection refused" in trouble for trouble in told)
    assert told[-1] is None


def test_a_watch_gives_up_on_an_api_that_stays_away() -> None:
    clock = HandClock()
    api = FakeApi(clock, [timer("t-1", due_in_ms=40_000)])
    clock.on_sleep = lambda: setattr(api, "down", True)
    with client_on(api, clock, max_retries=0) as client, pytest.raises(APIConnectionError):
        follow(NamedTimers(client, clock, ["t-1"]), clock, lambda trouble: None)
    assert 60 <= sum(clock.sleeps) <= 75


def test_a_watch_does_not_outlive_what_will_not_pass() -> None:
    clock = HandClock()
    api = FakeApi(clock, [timer("t-1")])
    clock.on_sleep = api.timers.clear
    with client_on(api, clock) as client, pytest.raises(NotFoundError):
        follow(NamedTimers(client, clock, ["t-1"]), clock, lambda trouble: None)


def drawn(board: Board) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(board)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_countdowns_run_on_between_looks() -> None:
    clock = HandClock()
    api = FakeApi(clock, [timer("t-1", due_in_ms=30_000)])
    with client_on(api, clock) as client:
        watched = NamedTimers(client, clock, ["t-1"])
        board = Board(watched, clock)
        watched.look()
        assert "in 30.0s" in drawn(board)
        clock.sleep(0.7)
        assert "in 29.3s" in drawn(board)
        clock.sleep(29.3)
        assert "due now" in drawn(board)
        assert len(api.requests) == 1
        watched.look()
        clock.sleep(1)
        watched.look()
        assert "settled" in drawn(board)
        assert "38 ms late" in drawn(board)


def test_the_board_says_what_is_the_matter() -> None:
    clock = HandClock()
    with client_on(FakeApi(clock), clock) as client:
        board = Board(ActiveTimers(client, clock), clock)
    assert "Asking" in drawn(board)
    board.tell(None)
    assert "Ctrl-C" in drawn(board)
    board.tell("connection refused - trying again")
    assert "connection refused - trying again" in drawn(board)


def test_a_terminal_gets_a_live_board_and_its_cursor_back() -> None:
    clock = HandClock()
    terminal = Console(file=io.StringIO(), force_terminal=True, width=120, height=40)
    with client_on(FakeApi(clock, [timer("t-1", due_in_ms=2_000)]), clock) as client:
        follow_on(terminal, NamedTimers(client, clock, ["t-1"]), clock)
    written = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert "38 ms late" in written
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")
