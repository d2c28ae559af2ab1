"""Destinations through the client and on the command line."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from minoots.client import KEEP, APITimeoutError, ConflictError, NotFoundError
from tests.unit.sdk.fakes import Script, client_on, destination, refusal
from tests.unit.sdk.test_cli import run

URL = "https://sink.test/hooks"
LIMITED = destination(rateLimit={"perSecond": 10, "burst": 20}, maxInFlight=5)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, {}),
        ({"rate_limit": 2.5}, {"rateLimit": {"perSecond": 2.5}}),
        ({"rate_limit": (10, 20)}, {"rateLimit": {"perSecond": 10, "burst": 20}}),
        ({"rate_limit": None, "max_in_flight": None}, {"rateLimit": None, "maxInFlight": None}),
        ({"rate_limit": KEEP, "max_in_flight": 3}, {"maxInFlight": 3}),
        (
            {"auth_headers": {"A": "b"}, "signing_secret": "whsec_x"},
            {"authHeaders": {"A": "b"}, "signingSecret": "whsec_x"},
        ),
        ({"auth_headers": {}}, {"authHeaders": {}}),
    ],
)
def test_what_is_left_out_is_not_sent_and_none_takes_a_limit_away(given: dict[str, Any], sent: dict[str, Any]) -> None:
    script = Script([httpx.Response(201, json=LIMITED)])
    made = client_on(script).destinations.put("billing", URL, **given)
    assert script.bodies == [{"url": URL} | sent]
    assert (script.requests[0].method, script.requests[0].url.path) == ("PUT", "/destinations/billing")
    assert made.rate_limit is not None
    assert (made.rate_limit.per_second, made.rate_limit.burst, made.max_in_flight) == (10, 20, 5)


def test_a_secret_that_the_service_made_is_in_the_reply() -> None:
    script = Script([httpx.Response(201, json=destination(signingSecret="whsec_made"))] * 2)
    client = client_on(script)
    assert client.destinations.put("default").signing_secret == "whsec_made"
    rotated = client.destinations.add_secret("billing", overlap=timedelta(hours=1))
    assert rotated.signing_secret == "whsec_made"
    assert script.bodies == [{}, {"overlap": 3_600_000}]


def test_what_made_a_secret_is_not_sent_twice_by_itself() -> None:
    for call in (lambda client: client.destinations.put("x", URL), lambda client: client.destinations.add_secret("x")):
        script = Script([httpx.ReadTimeout("slow"), destination()])
        with pytest.raises(APITimeoutError):
            call(client_on(script))
        assert len(script.requests) == 1


def test_destinations_are_read_and_listed_page_by_page() -> None:
    pages = [
        {"destinations": [destination("a")], "nextCursor": "next"},
        {"destinations": [destination("b")]},
    ]
    script = Script([destination(), *pages])
    client = client_on(script)
    assert client.destinations.get("billing").signing_secrets[0].id == "ss_1"
    assert [one.name for one in client.destinations.list(page_size=1)] == ["a", "b"]
    assert script.requests[2].url.params["cursor"] == "next"


def test_secrets_are_removed_and_destinations_disabled_enabled_and_deleted() -> None:
    script = Script([destination(), destination(), destination(), destination(), httpx.Response(204)])
    client = client_on(script)
    client.destinations.remove_secret("billing", "ss_1")
    client.destinations.disable("billing", "moving house")
    client.destinations.disable("billing")
    client.destinations.enable("billing")
    client.destinations.delete("a/b")
    assert script.bodies == [{"reason": "moving house"}, {}]
    assert [(one.method, one.url.raw_path.decode()) for one in script.requests] == [
        ("DELETE", "/destinations/billing/secrets/ss_1"),
        ("POST", "/destinations/billing/disable"),
        ("POST", "/destinations/billing/disable"),
        ("POST", "/destinations/billing/enable"),
        ("DELETE", "/destinations/a%2Fb"),
    ]


def test_refusals_are_the_trees_errors_and_empty_names_are_sent_nowhere() -> None:
    script = Script([refusal(404, code="not-found"), refusal(409, code="already-exists")])
    client = client_on(script)
    with pytest.raises(NotFoundError):
        client.destinations.delete("gone")
    with pytest.raises(ConflictError):
        client.destinations.put("billing", URL, signing_secret="whsec_x")
    with pytest.raises(ValueError, match="not empty"):
        client.destinations.get("")
    with pytest.raises(ValueError, match="not empty"):
        client.destinations.remove_secret("billing", "")
    assert len(script.requests) == 2


def test_put_shows_the_destination_and_a_new_secret_once() -> None:
    script = Script([httpx.Response(201, json=LIMITED | {"signingSecret": "whsec_made"})])
    options = ["--url", URL, "--header", "Authorization: Bearer x", "--rate", "10:20", "--max-in-flight", "5"]
    result = run(["destinations", "put", "billing", *options], script)
    assert result.exit_code == 0, result.stderr
    assert script.bodies == [
        {
            "url": URL,
            "authHeaders": {"Authorization": "Bearer x"},
            "rateLimit": {"perSecond": 10, "burst": 20},
            "maxInFlight": 5,
        }
    ]
    for shown in ("billing", URL, "10 a second, 20 at once", "5 under way", "whsec_made", "shown this once", "ss_1"):
        assert shown in result.stdout
    assert "Bearer x" not in result.stdout


def test_put_takes_limits_and_headers_away_when_told_so() -> None:
    script = Script([destination()])
    result = run(
        ["destinations", "put", "b", "--url", URL, "--rate", "none", "--max-in-flight", "none", "--no-headers"], script
    )
    assert result.exit_code == 0, result.stderr
    assert script.bodies == [{"url": URL, "authHeaders": {}, "rateLimit": None, "maxInFlight": None}]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rate", "fast"], "10:20"),
        (["--rate", "10:many"], "whole number"),
        (["--max-in-flight", "some"], "whole number"),
        (["--header", "x"], "name:value"),
        (["--header", "a:b", "--no-headers"], "not both"),
    ],
)
def test_a_put_that_cannot_be_meant_is_a_usage_error_and_sends_nothing(options: list[str], said: str) -> None:
    script = Script([])
    result = run(["destinations", "put", "b", *options], script)
    assert result.exit_code == 2
    assert said in result.stderr
    assert script.requests == []


def test_list_and_get_show_status_and_limits() -> None:
    gone = destination(
        "old", status="disabled", disabledReason="it answered 410", disabledAt="2026-11-22T10:00:00.000Z"
    )
    listed = run(["destinations", "list"], Script([{"destinations": [LIMITED, gone]}]))
    for shown in ("billing", "enabled", "10 a second", "old", "disabled"):
        assert shown in listed.stdout
    assert "it answered 410" in run(["destinations", "get", "old"], Script([gone])).stdout
    empty = run(["destinations", "list"], Script([{"destinations": []}]))
    assert empty.stdout.strip() == "No destinations."


def test_machines_get_the_wires_own_documents() -> None:
    listed = run(["destinations", "list", "--json"], Script([{"destinations": [LIMITED]}]))
    assert json.loads(listed.stdout) == {"destinations": [LIMITED], "more": False}
    deleted = run(["destinations", "delete", "billing", "--json"], Script([httpx.Response(204)]))
    assert json.loads(deleted.stdout) == {"name": "billing", "deleted": True}


def test_rotate_revoke_disable_and_enable_do_what_they_say() -> None:
    disabled = destination(status="disabled", disabledReason="by 'ann': moving house")
    script = Script(
        [httpx.Response(201, json=destination(signingSecret="whsec_new")), destination(), disabled, destination()]
    )
    assert "whsec_new" in run(["destinations", "rotate", "billing", "--overlap", "1h"], script).stdout
    assert run(["destinations", "revoke", "billing", "ss_1"], script).exit_code == 0
    assert "moving house" in run(["destinations", "disable", "billing", "--reason", "moving house"], script).stdout
    assert run(["destinations", "enable", "billing"], script).exit_code == 0
    assert script.bodies == [{"overlap": "1h"}, {"reason": "moving house"}]
    assert [one.url.path.rpartition("/destinations/")[2] for one in script.requests] == [
        "billing/secrets",
        "billing/secrets/ss_1",
        "billing/disable",
        "billing/enable",
    ]
