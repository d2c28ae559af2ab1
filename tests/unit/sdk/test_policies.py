from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from minoots.cli.app import app
from minoots.cli.invocation import Seams
from minoots.client import BadRequestError, ConflictError
from minoots_contract.instants import format_instant
from tests.unit.sdk.fakes import NOW_MS, HandClock, Script, client_on, refusal

TEXT = '@id("all") permit (principal, action, resource);\n'


def version(number: int = 1, **more: Any) -> dict[str, Any]:
    made = {"createdAt": format_instant(NOW_MS), "createdBy": "ada"} if number else {}
    return {"version": number, "own": bool(number), "policies": TEXT, **made, **more}


def in_force(number: int = 1, **more: Any) -> dict[str, Any]:
    return version(number, cedarSchema="entity Tenant;", **more)


SAID = {"decision": "deny", "policies": ["frozen", "night"], "errors": ["oh [red]no"]}


def test_policies_are_read_put_restored_and_deleted() -> None:
    script = Script([in_force(0), in_force(1), in_force(2), in_force(3, own=False)])
    with client_on(script) as client:
        assert client.policies.get().cedar_schema == "entity Tenant;"
        assert client.policies.put(TEXT, if_version=0, force=True).version == 1
        assert client.policies.restore(1).version == 2
        assert not client.policies.delete(if_version=2).own
    assert script.bodies == [{"policies": TEXT, "force": True}, {"restoreVersion": 1}]
    assert [(one.method, one.headers.get("if-match")) for one in script.requests] == [
        ("GET", None),
        ("PUT", '"0"'),
        ("PUT", None),
        ("DELETE", '"2"'),
    ]


def test_versions_are_listed_page_by_page_and_read() -> None:
    script = Script([{"versions": [version(2)], "nextCursor": "c"}, {"versions": [version(1)]}, version(1)])
    with client_on(script) as client:
        assert [one.version for one in client.policies.versions(page_size=1)] == [2, 1]
        assert client.policies.version(1).created_by == "ada"


def test_a_question_is_asked_with_what_is_given_and_nothing_else() -> None:
    script = Script([SAID, SAID])
    with client_on(script) as client:
        said = client.policies.test("cancelTimer", subject="robot")
        about = {"type": "Timer", "id": "t", "labels": {"a": "b"}}
        client.policies.test("getTimer", subject="r", roles=["timer.read"], resource=about, ip="::1", policies=TEXT)
    assert (said.decision, said.policies) == ("deny", ["frozen", "night"])
    assert script.bodies[0] == {"principal": {"subject": "robot", "roles": []}, "action": "cancelTimer"}
    assert script.bodies[1]["resource"] == about
    assert (script.bodies[1]["ip"], script.bodies[1]["policies"]) == ("::1", TEXT)


@pytest.mark.parametrize(("status", "error"), [(422, BadRequestError), (412, ConflictError)])
def test_a_refused_text_is_an_error_of_its_sort(status: int, error: type[Exception]) -> None:
    with client_on(Script([refusal(status)])) as client, pytest.raises(error):
        client.policies.put(TEXT)


def run(*command: str, answer: dict[str, Any] | list[Any], stdin: str | None = None) -> Any:
    answers = answer if isinstance(answer, list) else [answer]
    seams = Seams(transport=httpx.MockTransport(Script(answers)), clock=HandClock())
    return CliRunner(env={"MINOOTS_API_KEY": "mnt_test"}).invoke(app, command, obj=seams, input=stdin)


def test_the_command_line_prints_policies_as_they_are() -> None:
    assert run("policies", "show", answer=in_force()).stdout == TEXT
    assert run("policies", "show", "--schema", answer=[in_force(), in_force()]).stdout == "entity Tenant;\n"
    assert json.loads(run("policies", "show", "--version", "1", "--json", answer=version()).stdout)["version"] == 1


def test_the_command_line_puts_a_file_or_what_comes_through_a_pipe(tmp_path: Path) -> None:
    file = tmp_path / "own.cedar"
    file.write_text(TEXT)
    assert "version 7" in run("policies", "put", str(file), "--if-version", "6", answer=in_force(7)).stdout
    assert "version 8" in run("policies", "put", "-", "--force", answer=in_force(8), stdin=TEXT).stdout
    assert run("policies", "put", str(tmp_path / "none"), answer=in_force()).exit_code == 2
    assert "version 9" in run("policies", "restore", "3", answer=in_force(9)).stdout
    assert "Roles decide" in run("policies", "delete", answer=in_force(10, own=False)).stdout


def test_the_command_line_lists_versions() -> None:
    shown = run(
        "policies", "versions", answer={"versions": [version(2, createdBy="a\x1b[31mb"), version(1, own=False)]}
    )
    assert all(word in shown.stdout for word in ("VERSION", "own", "roles decide"))
    assert "\x1b[31m" not in shown.stdout
    assert "roles decide" in run("policies", "versions", answer={"versions": []}).stdout
    more = run("policies", "versions", "--limit", "1", answer={"versions": [version(2), version(1)]})
    assert "There are more" in more.stdout


def test_the_command_line_asks_what_policies_would_say(tmp_path: Path) -> None:
    file = tmp_path / "draft.cedar"
    file.write_text(TEXT)
    command = ("policies", "test", "fireTimer", "--as", "robot", "--role", "timer.manage", "--policies", str(file))
    shown = run(*command, "--resource", '{"type": "Timer"}', "--at", "2026-11-22T03:00:00Z", answer=SAID).stdout
    assert shown.splitlines() == ["deny: by frozen, night", "oh [red]no"]
    nobody = {"decision": "deny", "policies": [], "errors": []}
    assert "no policy allows it" in run("policies", "test", "getTimer", "--as", "eve", answer=nobody).stdout
