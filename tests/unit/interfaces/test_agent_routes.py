from __future__ import annotations

from typing import Any

import pytest

from minoots_contract.instants import format_instant
from tests.unit.application.world import wake_up
from tests.unit.domain.builders import NOW_MS
from tests.unit.interfaces.api import OTHER_KEY, Answer, Api


def at(after_ms: int) -> str:
    return format_instant(NOW_MS + after_ms)


def delivered(api: Api, agent: str = "ann", **more: Any) -> str:
    """Have a timer put a message into an inbox; the timer's id."""
    answer = api.post(duration="1s", agentBinding={"adapter": "inbox", "target": agent}, **more)
    assert answer.status == 201
    timer = api.store.timers[-1]
    api.clock.advance_to(timer.fire_at_ms)
    api.fire(wake_up(timer))
    api.run(*api.actions_due())
    return timer.id


def messages(api: Api, agent: str = "ann", **query: str) -> Any:
    answer = api.call("GET", f"/agents/{agent}/inbox", query=query)
    assert answer.status == 200
    return answer.json["messages"]


def use(api: Api, verb: str, receipt: str, *, agent: str = "ann", **request: Any) -> Answer:
    return api.call("POST", f"/agents/{agent}/inbox/{receipt}/{verb}", **request)


def test_an_agent_fetches_its_message_and_acknowledges_it() -> None:
    api = Api()
    timer_id = delivered(api, metadata={"ticket": 7})
    (got,) = messages(api, leaseS="30")
    assert got["deliveryId"] == f"{timer_id}_agent"
    assert (got["timerId"], got["actionId"], got["kind"], got["received"]) == (timer_id, "agent", "agent_prompt", 1)
    assert got["payload"]["timer"]["metadata"] == {"ticket": 7}
    assert (got["firedAt"], got["leasedUntil"]) == (at(1_000), at(31_000))
    assert messages(api) == []
    assert use(api, "ack", got["receipt"]).json == {"state": "acknowledged"}
    assert use(api, "ack", got["receipt"]).json == {"state": "acknowledged"}
    api.clock.advance_to(NOW_MS + 3_600_000)
    assert messages(api) == []


def test_a_message_is_given_back_with_a_delay_and_kept_for_longer() -> None:
    api = Api()
    delivered(api)
    (got,) = messages(api, leaseS="30")
    assert use(api, "extend", got["receipt"], query={"leaseS": "90"}).json == {
        "state": "leased",
        "until": at(91_000),
    }
    assert use(api, "nack", got["receipt"], query={"delayS": "5"}).json["state"] == "returned"
    assert messages(api) == []
    api.clock.advance_to(api.clock.now_ms() + 5_000)
    assert [one["received"] for one in messages(api)] == [2]


@pytest.mark.parametrize("verb", ["ack", "nack", "extend"])
def test_a_lease_that_somebody_else_has_now_is_a_conflict_that_changes_nothing(verb: str) -> None:
    api = Api()
    delivered(api)
    (first,) = messages(api, leaseS="1")
    api.clock.advance_to(api.clock.now_ms() + 1_000)
    (second,) = messages(api)
    answer = use(api, verb, first["receipt"])
    assert (answer.status, answer.json["code"]) == (409, "lease-lost")
    assert messages(api) == []
    assert use(api, "ack", second["receipt"]).status == 200


@pytest.mark.parametrize("verb", ["ack", "nack", "extend"])
@pytest.mark.parametrize("receipt", ["nonsense", "MS4x", "%00", "a" * 500])
def test_what_is_no_receipt_is_a_conflict(verb: str, receipt: str) -> None:
    answer = use(Api(), verb, receipt)
    assert (answer.status, answer.json["code"]) == (409, "lease-lost")


def test_no_tenant_sees_anothers_inbox() -> None:
    api = Api()
    delivered(api)
    assert api.call("GET", "/agents/ann/inbox", key=OTHER_KEY).json == {"messages": []}
    (got,) = messages(api)
    for verb in ("nack", "extend"):
        assert use(api, verb, got["receipt"], key=OTHER_KEY).status == 409
    assert use(api, "ack", got["receipt"], key=OTHER_KEY).status == 200  # nothing of that name is theirs
    assert use(api, "nack", got["receipt"]).status == 200
    assert len(messages(api)) == 1


def test_no_more_than_are_asked_for_come_at_a_time() -> None:
    api = Api()
    for _ in range(3):
        delivered(api)
    assert [len(messages(api, max="2")) for _ in range(3)] == [2, 1, 0]


def test_a_caller_who_waits_gets_nothing_in_the_end() -> None:
    api = Api()
    assert messages(api, waitS="20") == []
    assert api.clock.now_ms() == NOW_MS + 20_000


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"waitS": "21"}, "waitS"),
        ({"waitS": "-1"}, "waitS"),
        ({"waitS": "x"}, "waitS"),
        ({"max": "0"}, "max"),
        ({"max": "11"}, "max"),
        ({"leaseS": "0"}, "leaseS"),
        ({"leaseS": "43201"}, "leaseS"),
        ({"wait": "5"}, "wait"),
    ],
)
def test_a_bad_question_is_named(query: dict[str, str], field: str) -> None:
    answer = Api().call("GET", "/agents/ann/inbox", query=query)
    assert (answer.status, answer.fields) == (400, [field])


@pytest.mark.parametrize("agent", ["a b", "a#b", "-a", "x" * 65, "a:b"])
def test_a_name_that_no_agent_can_have_is_refused(agent: str) -> None:
    assert Api().call("GET", f"/agents/{agent}/inbox").status in {400, 404}


def test_command_templates_are_stored_in_versions() -> None:
    api = Api()
    body = {"run": "restart", "service": "{{ arguments.service }}"}
    for version in (1, 2):
        stored = api.call("PUT", "/command-templates/restart", body={"body": body, "description": f"v{version}"})
        assert (stored.status, stored.json["version"]) == (200, version)
    latest = api.call("GET", "/command-templates/restart").json
    assert latest == {
        "name": "restart",
        "version": 2,
        "body": body,
        "description": "v2",
        "createdAt": at(0),
    }
    assert api.call("GET", "/command-templates/restart/versions/1").json["description"] == "v1"
    assert api.call("GET", "/command-templates").json == {"commandTemplates": [latest]}
    assert api.call("GET", "/command-templates", key=OTHER_KEY).json == {"commandTemplates": []}


def test_a_deleted_command_template_is_not_found_any_more() -> None:
    api = Api()
    api.call("PUT", "/command-templates/restart", body={"body": "x"})
    assert api.call("DELETE", "/command-templates/restart", key=OTHER_KEY).status == 404
    assert api.call("DELETE", "/command-templates/restart").json == {"name": "restart", "deleted": True}
    for path in ("", "/versions/1"):
        assert api.call("GET", f"/command-templates/restart{path}").status == 404
    assert api.call("DELETE", "/command-templates/restart").status == 404


def test_command_templates_are_listed_in_pages() -> None:
    api = Api()
    for name in ("c", "a", "b"):
        api.call("PUT", f"/command-templates/{name}", body={"body": name})
    first = api.call("GET", "/command-templates", query={"limit": "2"}).json
    second = api.call("GET", "/command-templates", query={"limit": "2", "cursor": first["nextCursor"]}).json
    assert [one["name"] for one in (*first["commandTemplates"], *second["commandTemplates"])] == ["a", "b", "c"]
    assert "nextCursor" not in second


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"body": "{{"}, "body"),
        ({"body": {"a": ["{{ }}"]}}, "body.a[0]"),
        ({"body": "x" * 65_535}, "body"),
        ({"body": "x", "description": ""}, "description"),
        ({"body": "x", "version": 1}, "version"),
    ],
)
def test_a_command_template_that_does_not_fit_is_named_and_not_stored(body: dict[str, Any], field: str) -> None:
    api = Api()
    answer = api.call("PUT", "/command-templates/restart", body=body)
    assert (answer.status, answer.fields) == (400, [field])
    assert api.call("GET", "/command-templates/restart").status == 404


SEVERITY = {"type": "object", "properties": {"severity": {"maximum": 5}}, "required": ["severity"]}


def test_a_command_shows_the_schema_of_its_arguments_and_holds_timers_to_it() -> None:
    api = Api()
    stored = api.call("PUT", "/command-templates/page", body={"body": "page", "argumentsSchema": SEVERITY})
    assert stored.json["argumentsSchema"] == SEVERITY
    assert api.call("GET", "/command-templates/page/versions/1").json == stored.json
    assert api.call("GET", "/command-templates").json == {"commandTemplates": [stored.json]}
    binding = {"adapter": "inbox", "target": "ann"}
    for arguments, status in (({"severity": 5}, 201), ({"severity": 6}, 422), ({}, 422)):
        action = {"id": "a", "kind": "command", "parameters": {"template": "page", "arguments": arguments}}
        answer = api.post(duration="1h", agentBinding=binding, actionBundle={"actions": [action]})
        assert answer.status == status
        if status == 422:
            assert answer.json["code"] == "invalid-arguments"
    assert answer.json["errors"] == [
        {"field": "actionBundle.actions[0].parameters.arguments", "message": '"severity" is a required property'}
    ]


@pytest.mark.parametrize(
    ("schema", "field", "says"),
    [
        (True, "argumentsSchema", "dictionary"),
        ({"type": "nonsense"}, "argumentsSchema.type", "at /type: "),
        (
            {"properties": {"a/b": {"$ref": "https://example.com/"}}},
            "argumentsSchema.properties.a/b.$ref",
            "at /properties/a~1b/$ref: it leads out of the schema",
        ),
        ({"allOf": [{"pattern": "(?!a)"}]}, "argumentsSchema.allOf[0].pattern", "look-around"),
        ({"$comment": "x" * 16_384}, "argumentsSchema", "16384 bytes"),
        ({"allOf": [{}] * 600}, "argumentsSchema", "too much work"),
    ],
)
def test_a_schema_that_cannot_be_used_is_named_and_not_stored(schema: Any, field: str, says: str) -> None:
    api = Api()
    answer = api.call("PUT", "/command-templates/page", body={"body": "x", "argumentsSchema": schema})
    assert (answer.status, answer.fields) == (400, [field])
    assert says in answer.json["errors"][0]["message"]
    assert api.call("GET", "/command-templates/page").status == 404


@pytest.mark.parametrize("path", ["a%20b", "-a", "x" * 65, "restart/versions/0", "restart/versions/x"])
def test_a_name_or_version_that_cannot_be_is_refused(path: str) -> None:
    assert Api().call("GET", f"/command-templates/{path}").status in {400, 404}


def test_a_command_goes_from_its_template_to_the_agent_by_rest_alone() -> None:
    api = Api()
    api.call("PUT", "/command-templates/greet", body={"body": "Say {{ arguments.what }}."})
    action = {"id": "a", "kind": "command", "parameters": {"template": "greet", "arguments": {"what": "hello"}}}
    delivered(api, actionBundle={"actions": [action]})
    (got,) = messages(api)
    assert (got["kind"], got["payload"]["command"]) == ("command", "Say hello.")


def test_a_timer_shows_its_agent() -> None:
    binding = {"adapter": "custom", "target": "https://agent.example/"}
    shown = Api().post(duration="1h", agentBinding=binding).json
    assert shown["agentBinding"]["target"] == "https://agent.example/"
    assert shown["agentBinding"]["acknowledgementTimeoutMs"] == 60_000
    assert shown["actionBundle"]["actions"] == [{"id": "agent", "kind": "agent_prompt", "parameters": {}}]
