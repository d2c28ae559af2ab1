from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from minoots.cli.app import app
from minoots.cli.invocation import Seams
from minoots_contract.instants import format_instant
from tests.unit.sdk.fakes import NOW_MS, HandClock, Script, client_on


def an_entry(**more: Any) -> dict[str, Any]:
    return {
        "id": "1790000000000-0123456789abcdef",
        "at": format_instant(NOW_MS),
        "caller": {"subject": "robot", "keyId": "abcdefghijklmnop"},
        "action": "cancelTimer",
        "resource": {"type": "Timer", "id": "t-1"},
        "outcome": "allowed",
        "stateVersion": 2,
        "ip": "203.0.113.7",
        "requestId": "r-1",
        **more,
    }


def test_entries_are_listed_page_by_page_with_their_filters() -> None:
    script = Script([{"entries": [an_entry()], "nextCursor": "c"}, {"entries": [an_entry(stateVersion=3)]}])
    with client_on(script) as client:
        since = datetime(2026, 11, 1, tzinfo=UTC)
        found = list(client.audit.list(subject="robot", key_id="k", outcome="allowed", since=since, page_size=1))
    assert [entry.state_version for entry in found] == [2, 3]
    first, second = (dict(request.url.params) for request in script.requests)
    assert first == {
        "subject": "robot",
        "keyId": "k",
        "outcome": "allowed",
        "since": "2026-11-01T00:00:00+00:00",
        "limit": "1",
    }
    assert second == first | {"cursor": "c"}


def run(*command: str, answers: list[Any]) -> Any:
    seams = Seams(transport=httpx.MockTransport(Script(answers)), clock=HandClock())
    return CliRunner(env={"MINOOTS_API_KEY": "mnt_test"}).invoke(app, command, obj=seams)


def test_the_command_line_shows_who_did_what() -> None:
    refused = an_entry(outcome="refused", reason="policies: frozen", count=100, resource={"type": "Tenant"})
    shown = run("audit", "list", answers=[{"entries": [an_entry(), refused]}]).stdout
    words = ("robot", "203.0.113.7", "cancelTimer", "Timer t-1", "allowed", "refused (100 times): policies: frozen")
    assert all(word in shown for word in words)
    assert "Nothing in the audit." in run("audit", "list", answers=[{"entries": []}]).stdout
    more = run("audit", "list", "--limit", "1", answers=[{"entries": [an_entry(), an_entry()]}])
    assert "There are more" in more.stdout
    as_json = run("audit", "list", "--json", answers=[{"entries": [an_entry()]}]).stdout
    assert json.loads(as_json) == {"entries": [an_entry()], "more": False}


def test_a_name_that_would_paint_the_terminal_does_not() -> None:
    entry = an_entry(caller={"subject": "a\x1b[31mb"}, resource={"type": "Key", "id": "[red]x"})
    shown = run("audit", "list", answers=[{"entries": [entry]}]).stdout
    assert "\x1b[31m" not in shown
    assert "[red]x" in shown


def test_an_export_has_an_entry_a_line() -> None:
    pages = [{"entries": [an_entry()], "nextCursor": "c"}, {"entries": [an_entry(id="é")]}]
    lines = run("audit", "export", "--action", "cancelTimer", answers=pages).stdout.splitlines()
    assert [json.loads(line) for line in lines] == [an_entry(), an_entry(id="é")]


@pytest.mark.parametrize("option", ["--since", "--until"])
def test_an_instant_that_is_none_is_refused_before_anything_is_asked(option: str) -> None:
    assert run("audit", "list", option, "yesterday", answers=[]).exit_code == 2
