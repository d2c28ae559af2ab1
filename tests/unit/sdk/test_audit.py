from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from minoots import Client, PermissionDeniedError
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


def ndjson(*entries: dict[str, Any], link: str | None = None) -> httpx.Response:
    """A page of an export."""
    text = "".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in entries)
    headers = {"content-type": "application/x-ndjson", **({"link": link} if link else {})}
    return httpx.Response(200, text=text, headers=headers)


def first_page() -> httpx.Response:
    """A page with another to come, and a field that this release does not know."""
    return ndjson(an_entry(), an_entry(colour="red"), link='<?action=cancelTimer&cursor=a%2Bb>; rel="next"')


def test_an_export_is_line_by_line_what_the_service_wrote_page_after_page() -> None:
    script = Script([first_page(), ndjson(an_entry(userAgent="a\u2028b"))])
    with Client("https://api.example.com/prod", "mnt_test", transport=httpx.MockTransport(script)) as client:
        lines = list(client.audit.export(action="cancelTimer", since="2026-11-01T00:00:00Z"))
    assert [json.loads(line) for line in lines] == [an_entry(), an_entry(colour="red"), an_entry(userAgent="a\u2028b")]
    assert [request.url.path for request in script.requests] == ["/prod/audit:export"] * 2
    first, second = (dict(request.url.params) for request in script.requests)
    assert first == {"action": "cancelTimer", "since": "2026-11-01T00:00:00Z"}
    assert second == first | {"cursor": "a+b"}
    assert all("application/x-ndjson" in request.headers["accept"] for request in script.requests)


def test_an_export_that_is_refused_says_so() -> None:
    with client_on(Script([httpx.Response(403, json={})])) as client, pytest.raises(PermissionDeniedError):
        list(client.audit.export())


def test_the_command_line_exports_an_entry_a_line() -> None:
    answers = [first_page(), ndjson(an_entry(id="é")), ndjson()]
    lines = run("audit", "export", "--action", "cancelTimer", answers=answers).stdout.splitlines()
    assert [json.loads(line) for line in lines] == [an_entry(), an_entry(colour="red"), an_entry(id="é")]


@pytest.mark.parametrize("option", ["--since", "--until"])
def test_an_instant_that_is_none_is_refused_before_anything_is_asked(option: str) -> None:
    assert run("audit", "list", option, "yesterday", answers=[]).exit_code == 2
