from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import typer
from typer.testing import CliRunner

from minoots.cli.app import app
from minoots.cli.invocation import Seams
from tests.unit.sdk.fakes import HandClock, dead_letter, destination, timer
from tests.unit.sdk.test_agents import a_command, a_message
from tests.unit.sdk.test_audit import an_entry
from tests.unit.sdk.test_keys import ID, ME, a_key, a_made_key
from tests.unit.sdk.test_policies import SAID, in_force, version
from tests.unit.sdk.test_settings import SETTLED
from tests.unit.sdk.test_tenants import USAGE, a_tenant

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "cli.md"
COMMANDS = re.findall(r"^\$ minoots (.+)$", GUIDE.read_text(), flags=re.MULTILINE)

ACKNOWLEDGED = {"timerId": "t-1", "actionId": "look", "step": 0, "status": "done", "state": "settled"}
ANSWERS = {
    "/acknowledgements/ack_WyJkZW1vIl0.c2VjcmV0": ACKNOWLEDGED,
    "/dead-letters": {"deadLetters": [dead_letter()]},
    "/destinations": {"destinations": [destination()]},
    "/whoami": ME,
    "/settings": SETTLED,
    "/audit": {"entries": [an_entry()]},
    "/audit:export": an_entry(),
    "/usage": USAGE,
    "/tenants": a_tenant(),
    "/tenants/acme": a_tenant(),
    "/tenants/acme/keys": a_made_key(),
    "/tenants/acme/suspend": a_tenant(),
    "/tenants/acme/resume": a_tenant(),
    "/tenants/acme/policies": version(),
    "/policies": in_force(),
    "/policies:test": SAID,
    "/policies/versions": {"versions": [version()]},
    "/timers:batch": {"results": [{"index": 0, "status": 201, "timer": timer()}], "created": 1, "failed": 0},
}


def about_agents(request: httpx.Request) -> dict[str, Any]:
    """An inbox that has nothing for those who wait, and commands."""
    if request.url.path == "/agents/ann/inbox":
        return {"messages": [] if request.url.params["waitS"] == "20" else [a_message()]}
    if request.url.path.startswith("/agents/"):
        return {"state": "leased", "until": ME["expiresAt"]}
    if request.url.path == "/command-templates":
        return {"commandTemplates": [a_command()]}
    return {"name": "page-oncall", "deleted": True} if request.method == "DELETE" else a_command()


def answer(request: httpx.Request) -> httpx.Response:
    if request.url.path.startswith(("/agents/", "/command-templates")):
        return httpx.Response(200, json=about_agents(request))
    if request.url.path.startswith(("/dead-letters/", "/dead-letters:")):
        many = {"redriven": 1, "discarded": 1, "skipped": 0, "refused": []}
        return httpx.Response(200, json=many if ":" in request.url.path else dead_letter())
    if request.url.path in ANSWERS:
        return httpx.Response(200, json=ANSWERS[request.url.path])
    if request.url.path.startswith("/keys"):
        revoked = {"id": ID, "worksUntil": ME["expiresAt"]}
        listed = {"keys": [a_key()]} if request.method == "GET" else a_made_key()
        return httpx.Response(200, json=revoked if request.method == "DELETE" else listed)
    if request.url.path.startswith("/destinations/"):
        forgotten = request.method == "DELETE" and "/secrets/" not in request.url.path
        return httpx.Response(204) if forgotten else httpx.Response(200, json=destination())
    listing = request.method == "GET" and request.url.path == "/timers"
    ended = timer(status="settled")
    return httpx.Response(200, json={"timers": [ended]} if listing else ended)


def test_the_guide_has_commands() -> None:
    assert len(COMMANDS) >= 10


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_in_the_guide_does_what_it_is_shown_for(
    command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "timers.jsonl").write_text('{"name": "tea", "duration": "3m"}\n')
    stack = ModuleType("minoots_local.cli")
    stack.app = typer.Typer()  # type: ignore[attr-defined]
    stack.app.command("up")(lambda: None)
    monkeypatch.setitem(sys.modules, "minoots_local.cli", stack)
    clock = HandClock()

    def interrupt() -> None:
        raise KeyboardInterrupt

    clock.on_sleep = interrupt
    seams = Seams(transport=httpx.MockTransport(answer), clock=clock)
    result = CliRunner(env={"MINOOTS_API_KEY": "mnt_example"}).invoke(app, shlex.split(command), obj=seams)
    assert (result.exit_code, result.stderr) == (0, "")
