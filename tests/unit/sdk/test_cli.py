from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import typer
from typer.testing import CliRunner, Result

from minoots import __version__
from minoots.cli import main
from minoots.cli.app import app
from minoots.cli.invocation import Seams
from minoots.cli.timers import Status
from minoots_contract.timers import TIMER_STATUSES
from tests.unit.sdk.fakes import HandClock, Handler, Script, dead_letter, problem, refusal, timer

ENV = {"MINOOTS_URL": "http://minoots.test", "MINOOTS_API_KEY": "mnt_test", "COLUMNS": "160"}


def run(arguments: list[str], handler: Handler | None = None, *, env: dict[str, str | None] | None = None) -> Result:
    transport = httpx.MockTransport(handler or Script([]))
    seams = Seams(transport=transport, clock=HandClock())
    return CliRunner(env={**ENV, **(env or {})}).invoke(app, arguments, obj=seams)


def test_version_is_the_distributions() -> None:
    assert version("minoots") == __version__
    assert run(["version"]).stdout == f"minoots {__version__}\n"
    assert json.loads(run(["version", "--json"]).stdout) == {"version": __version__}


def test_statuses_are_the_contracts() -> None:
    assert tuple(Status) == TIMER_STATUSES


def test_create_in_a_duration_shows_the_timer() -> None:
    script = Script([httpx.Response(201, json=timer("t-1", labels={"team": "a"}, metadata={"note": "beans"}))])
    result = run(
        ["timers", "create", "coffee-break", "--in", "30s", "--label", "team=a", "--metadata", '{"note":"beans"}'],
        script,
    )
    assert result.exit_code == 0, result.stderr
    assert script.bodies == [
        {
            "requestedBy": "cli",
            "name": "coffee-break",
            "duration": "30s",
            "labels": {"team": "a"},
            "metadata": {"note": "beans"},
        }
    ]
    for shown in ("t-1", "name of t-1", "armed", "in 30s", "team=a", '{"note": "beans"}'):
        assert shown in result.stdout
    assert result.stderr == ""


def test_create_at_an_instant_with_a_webhook_sends_its_action() -> None:
    script = Script([httpx.Response(201, json=timer())])
    options = ["--webhook", "https://sink.test/a:b", "--method", "put", "--header", "X-One: 1:2", "--header", "X-Two:2"]
    result = run(
        ["timers", "create", "x", "--at", "2026-12-01T09:00:00Z", *options, "--body", "[1]", "--max-attempts", "4"],
        script,
    )
    assert result.exit_code == 0, result.stderr
    assert script.bodies[0]["fireAt"] == "2026-12-01T09:00:00Z"
    assert script.bodies[0]["actionBundle"] == {
        "actions": [
            {
                "id": "webhook",
                "kind": "webhook",
                "parameters": {
                    "url": "https://sink.test/a:b",
                    "method": "PUT",
                    "headers": {"X-One": "1:2", "X-Two": "2"},
                    "body": [1],
                },
            }
        ],
        "retryPolicy": {"maxAttempts": 4},
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--in or --at"),
        (["--in", "1s", "--at", "2026-12-01T09:00:00Z"], "--in or --at"),
        (["--in", "soon"], "90s"),
        (["--at", "tomorrow"], "RFC 3339"),
        (["--at", "2026-12-01T09:00:00"], "no offset"),
        (["--in", "1s", "--label", "team"], "name=value"),
        (["--in", "1s", "--label", "a=1", "--label", "a=2"], "twice"),
        (["--in", "1s", "--metadata", "[1]"], "no object"),
        (["--in", "1s", "--webhook", "http://x", "--body", "hello"], "not JSON"),
        (["--in", "1s", "--webhook", "http://x", "--header", "nothing"], "name:value"),
        (["--in", "1s", "--body", "1", "--method", "PUT"], "needs --webhook"),
        (["--in", "1s", "--webhook", "http://x", "--max-attempts", "0"], "max-attempts"),
    ],
)
def test_a_create_that_cannot_be_meant_is_a_usage_error_and_sends_nothing(arguments: list[str], said: str) -> None:
    script = Script([])
    result = run(["timers", "create", "x", *arguments], script)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
    assert script.requests == []


def test_json_stands_before_or_after_the_command() -> None:
    for arguments in (["--json", "timers", "get", "t-1"], ["timers", "get", "t-1", "--json"]):
        assert json.loads(run(arguments, Script([timer()])).stdout) == timer()


def test_get_tells_the_whole_story() -> None:
    attempt = dead_letter()["attempts"][0]
    action = {
        "id": "webhook",
        "state": "waiting",
        "deliveryId": "t-1_webhook",
        "attempts": [attempt],
        "nextAttemptAt": timer(due_in_ms=65_000)["fireAt"],
    }
    bundle = {"actions": [{"id": "webhook", "kind": "webhook", "parameters": {"url": "https://sink.test/hook"}}]}
    fired = {"firedAt": timer(due_in_ms=38)["fireAt"], "latenessMs": 38}
    result = run(
        ["timers", "get", "t-1"],
        Script([timer(status="fired", due_in_ms=0, actions=[action], actionBundle=bundle, **fired)]),
    )
    assert result.exit_code == 0, result.stderr
    for shown in ("38 ms late", "https://sink.test/hook", "failed HTTP 500", "next in 1m 5s", "t-1_webhook", "created"):
        assert shown in result.stdout


def test_list_shows_the_newest_with_relative_due_times_and_says_that_there_are_more() -> None:
    script = Script([{"timers": [timer("t-3"), timer("t-2", due_in_ms=-180_000)], "nextCursor": "c"}, {"timers": []}])
    result = run(["timers", "list", "--limit", "2", "--status", "armed", "--status", "fired"], script)
    assert "in 30s" in result.stdout
    assert "3m ago" in result.stdout
    assert "There are more" not in result.stdout
    assert script.requests[0].url.query == b"status=armed&status=fired&limit=3"
    full = run(["timers", "list", "--limit", "1"], Script([{"timers": [timer("t-3"), timer("t-2")]}]))
    assert "t-2" not in full.stdout
    assert "There are more" in full.stdout


def test_list_all_goes_through_every_page() -> None:
    pages: list[dict[str, Any]] = [{"timers": [timer("t-3")], "nextCursor": "c"}, {"timers": [timer("t-2")]}]
    document = json.loads(run(["timers", "list", "--all", "--json"], Script(pages)).stdout)
    assert [entry["id"] for entry in document["timers"]] == ["t-3", "t-2"]
    assert document["more"] is False


def test_an_empty_listing_says_so() -> None:
    assert run(["timers", "list"], Script([{"timers": []}])).stdout == "No timers.\n"
    assert run(["dead-letters", "list"], Script([{"deadLetters": []}])).stdout == "No dead letters.\n"


def test_a_status_that_does_not_exist_is_a_usage_error() -> None:
    result = run(["timers", "list", "--status", "sleeping"])
    assert result.exit_code == 2
    assert "scheduled" in result.stderr


def test_cancel_sends_the_reason() -> None:
    script = Script([timer(status="cancelled", cancelReason="tea instead")])
    result = run(["timers", "cancel", "t-1", "--reason", "tea instead"], script)
    assert script.bodies == [{"requestedBy": "cli", "reason": "tea instead"}]
    assert "tea instead" in result.stdout


def test_dead_letters_are_listed() -> None:
    result = run(["dead-letters", "list"], Script([{"deadLetters": [dead_letter("t-7")]}]))
    for shown in ("t-7", "POST https://sink.test/hook", "HTTP 500"):
        assert shown in result.stdout
    document = json.loads(
        run(["dead-letters", "list", "--json"], Script([{"deadLetters": [dead_letter("t-7")]}])).stdout
    )
    assert document == {"deadLetters": [dead_letter("t-7")], "more": False}


def test_a_name_cannot_steer_the_terminal_nor_be_read_as_markup() -> None:
    result = run(["timers", "list"], Script([{"timers": [timer(name="[red]\x1b[2Jboo\u202e")]}]))
    assert "[red]\\x1b[2Jboo\\u202e" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_refusal_names_fields_advice_and_request_id() -> None:
    answer = refusal(400, errors=[{"field": "duration", "message": "too long"}], requestId="req-1")
    result = run(["timers", "create", "x", "--in", "1s"], Script([answer]))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "Error: Some title (400)",
        "  Some detail.",
        "    duration: too long",
        "  Mend what is named above; --help shows how each option is written.",
        "  Request id: req-1",
    ]


@pytest.mark.parametrize(
    ("status", "advice"), [(401, "MINOOTS_API_KEY"), (403, "key"), (404, "timers list"), (409, "timers get")]
)
def test_a_refusal_says_what_to_do(status: int, advice: str) -> None:
    result = run(["timers", "cancel", "t-1"], Script([refusal(status)]))
    assert result.exit_code == 1
    assert advice in result.stderr


@pytest.mark.parametrize(
    ("arguments", "path", "listing"),
    [
        (["destinations", "get", "x"], "/destinations/x", "minoots destinations list"),
        (["commands", "show", "x"], "/command-templates/x/versions/1", "minoots commands list"),
        (["timers", "get", "x"], "/timers/x", "minoots timers list"),
        (["timers", "get", "x"], None, "minoots timers list"),
    ],
)
def test_what_is_not_there_names_the_listing_of_what_is(arguments: list[str], path: str | None, listing: str) -> None:
    more = {} if path is None else {"instance": path}
    assert listing in run(arguments, Script([refusal(404, **more)])).stderr


def test_a_limit_says_when_to_come_back() -> None:
    result = run(["timers", "list"], Script([refusal(429, headers={"Retry-After": "300"})]))
    assert "Try again in 300 s." in result.stderr


def test_a_refusal_is_the_problem_itself_to_a_machine() -> None:
    result = run(["timers", "get", "t-1", "--json"], Script([refusal(404, code="not-found")]))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert json.loads(result.stderr)["code"] == "not-found"


def refuse_connections(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused", request=request)


def test_an_api_that_does_not_answer_has_its_own_exit_code() -> None:
    result = run(["timers", "list"], refuse_connections)
    assert result.exit_code == 3
    assert "connection refused" in result.stderr
    assert "minoots local up" in result.stderr
    machine = run(["timers", "list", "--json"], refuse_connections)
    assert machine.exit_code == 3
    assert json.loads(machine.stderr)["outcomeUnknown"] is False


def test_a_create_without_an_answer_warns_that_it_may_have_happened() -> None:
    result = run(["timers", "create", "x", "--in", "1s"], Script([httpx.ReadTimeout("slow")] * 3))
    assert result.exit_code == 3
    assert "may have been carried out" in result.stderr


def test_another_service_at_the_url_counts_as_no_minoots() -> None:
    result = run(["timers", "list"], Script([httpx.Response(200, text="<html>")]))
    assert result.exit_code == 3
    assert "is it MINOOTS" in result.stderr


def test_a_missing_key_is_a_usage_error_that_says_where_it_goes() -> None:
    result = run(["timers", "list"], env={"MINOOTS_API_KEY": None})
    assert result.exit_code == 2
    assert "MINOOTS_API_KEY" in result.stderr
    assert "mnt_example" not in result.stderr
    local = run(["timers", "list"], env={"MINOOTS_API_KEY": None, "MINOOTS_URL": None})
    assert "mnt_example" in local.stderr


@pytest.mark.parametrize(
    "arguments", [["--url", "localhost", "timers", "list"], ["--api-key", "a b", "timers", "list"]]
)
def test_global_options_that_cannot_be_right_are_usage_errors(arguments: list[str]) -> None:
    assert run(arguments).exit_code == 2


def test_usage_errors_are_problems_too_for_a_machine() -> None:
    result = run(["timers", "create", "--json"])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert json.loads(result.stderr)["code"] == "usage"


def test_a_defect_is_not_dressed_up_as_a_failure_of_the_api() -> None:
    def defect(request: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError

    assert isinstance(run(["timers", "list"], defect).exception, ZeroDivisionError)


def test_ctrl_c_ends_any_command_with_130_and_no_words() -> None:
    def interrupt(request: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    result = run(["timers", "list"], interrupt)
    assert (result.exit_code, result.output) == (130, "")


def local_stack(exit_code: int = 0) -> Any:
    commands = typer.Typer()

    @commands.command()
    def up(port: int = 4000) -> None:
        typer.echo(f"up on {port}")
        raise typer.Exit(exit_code)

    module = ModuleType("minoots_local.cli")
    module.app = commands  # type: ignore[attr-defined]
    return module


@pytest.mark.parametrize("code", [0, 7])
def test_local_hands_its_arguments_to_the_local_stack(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.setitem(sys.modules, "minoots_local.cli", local_stack(code))
    result = run(["local", "up", "--port", "4567"])
    assert (result.exit_code, result.stdout) == (code, "up on 4567\n")


def test_local_reports_usage_errors_of_the_local_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "minoots_local.cli", local_stack())
    result = run(["local", "up", "--port", "x"])
    assert result.exit_code == 2
    assert "--port" in result.stderr


@pytest.mark.parametrize(("missing", "is_extra"), [("moto", True), ("minoots_local", True), ("minoots_local.x", False)])
def test_local_without_its_extra_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, missing: str, is_extra: bool
) -> None:
    def import_module(name: str) -> None:
        raise ModuleNotFoundError(f"No module named '{missing}'", name=missing)

    monkeypatch.setattr("minoots.cli.local.import_module", import_module)
    result = run(["local", "up"])
    assert (result.exit_code == 2 and "minoots[local]" in result.stderr) is is_extra


@pytest.mark.parametrize(("missing", "is_extra"), [("typer", True), ("rich", True), ("minoots.cli.app", False)])
def test_the_command_line_without_its_extra_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, missing: str, is_extra: bool
) -> None:
    def fail() -> None:
        raise ModuleNotFoundError(f"No module named '{missing}'", name=missing)

    monkeypatch.setattr("minoots.cli.app.app", fail)
    with pytest.raises(
        SystemExit if is_extra else ModuleNotFoundError, match=r"minoots\[cli\]" if is_extra else missing
    ):
        main()


def modules_after(statement: str) -> set[str]:
    listing = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def test_the_command_line_loads_nothing_heavy_before_a_command_needs_it() -> None:
    loaded = modules_after("import minoots.cli.app")
    assert "typer" in loaded
    assert not {"httpx", "pydantic", "rich", "minoots.client"} & loaded


def test_a_command_does_not_load_httpxs_own_command_line() -> None:
    build = "from minoots.cli.invocation import Invocation, Seams"
    loaded = modules_after(f"{build}\nInvocation('http://localhost', 'k', True, Seams()).client().close()")
    assert "httpx" in loaded
    assert not {"pygments", "click", "rich"} & loaded


@pytest.mark.parametrize(
    ("arguments", "verb", "body"),
    [
        (["cancel", "t-1", "--reason", "rain"], "cancel", {"reason": "rain"}),
        (["extend", "t-1", "--by", "5m", "--if-version", "3"], "extend", {"by": "5m", "stateVersion": 3}),
        (["reschedule", "t-1", "--in", "2h"], "reschedule", {"duration": "2h"}),
        (
            ["reschedule", "t-1", "--at", "2030-01-01T00:00:00Z", "--late", "skip:5m"],
            "reschedule",
            {"fireAt": "2030-01-01T00:00:00Z", "latePolicy": {"mode": "skip", "afterMs": "5m"}},
        ),
        (["snooze", "t-1", "--for", "10m"], "snooze", {"duration": "10m"}),
        (["pause", "t-1"], "pause", {}),
        (["resume", "t-1"], "resume", {}),
        (["resume", "t-1", "--keep-due-time"], "resume", {"keep": "dueTime"}),
        (["fire", "t-1"], "fire", {}),
    ],
)
def test_a_change_is_sent_and_the_timer_shown(arguments: list[str], verb: str, body: dict[str, Any]) -> None:
    script = Script([timer("t-1", status="scheduled")] * 2)
    result = run(["timers", *arguments], script)
    assert result.exit_code == 0, result.stderr
    assert script.requests[0].url.path == f"/timers/t-1/{verb}"
    assert script.bodies[0] == {"requestedBy": "cli", **body}
    assert "name of t-1" in result.stdout
    assert json.loads(run(["timers", *arguments, "--json"], script).stdout)["id"] == "t-1"


def test_a_heartbeat_is_sent_and_shown() -> None:
    script = Script([timer(heartbeat={"timeoutMs": 30_000, "beats": 4})])
    result = run(["timers", "heartbeat", "t-1"], script)
    assert script.requests[0].url.path == "/timers/t-1/heartbeat"
    assert "within 30s, 4 so far" in result.stdout


def test_a_timer_is_created_with_a_heartbeat_and_a_late_policy() -> None:
    script = Script([httpx.Response(201, json=timer(latePolicy={"mode": "deadLetter", "afterMs": 300_000}))])
    result = run(["timers", "create", "x", "--in", "30s", "--heartbeat", "--late", "deadLetter:5m"], script)
    assert script.bodies[0]["heartbeat"] is True
    assert script.bodies[0]["latePolicy"] == {"mode": "deadLetter", "afterMs": "5m"}
    assert "by more than 5m: deadLetter" in result.stdout


def test_a_paused_timer_shows_what_it_has_left_and_who_paused_it_why() -> None:
    entry = {"event": "paused", "at": "2026-09-21T14:13:20Z", "by": "ann", "note": "[red]lunch"}
    paused = timer(status="paused", pausedAt="2026-09-21T14:13:20Z", remainingMs=252_000, timeline=[entry])
    result = run(["timers", "get", "t-1"], Script([paused]))
    assert "4m 12s left" in result.stdout
    assert "by ann: [red]lunch" in result.stdout
    listed = run(["timers", "list"], Script([{"timers": [paused]}]))
    assert "4m 12s left" in listed.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["extend", "t-1"],
        ["extend", "t-1", "--by", "-5m"],
        ["extend", "t-1", "--by", "soon"],
        ["snooze", "t-1"],
        ["reschedule", "t-1"],
        ["reschedule", "t-1", "--in", "5m", "--at", "2030-01-01T00:00:00Z"],
        ["reschedule", "t-1", "--at", "tomorrow"],
        ["pause", "t-1", "--if-version", "0"],
        ["create", "x", "--in", "5m", "--late", "skip"],
        ["create", "x", "--in", "5m", "--late", "fire:5m"],
        ["create", "x", "--in", "5m", "--late", "skip:soon"],
        ["create", "x", "--in", "5m", "--late", "panic"],
        ["heartbeat"],
    ],
)
def test_a_change_that_cannot_be_understood_is_not_sent(arguments: list[str]) -> None:
    script = Script([])
    result = run(["timers", *arguments], script)
    assert result.exit_code == 2
    assert script.requests == []


def test_a_file_of_timers_is_created_and_what_failed_is_told_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "timers.jsonl"
    file.write_text('{"name": "tea", "duration": "3m"}\n\n{"name": "rent", "fireAt": "2027-01-01T00:00:00Z"}\n')
    refused = problem(400, detail="duration: \x1b[31mno")
    reply = {
        "results": [{"index": 0, "status": 201, "timer": timer()}, {"index": 1, "status": 400, "problem": refused}]
    }
    script = Script([{**reply, "created": 1, "failed": 1}] * 2)
    result = run(["timers", "create-many", str(file)], script)
    assert result.exit_code == 1
    assert "timer 2: duration: \\x1b[31mno" in result.stdout
    assert "1 of 2 timers created" in result.stdout
    sent = script.bodies[0]["timers"]
    assert [one["name"] for one in sent] == ["tea", "rent"]
    assert all(one["idempotencyKey"] and one["requestedBy"] == "cli" for one in sent)
    told = json.loads(run(["timers", "create-many", str(file), "--json"], script).stdout)
    assert told["created"] == 1
    file.write_text('{"colour": "red"}')
    wrong = run(["timers", "create-many", str(file)], script)
    assert (wrong.exit_code, "colour" in wrong.stderr) == (2, True)
