"""What is changed upon the version that was read, by client and command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from minoots.client import APIStatusError, Client
from minoots_contract.instants import format_instant
from tests.unit.sdk.fakes import NOW_MS, Script, client_on, destination, refusal
from tests.unit.sdk.test_cli import run
from tests.unit.sdk.test_tenants import a_tenant

TEMPLATE = {"name": "brew", "version": 3, "body": "brew", "createdAt": format_instant(NOW_MS)}
Change = Callable[[Client, int | None], Any]

CHANGES: dict[str, tuple[dict[str, Any], Change, list[str]]] = {
    "a destination": (
        destination(),
        lambda client, version: client.destinations.put("billing", "https://sink.test", if_version=version),
        ["destinations", "put", "billing", "--url", "https://sink.test"],
    ),
    "a command template": (
        TEMPLATE,
        lambda client, version: client.command_templates.put("brew", "brew", if_version=version),
        ["commands", "put", "brew", '"brew"'],
    ),
    "a tenant": (
        a_tenant(),
        lambda client, version: client.tenants.change("acme", tier="pro", if_version=version),
        ["tenants", "change", "acme", "--tier", "pro"],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_version_goes_along_as_an_entity_tag_if_there_is_one(name: str) -> None:
    answer, change, arguments = CHANGES[name]
    script = Script([answer] * 4)
    with client_on(script) as client:
        change(client, 0)
        change(client, None)
    for more in (["--if-version", "7"], []):
        assert run([*arguments, *more], script).exit_code == 0
    assert [request.headers.get("if-match") for request in script.requests] == ['"0"', None, '"7"', None]


@pytest.mark.parametrize("name", CHANGES)
def test_it_is_not_tried_again_by_itself_for_the_second_try_would_be_refused(name: str) -> None:
    _, change, _ = CHANGES[name]
    script = Script([refusal(503)])
    with client_on(script) as client, pytest.raises(APIStatusError):
        change(client, 1)
    assert len(script.requests) == 1
