from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from minoots.cli.app import app
from minoots.cli.invocation import Seams
from minoots.client import PermissionDeniedError
from minoots_contract.instants import format_instant
from tests.unit.sdk.fakes import NOW_MS, HandClock, Script, client_on, refusal

ID = "abcdefghijklmnop"


def a_key(**more: Any) -> dict[str, Any]:
    return {
        "id": ID,
        "name": "robot",
        "roles": ["timer.read"],
        "status": "active",
        "createdAt": format_instant(NOW_MS),
        "createdBy": "ada",
        **more,
    }


def a_made_key(**more: Any) -> dict[str, Any]:
    return a_key(key=f"mnt_{ID}_{'s' * 52}", **more)


ME = {
    "subject": "robot",
    "tenantId": "demo",
    "roles": ["timer.read"],
    "tier": "pro",
    "authenticatedBy": "apiKey",
    "keyId": ID,
    "expiresAt": format_instant(NOW_MS + 3_600_000),
}


def test_a_key_is_made_rotated_and_revoked() -> None:
    script = Script([a_made_key(), a_made_key(), {"id": ID, "worksUntil": format_instant(NOW_MS + 60_000)}])
    with client_on(script) as client:
        made = client.keys.create("robot", ["timer.read"], expires_in=timedelta(days=90))
        client.keys.rotate(made.id, overlap="5m", expires_at=datetime(2027, 1, 1, tzinfo=UTC))
        assert client.keys.revoke(made.id).works_until == NOW_MS + 60_000
    assert made.key.startswith(f"mnt_{ID}_")
    assert script.bodies == [
        {"name": "robot", "roles": ["timer.read"], "expiresIn": 90 * 86_400_000},
        {"overlap": "5m", "expiresAt": "2027-01-01T00:00:00+00:00"},
    ]
    assert [(request.method, request.url.path) for request in script.requests] == [
        ("POST", "/keys"),
        ("POST", f"/keys/{ID}/rotate"),
        ("DELETE", f"/keys/{ID}"),
    ]


@pytest.mark.parametrize("make", [lambda keys: keys.create("k", ["timer.read"]), lambda keys: keys.rotate(ID)])
def test_making_a_key_is_not_repeated_when_nobody_knows_whether_it_was_made(make: Any) -> None:
    script = Script([refusal(503), a_made_key()])
    with client_on(script) as client, pytest.raises(Exception, match="503"):
        make(client.keys)
    assert len(script.requests) == 1


def test_keys_are_listed_page_by_page_and_read() -> None:
    script = Script([{"keys": [a_key()], "nextCursor": "c"}, {"keys": [a_key(id="b")]}, a_key()])
    with client_on(script) as client:
        assert [key.id for key in client.keys.list()] == [ID, "b"]
        assert client.keys.get(ID).name == "robot"
        with pytest.raises(ValueError, match="not empty"):
            client.keys.get("")


def test_a_caller_asks_who_it_is() -> None:
    with client_on(Script([ME, refusal(403)])) as client:
        assert client.whoami().tenant_id == "demo"
        with pytest.raises(PermissionDeniedError):
            client.whoami()


def run(*command: str, answer: dict[str, Any] | httpx.Response) -> Any:
    seams = Seams(transport=httpx.MockTransport(Script([answer])), clock=HandClock())
    return CliRunner(env={"MINOOTS_API_KEY": "mnt_test"}).invoke(app, command, obj=seams)


def test_the_command_line_tells_who_one_is() -> None:
    shown = run("whoami", answer=ME).stdout
    assert all(word in shown for word in ("robot", "demo", "pro", "timer.read", ID, "in 1h"))
    assert json.loads(run("whoami", "--json", answer=ME).stdout) == ME
    token = {**ME, "authenticatedBy": "oidc", "issuer": "https://id.example.com"}
    assert "token of https://id.example.com" in run("whoami", answer=token).stdout


def test_the_command_line_makes_a_key_and_shows_it_whole() -> None:
    made = a_made_key(overlapUntil=format_instant(NOW_MS + 60_000))
    shown = run("keys", "create", "robot", "--role", "timer.read", "--expires-in", "90d", answer=made)
    assert f"{made['key']}\n" in shown.stdout
    rotated = run("keys", "rotate", ID, "--overlap", "1m", answer=made)
    assert f"{made['key']}\n" in rotated.stdout
    assert "works until" in rotated.stdout
    assert json.loads(run("keys", "rotate", ID, "--json", answer=made).stdout)["key"] == made["key"]


def test_the_command_line_lists_keys_and_never_their_texts() -> None:
    keys = [a_key(), a_key(id="b", status="expired", expiresAt=format_instant(NOW_MS - 1_000), name="a\x1b[31mb")]
    shown = run("keys", "list", answer={"keys": keys}).stdout
    assert all(word in shown for word in (ID, "robot", "expired", "never"))
    assert "\x1b[31m" not in shown
    assert "No keys." in run("keys", "list", answer={"keys": []}).stdout
    more = run("keys", "list", "--limit", "1", answer={"keys": keys}).stdout
    assert "There are more" in more


def test_the_command_line_revokes_a_key() -> None:
    gone = {"id": ID, "worksUntil": format_instant(NOW_MS + 60_000)}
    assert "in 1m" in run("keys", "revoke", ID, answer=gone).stdout


def test_a_key_does_not_end_twice() -> None:
    for command in (("create", "k", "--role", "timer.read"), ("rotate", ID)):
        result = run(
            "keys", *command, "--expires-in", "1d", "--expires-at", "2027-01-01T00:00:00Z", answer=a_made_key()
        )
        assert result.exit_code == 2
        assert "--expires-in or --expires-at" in result.stderr
