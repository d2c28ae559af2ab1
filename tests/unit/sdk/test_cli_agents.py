"""``minoots commands`` and ``minoots inbox``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from minoots.cli.app import app
from minoots.cli.invocation import Seams
from minoots_contract.instants import format_instant
from tests.unit.sdk.fakes import NOW_MS, HandClock, Script, refusal
from tests.unit.sdk.test_agents import a_command, a_message
from tests.unit.sdk.test_cli import ENV, run

ACKED = {"state": "acknowledged"}
KEPT = {"state": "leased", "until": format_instant(NOW_MS + 60_000)}
GIVEN_BACK = {"state": "returned", "until": format_instant(NOW_MS + 5_000)}


def paths(script: Script) -> list[str]:
    return [request.url.raw_path.decode() for request in script.requests]


def test_a_command_is_put_and_shown() -> None:
    script = Script([a_command(description="wakes somebody")])
    body = '{"do": "page", "severity": "{{ arguments.severity }}"}'
    result = run(["commands", "put", "page-oncall", body, "--description", "wakes somebody"], script)
    assert result.exit_code == 0, result.stderr
    assert script.bodies == [{"body": json.loads(body), "description": "wakes somebody"}]
    for shown in ("page-oncall", "2", "wakes somebody", '"do": "page"'):
        assert shown in result.stdout


def test_a_command_is_put_and_shown_with_the_schema_of_its_arguments() -> None:
    schema = {"properties": {"severity": {"maximum": 5}}}
    script = Script([a_command(argumentsSchema=schema)])
    result = run(["commands", "put", "page-oncall", '"page"', "--schema", json.dumps(schema)], script)
    assert result.exit_code == 0, result.stderr
    assert script.bodies == [{"body": "page", "argumentsSchema": schema}]
    assert '"maximum": 5' in result.stdout
    assert run(["commands", "put", "x", "1", "--schema", "[]"], Script([])).exit_code == 2


def test_a_command_is_read_from_stdin() -> None:
    script = Script([a_command()])
    seams = Seams(transport=httpx.MockTransport(script), clock=HandClock())
    result = CliRunner(env=ENV).invoke(app, ["commands", "put", "greet", "-"], obj=seams, input='"hello"')
    assert result.exit_code == 0, result.stderr
    assert script.bodies == [{"body": "hello"}]


def test_a_command_that_is_no_json_is_sent_nowhere() -> None:
    script = Script([])
    result = run(["commands", "put", "greet", "hello"], script)
    assert (result.exit_code, script.requests) == (2, [])
    assert "not JSON" in result.stderr


def test_commands_are_listed_shown_and_deleted() -> None:
    script = Script(
        [{"commandTemplates": [a_command()]}, a_command(version=1), {"name": "page-oncall", "deleted": True}]
    )
    assert "page-oncall" in run(["commands", "list"], script).stdout
    assert '"do": "page"' in run(["commands", "show", "page-oncall", "--version", "1"], script).stdout
    assert "Deleted page-oncall." in run(["commands", "delete", "page-oncall"], script).stdout
    assert [path.partition("?")[0] for path in paths(script)] == [
        "/command-templates",
        "/command-templates/page-oncall/versions/1",
        "/command-templates/page-oncall",
    ]
    assert run(["commands", "list"], Script([{"commandTemplates": []}])).stdout == "No commands.\n"
    listed = run(["commands", "list", "--json"], Script([{"commandTemplates": [a_command()]}]))
    assert json.loads(listed.stdout) == {"commandTemplates": [a_command()], "more": False}


def test_a_commands_body_cannot_steer_the_terminal() -> None:
    result = run(["commands", "show", "x"], Script([a_command(body="[red]\u202e\x1b[2J")]))
    assert "[red]" in result.stdout
    assert not {"\u202e", "\x1b"} & set(result.stdout)


def test_next_takes_messages_and_shows_what_they_are_answered_by() -> None:
    asking = a_message(1) | {"acknowledgement": {"token": "ack_x", "url": "https://api.test/acknowledgements/ack_x"}}
    script = Script([{"messages": [asking, a_message(2) | {"received": 3}]}])
    result = run(["inbox", "next", "ann", "--wait", "20s", "--max", "2", "--lease", "5m"], script)
    assert result.exit_code == 0, result.stderr
    assert paths(script) == ["/agents/ann/inbox?waitS=20&max=2&leaseS=300"]
    for shown in ("r/1", "t-1_agent", "https://api.test/acknowledgements/ack_x", "r/2", "3 times", '"prompt": "hello"'):
        assert shown in result.stdout


def test_next_says_that_there_is_nothing() -> None:
    script = Script([{"messages": []}, {"messages": []}])
    assert run(["inbox", "next", "ann"], script).stdout == "No messages.\n"
    assert json.loads(run(["inbox", "next", "ann", "--json"], script).stdout) == {"messages": []}
    assert paths(script)[0] == "/agents/ann/inbox?waitS=0&max=1&leaseS=60"


@pytest.mark.parametrize(
    ("arguments", "answer", "path", "says"),
    [
        (["ack", "ann", "r/1"], ACKED, "r%2F1/ack", "acknowledged"),
        (["nack", "ann", "r/1"], GIVEN_BACK, "r%2F1/nack?delayS=0", "returned, until in 5s"),
        (["nack", "ann", "r/1", "--delay", "2m"], GIVEN_BACK, "r%2F1/nack?delayS=120", "returned"),
        (["extend", "ann", "r/1"], KEPT, "r%2F1/extend?leaseS=60", "leased, until in 1m"),
        (["extend", "ann", "r/1", "--lease", "1h"], KEPT, "r%2F1/extend?leaseS=3600", "leased"),
    ],
)
def test_what_becomes_of_a_message_is_said_by_its_receipt(
    arguments: list[str], answer: dict[str, Any], path: str, says: str
) -> None:
    script = Script([answer, answer])
    result = run(["inbox", *arguments], script)
    assert (result.exit_code, paths(script)) == (0, [f"/agents/ann/inbox/{path}"])
    assert says in result.stdout
    assert json.loads(run(["inbox", *arguments, "--json"], script).stdout) == answer


@pytest.mark.parametrize(
    "arguments",
    [
        ["next", "ann", "--lease", "soon"],
        ["next", "ann", "--wait", "1500ms"],
        ["next", "ann", "--max", "11"],
        ["nack", "ann", "r", "--delay", "-5s"],
        ["listen", "ann", "--", "there-is-no-such-program"],
    ],
)
def test_what_cannot_be_meant_is_a_usage_error_and_sends_nothing(arguments: list[str]) -> None:
    script = Script([])
    result = run(["inbox", *arguments], script)
    assert (result.exit_code, script.requests) == (2, [])


def test_a_lost_lease_says_what_happened_and_nothing_of_timers() -> None:
    result = run(["inbox", "ack", "ann", "r"], Script([refusal(409, code="lease-lost")]))
    assert result.exit_code == 1
    assert "minoots inbox next" in result.stderr
    assert "timers" not in result.stderr


class Box:
    """An inbox that hands over what it was given, one message at a time, and then is left by Ctrl-C."""

    def __init__(self, *answers: httpx.Response | Exception | dict[str, Any]) -> None:
        self.answers, self.calls = list(answers), list[str]()
        self.clock = HandClock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request.url.raw_path.decode().removeprefix("/agents/ann/"))
        if not request.url.path.endswith("/inbox"):
            return httpx.Response(200, json=KEPT)
        if not self.answers:
            raise KeyboardInterrupt
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    def listen(self, *arguments: str) -> Result:
        seams = Seams(transport=httpx.MockTransport(self), clock=self.clock)
        return CliRunner(env=ENV).invoke(app, ["inbox", "listen", "ann", *arguments], obj=seams)


FETCH = "inbox?waitS=20&max=1&leaseS=60"


def one(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {"messages": [a_message(number) | changes]}


def program(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "work.py"
    path.write_text(text)
    return ["--", sys.executable, str(path)]


def test_listen_shows_messages_as_they_come_until_it_is_interrupted() -> None:
    box = Box(one(1), {"messages": []}, one(2))
    result = box.listen()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.index("t-1_agent") < result.stdout.index("t-2_agent")
    assert box.calls == [FETCH] * 4
    assert box.clock.sleeps == [1]  # nobody made it wait, so it waits itself


def test_listen_writes_a_line_for_each_message_to_a_machine() -> None:
    lines = Box(one(1), one(2)).listen("--json").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [a_message(1), a_message(2)]


def test_a_program_gets_each_message_and_takes_it_out_by_ending_well(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    text = f"import sys; open({str(kept)!r}, 'a').write(sys.stdin.read())"
    box = Box(one(1), one(2))
    result = box.listen(*program(tmp_path, text))
    assert (result.exit_code, result.stderr) == (0, "")
    assert [json.loads(line) for line in kept.read_text().splitlines()] == [a_message(1), a_message(2)]
    assert box.calls == [FETCH, "inbox/r%2F1/ack", FETCH, "inbox/r%2F2/ack", FETCH]


@pytest.mark.parametrize(("received", "delay"), [(1, 5), (3, 20), (60, 600)])
def test_a_program_that_fails_gives_the_message_back_for_longer_each_time(
    tmp_path: Path, received: int, delay: int
) -> None:
    box = Box(one(received=received))
    result = box.listen(*program(tmp_path, "raise SystemExit(3)"))
    assert result.exit_code == 0
    assert box.calls[1:2] == [f"inbox/r%2F1/nack?delayS={delay}"]
    assert f"ended with 3: t-1_agent is given back for {delay} s" in result.stderr


def test_a_message_is_kept_while_its_program_works(tmp_path: Path) -> None:
    done = tmp_path / "kept-once"
    waiting = f"import pathlib, time\nwhile not pathlib.Path({str(done)!r}).exists(): time.sleep(0.02)"
    box = Box(one())
    answer: Callable[[httpx.Request], httpx.Response] = box.__call__

    def until_kept(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/extend"):
            done.touch()
        return answer(request)

    seams = Seams(transport=httpx.MockTransport(until_kept), clock=box.clock)
    arguments = ["inbox", "listen", "ann", "--lease", "1s", *program(tmp_path, waiting)]
    result = CliRunner(env=ENV).invoke(app, arguments, obj=seams)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "inbox/r%2F1/extend?leaseS=1" in box.calls
    assert box.calls[-2:] == ["inbox/r%2F1/ack", "inbox?waitS=20&max=1&leaseS=1"]


def test_a_message_that_somebody_else_has_by_now_is_let_go(tmp_path: Path) -> None:
    box = Box(one(), one(2))
    answer: Callable[[httpx.Request], httpx.Response] = box.__call__

    def losing(request: httpx.Request) -> httpx.Response:
        lost = request.url.path.endswith("r/1/ack")
        return refusal(409, code="lease-lost") if lost else answer(request)

    seams = Seams(transport=httpx.MockTransport(losing), clock=box.clock)
    result = CliRunner(env=ENV).invoke(app, ["inbox", "listen", "ann", *program(tmp_path, "")], obj=seams)
    assert result.exit_code == 0
    assert "somebody else has it now" in result.stderr
    assert "inbox/r%2F2/ack" in box.calls


def test_who_is_interrupted_at_work_gives_the_message_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("minoots.cli.listening.Worker._finish", interrupted)
    box = Box(one())
    assert box.listen(*program(tmp_path, "import time; time.sleep(60)")).exit_code == 0
    assert box.calls == [FETCH, "inbox/r%2F1/nack?delayS=0"]


def test_listen_outlives_an_api_that_goes_away_for_a_while() -> None:
    away = [httpx.ConnectError("gone")] * 6  # two calls with their retries
    box = Box(one(1), *away, one(2))
    result = box.listen()
    assert result.exit_code == 0
    assert "trying again" in result.stderr
    assert "t-2_agent" in result.stdout


def test_listen_does_not_wait_for_an_api_that_was_never_there_or_that_says_no() -> None:
    assert Box(*[httpx.ConnectError("gone")] * 3).listen().exit_code == 3
    assert Box(one(), refusal(401)).listen().exit_code == 1
