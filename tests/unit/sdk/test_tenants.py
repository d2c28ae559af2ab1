from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from minoots.cli.app import app
from minoots.cli.invocation import Seams
from minoots_contract.instants import format_instant
from tests.unit.sdk.fakes import NOW_MS, HandClock, Script, client_on
from tests.unit.sdk.test_keys import a_made_key
from tests.unit.sdk.test_policies import version

USAGE = {
    "tier": "free",
    "requests": {"used": 12, "limit": 100, "resetsAt": format_instant(NOW_MS + 30_000)},
    "creates": {"used": 3, "limit": 25, "resetsAt": format_instant(NOW_MS + 3_600_000)},
    "activeTimers": {"used": 2, "limit": 100},
    "actions": 5,
    "auditDays": 400,
}


def a_tenant(**more: Any) -> dict[str, Any]:
    return {"id": "acme", "tier": "pro", "status": "active", "createdAt": format_instant(NOW_MS), "version": 1, **more}


SUSPENDED = a_tenant(
    name="Acme", status="suspended", suspendedAt=format_instant(NOW_MS), suspendedReason="The invoice is due."
)


def test_an_operator_keeps_tenants() -> None:
    script = Script([a_tenant()] * 7 + [version(0), a_made_key()])
    with client_on(script) as client:
        client.tenants.create("acme", tier="pro", audit_days=30)
        client.tenants.get("acme")
        client.tenants.change("acme", name="Acme")
        client.tenants.change("acme", audit_days=90)
        client.tenants.change("acme", audit_days="default")
        client.tenants.suspend("acme", "unpaid")
        client.tenants.resume("acme")
        assert not client.tenants.reset_policies("acme").own
        assert client.tenants.create_key("acme", "admin", ["tenant.admin"]).key
        with pytest.raises(ValueError, match="not empty"):
            client.tenants.get("")
    assert [(request.method, request.url.path) for request in script.requests] == [
        ("POST", "/tenants"),
        ("GET", "/tenants/acme"),
        *[("PATCH", "/tenants/acme")] * 3,
        ("POST", "/tenants/acme/suspend"),
        ("POST", "/tenants/acme/resume"),
        ("DELETE", "/tenants/acme/policies"),
        ("POST", "/tenants/acme/keys"),
    ]
    assert script.bodies == [
        {"id": "acme", "tier": "pro", "auditDays": 30},
        {"name": "Acme"},
        {"auditDays": 90},
        {"auditDays": None},
        {"reason": "unpaid"},
        {"name": "admin", "roles": ["tenant.admin"]},
    ]


def test_tenants_are_listed_page_by_page_and_usage_is_told() -> None:
    script = Script([{"tenants": [a_tenant()], "nextCursor": "c"}, {"tenants": [a_tenant(id="b")]}, USAGE])
    with client_on(script) as client:
        assert [tenant.id for tenant in client.tenants.list()] == ["acme", "b"]
        used = client.usage()
    assert used.creates is not None
    assert (used.creates.used, used.creates.limit) == (3, 25)


def run(*command: str, answer: dict[str, Any]) -> Any:
    seams = Seams(transport=httpx.MockTransport(Script([answer])), clock=HandClock())
    return CliRunner(env={"MINOOTS_API_KEY": "mnt_test"}).invoke(app, command, obj=seams)


def test_the_command_line_tells_what_is_used() -> None:
    shown = run("usage", answer=USAGE).stdout
    assert all(
        word in shown for word in ("FREE", "requests a minute", "12", "100", "in 30s", "25", "in 1h", "400 days")
    )
    assert "nothing is limited" in run("usage", answer={"tier": "unlimited"}).stdout
    assert json.loads(run("usage", "--json", answer=USAGE).stdout) == USAGE


@pytest.mark.parametrize(
    "command",
    [
        ("create", "acme", "--tier", "pro"),
        ("get", "acme"),
        ("change", "acme", "--tier", "team"),
        ("suspend", "acme", "--reason", "unpaid"),
        ("resume", "acme"),
    ],
)
def test_the_command_line_shows_the_tenant(command: tuple[str, ...]) -> None:
    shown = run("tenants", *command, answer=SUSPENDED)
    assert shown.exit_code == 0
    assert all(word in shown.stdout for word in ("acme", "pro", "suspended", "The invoice is due."))


def test_the_command_line_lists_tenants_and_makes_their_keys() -> None:
    shown = run("tenants", "list", answer={"tenants": [a_tenant(), SUSPENDED]}).stdout
    assert all(word in shown for word in ("active", "suspended", "The invoice is due."))
    assert "No tenants." in run("tenants", "list", answer={"tenants": []}).stdout
    assert "There are more" in run("tenants", "list", "--limit", "1", answer={"tenants": [a_tenant()] * 2}).stdout
    made = run("tenants", "key", "acme", "admin", "--role", "tenant.admin", answer=a_made_key())
    assert f"{a_made_key()['key']}\n" in made.stdout


def test_a_change_of_nothing_is_not_sent() -> None:
    result = run("tenants", "change", "acme", answer=a_tenant())
    assert result.exit_code == 2
    assert "--tier or --name" in result.stderr


@pytest.mark.parametrize(("written", "sent"), [("30", 30), ("default", None)])
def test_the_command_line_says_how_long_a_tenants_audit_is_kept(written: str, sent: int | None) -> None:
    script = Script([a_tenant(auditDays=30)])
    seams = Seams(transport=httpx.MockTransport(script), clock=HandClock())
    command = ("tenants", "change", "acme", "--audit-days", written)
    shown = CliRunner(env={"MINOOTS_API_KEY": "mnt_test"}).invoke(app, command, obj=seams)
    assert shown.exit_code == 0
    assert script.bodies == [{"auditDays": sent}]
    assert "30 days" in shown.stdout
    refused = run("tenants", "change", "acme", "--audit-days", "a week", answer=a_tenant())
    assert refused.exit_code == 2


def test_the_command_line_resets_a_tenants_policies() -> None:
    shown = run("tenants", "reset-policies", "acme", answer=version(0, version=7))
    assert shown.exit_code == 0
    assert "version 7" in shown.stdout
    assert json.loads(run("tenants", "reset-policies", "acme", "--json", answer=version(0)).stdout) == version(0)
