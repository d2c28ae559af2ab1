"""Settings and retry policies in the client and on the command line: what is sent is what was said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minoots import webhook
from minoots_contract.retry import RetryPolicy
from tests.unit.sdk.fakes import Script, client_on, timer
from tests.unit.sdk.test_cli import run

POLICY = RetryPolicy(max_attempts=4, jitter="full", total_time_limit_ms=90_000)
SETTLED: dict[str, Any] = {"retryPolicy": POLICY.wire(), "version": 3, "updatedAt": "2026-11-22T10:00:00.000Z"}


def test_settings_are_read_and_settled_upon_a_version_if_wanted() -> None:
    script = Script([SETTLED, SETTLED, SETTLED])
    with client_on(script) as client:
        assert client.settings.get().retry_policy == POLICY
        assert client.settings.put(retry_policy=RetryPolicy(max_attempts=4)).version == 3
        client.settings.put(retry_policy={"jitter": "none"}, version=0)
    assert [request.method for request in script.requests] == ["GET", "PUT", "PUT"]
    assert script.bodies == [{"retryPolicy": {"maxAttempts": 4}}, {"retryPolicy": {"jitter": "none"}}]
    assert [request.headers.get("if-match") for request in script.requests] == [None, None, '"0"']


@pytest.mark.parametrize(
    ("bundle", "sent"),
    [
        (webhook("https://example.org/"), None),
        (webhook("https://example.org/", max_attempts=3), {"maxAttempts": 3}),
        (
            webhook("https://example.org/", retry=RetryPolicy(jitter="none", total_time_limit_ms=None)),
            {"jitter": "none", "totalTimeLimitMs": None},
        ),
    ],
)
def test_a_bundle_sends_of_its_policy_what_was_said_so_that_the_tenants_counts_for_the_rest(
    bundle: Any, sent: dict[str, Any] | None
) -> None:
    script = Script([timer()])
    with client_on(script) as client:
        client.timers.create(duration="1s", action_bundle=bundle)
    assert script.bodies[0]["actionBundle"].get("retryPolicy") == sent


def test_the_command_line_shows_settings_and_settles_them() -> None:
    shown = run(["settings", "get"], Script([SETTLED]))
    assert shown.exit_code == 0
    for word in ("4", "full jitter", "1m 30s", "throttled"):
        assert word in shown.stdout
    script = Script([SETTLED])
    done = run(["settings", "set", "--retry", '{"maxAttempts": 4}', "--version", "2", "--json"], script)
    assert json.loads(done.stdout) == SETTLED
    assert (script.bodies, script.requests[0].headers["if-match"]) == ([{"retryPolicy": {"maxAttempts": 4}}], '"2"')
    assert run(["settings", "set", "--retry", "[]"]).exit_code == 2


def test_the_command_line_takes_a_whole_bundle() -> None:
    bundle = {"actions": [{"id": "a", "kind": "webhook", "parameters": {"url": "https://example.org/"}}]}
    script = Script([timer()])
    assert run(["timers", "create", "tea", "--in", "5m", "--bundle", json.dumps(bundle)], script).exit_code == 0
    assert script.bodies[0]["actionBundle"] == bundle
    both = ["timers", "create", "tea", "--in", "5m", "--bundle", "{}", "--webhook", "https://example.org/"]
    assert run(both).exit_code == 2


def test_a_timer_is_shown_with_its_outcome_and_why_an_action_was_given_up() -> None:
    action = {"id": "a", "state": "failed", "deliveryId": "t-1.a", "attempts": [], "givenUp": "its time is over"}
    shown = run(["timers", "get", "t-1"], Script([timer(status="settled", outcome="escalated", actions=[action])]))
    assert "escalated" in shown.stdout
    assert "its time is over" in shown.stdout
