from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
from pydantic import ValidationError

from minoots import agent_prompt, command, workflow_event
from minoots_contract.instants import format_instant
from tests.unit.sdk.fakes import NOW_MS, Script, client_on, timer

QUEUE = "arn:aws:sqs:us-east-1:123456789012:orders"
INBOX = {"adapter": "inbox", "target": "ann"}


def a_message(number: int = 1) -> dict[str, Any]:
    return {
        "receipt": f"r/{number}",
        "deliveryId": f"t-{number}_agent",
        "timerId": f"t-{number}",
        "actionId": "agent",
        "kind": "agent_prompt",
        "firedAt": format_instant(NOW_MS),
        "payload": {"prompt": "hello"},
        "received": 1,
        "leasedUntil": format_instant(NOW_MS + 60_000),
    }


def a_command(**changes: Any) -> dict[str, Any]:
    made = {"name": "page-oncall", "version": 2, "body": {"do": "page"}, "createdAt": format_instant(NOW_MS)}
    return made | changes


@pytest.mark.parametrize(
    ("bundle", "kind", "parameters"),
    [
        (
            workflow_event("queue", QUEUE, payload={"a": 1}),
            "workflow_event",
            {"target": "queue", "arn": QUEUE, "payload": {"a": 1}},
        ),
        (
            workflow_event("bus", detail_type="due", payload={"a": 1}),
            "workflow_event",
            {"target": "bus", "detailType": "due", "detail": {"a": 1}},
        ),
        (agent_prompt("hello", binding=INBOX), "agent_prompt", {"prompt": "hello", "binding": INBOX}),
        (agent_prompt(), "agent_prompt", {}),
        (
            command("restart", {"service": "api"}, version=2),
            "command",
            {"template": "restart", "arguments": {"service": "api"}, "version": 2},
        ),
    ],
)
def test_every_kind_is_one_call_away(bundle: Any, kind: str, parameters: dict[str, Any]) -> None:
    script = Script([timer()])
    with client_on(script) as client:
        client.timers.create(duration="1s", action_bundle=bundle, agent_binding=INBOX)
    (action,) = script.bodies[0]["actionBundle"]["actions"]
    assert (action["kind"], action["parameters"]) == (kind, parameters)
    assert script.bodies[0]["agentBinding"] == INBOX


@pytest.mark.parametrize("make", [lambda: workflow_event("mail"), lambda: command("a b"), lambda: agent_prompt("")])
def test_what_the_contract_does_not_know_is_refused_before_it_is_sent(make: Any) -> None:
    with pytest.raises(ValidationError):
        make()


def test_a_message_is_fetched_and_acknowledged() -> None:
    script = Script([{"messages": [a_message()]}, {"state": "acknowledged"}])
    with client_on(script) as client:
        (message,) = client.inbox("ann").fetch(wait_s=20, limit=1, lease_s=30)
        client.inbox("ann").ack(message)
    assert message.payload == {"prompt": "hello"}
    assert [str(request.url.raw_path.decode()) for request in script.requests] == [
        "/agents/ann/inbox?waitS=20&max=1&leaseS=30",
        "/agents/ann/inbox/r%2F1/ack",
    ]


def test_messages_come_one_after_another_and_silence_is_waited_out() -> None:
    script = Script([{"messages": [a_message(1)]}, {"messages": []}, {"messages": [a_message(2)]}])
    with client_on(script) as client:
        found = [message.timer_id for message in islice(client.inbox("ann").messages(), 2)]
    assert found == ["t-1", "t-2"]
    assert len(script.requests) == 3


def test_a_message_is_given_back_or_kept() -> None:
    returned = {"state": "returned", "until": format_instant(NOW_MS)}
    script = Script([{"messages": [a_message()]}, returned | {"state": "leased"}, returned])
    with client_on(script) as client:
        inbox = client.inbox("ann")
        (message,) = inbox.fetch()
        inbox.extend(message, lease_s=90)
        assert inbox.nack(message, delay_s=5).state == "returned"
    assert [request.url.query.decode() for request in script.requests[1:]] == ["leaseS=90", "delayS=5"]


def test_a_receipt_will_do_for_its_message() -> None:
    answer = {"state": "leased", "until": format_instant(NOW_MS)}
    script = Script([answer, answer, {"state": "acknowledged"}])
    with client_on(script) as client:
        inbox = client.inbox("ann")
        assert inbox.extend("r/1").until == NOW_MS
        inbox.nack("r/1")
        assert inbox.ack("r/1").state == "acknowledged"
        with pytest.raises(ValueError, match="not empty"):
            inbox.ack("")
    assert {request.url.raw_path.decode().split("?")[0].rpartition("/")[0] for request in script.requests} == {
        "/agents/ann/inbox/r%2F1"
    }


def test_command_templates_are_kept_read_listed_and_deleted() -> None:
    stored = {"name": "restart", "version": 2, "body": {"run": "x"}, "createdAt": format_instant(NOW_MS)}
    pages = [{"commandTemplates": [stored], "nextCursor": "c"}, {"commandTemplates": []}]
    script = Script([stored, stored, stored, *pages, {"name": "restart", "deleted": True}])
    with client_on(script) as client:
        templates = client.command_templates
        schema = {"type": "object"}
        assert templates.put("restart", {"run": "x"}, description="again", arguments_schema=schema).version == 2
        assert templates.get("restart").body == {"run": "x"}
        assert templates.get("restart", 1).name == "restart"
        assert [one.name for one in templates.list(page_size=1)] == ["restart"]
        templates.delete("restart")
    assert script.bodies[0] == {"body": {"run": "x"}, "description": "again", "argumentsSchema": {"type": "object"}}
    assert [f"{request.method} {request.url.path}" for request in script.requests] == [
        "PUT /command-templates/restart",
        "GET /command-templates/restart",
        "GET /command-templates/restart/versions/1",
        "GET /command-templates",
        "GET /command-templates",
        "DELETE /command-templates/restart",
    ]


def test_a_name_is_not_empty() -> None:
    with client_on(Script([])) as client:
        with pytest.raises(ValueError, match="not empty"):
            client.inbox("")
        with pytest.raises(ValueError, match="not empty"):
            client.command_templates.get("")
