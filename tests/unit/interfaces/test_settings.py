"""The routes of settings."""

from __future__ import annotations

from minoots_contract.retry import DEFAULT_RETRY_ON
from tests.unit.interfaces.api import OTHER_KEY, Api

DEFAULTS = {
    "maxAttempts": 1,
    "backoffInitialMs": 1000,
    "backoffMultiplier": 2,
    "backoffMaxMs": 86_400_000,
    "jitter": "equal",
    "retryOn": list(DEFAULT_RETRY_ON),
}


def test_settings_are_the_defaults_until_somebody_settles_and_whole_afterwards() -> None:
    api = Api()
    before = api.call("GET", "/settings")
    assert (before.status, before.headers["etag"]) == (200, '"0"')
    assert before.json == {"retryPolicy": DEFAULTS, "version": 0}
    put = api.call("PUT", "/settings", body={"retryPolicy": {"maxAttempts": 4, "totalTimeLimitMs": 9000}})
    assert (put.status, put.headers["etag"]) == (200, '"1"')
    assert put.json["retryPolicy"] == DEFAULTS | {"maxAttempts": 4, "totalTimeLimitMs": 9000}
    assert api.call("GET", "/settings").json == put.json
    assert api.call("GET", "/settings", key=OTHER_KEY).json["version"] == 0


def test_a_timer_shows_what_it_took_from_the_settings() -> None:
    api = Api()
    api.call("PUT", "/settings", body={"retryPolicy": {"maxAttempts": 4, "jitter": "full"}})
    action = {"id": "a", "kind": "webhook", "parameters": {"url": "https://example.org/"}}
    made = api.post(duration="1h", actionBundle={"actions": [action], "retryPolicy": {"maxAttempts": 2}}).json
    policy = made["actionBundle"]["retryPolicy"]
    assert (policy["maxAttempts"], policy["jitter"]) == (2, "full")
    assert "retryPolicy" not in made["actionBundle"]["actions"][0]


def test_settings_are_changed_upon_the_version_that_was_read() -> None:
    api = Api()
    for tag, status in (('"1"', 412), ('"0"', 200), ('"0"', 412), ('"1"', 200), ("*", 200)):
        assert api.call("PUT", "/settings", body={}, headers={"If-Match": tag}).status == status
    assert api.call("PUT", "/settings", body={}, headers={"If-Match": "1"}).fields == ["If-Match"]


def test_settings_that_are_none_are_refused_by_name() -> None:
    api = Api()
    for body, field in (
        ({"retryPolicy": {"maxAttempts": 0}}, "retryPolicy.maxAttempts"),
        ({"retryPolicy": {"retryOn": ["gone"]}}, "retryPolicy.retryOn[0]"),
        ({"colour": "red"}, "colour"),
    ):
        answer = api.call("PUT", "/settings", body=body)
        assert (answer.status, answer.fields) == (400, [field])
