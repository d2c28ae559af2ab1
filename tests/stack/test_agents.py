"""Agents over sockets: the real template and handlers, an agent that is called, one that asks, and one behind MCP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks

from minoots import BadRequestError, Client, agent_prompt, command
from minoots_contract.timers import TimerReply
from tests.stack.test_destinations import verdicts
from tests.support.receiver import Receiver, receiver
from tests.support.stack_process import StackProcess, stack_process
from tests.unit.adapters.agents.mcp_servers import Official, serving

pytestmark = pytest.mark.stack


@pytest.fixture
def client(stack: StackProcess) -> Iterator[Client]:
    with Client(stack.url, "mnt_example", timeout=40) as made:
        yield made


@pytest.fixture
def agent() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def settled(client: Client, **timer: Any) -> TimerReply:
    created = client.timers.create(duration=1, **timer)
    ended = client.timers.wait(created.id, timeout_s=30)
    assert ended.status == "settled", ended.failure_reason
    return ended


def test_an_agent_is_called_with_its_template_filled_in(client: Client, agent: Receiver) -> None:
    binding = {"adapter": "custom", "target": agent.url, "payloadTemplate": {"n": "{{ timer.metadata.n }}"}}
    timer = settled(client, agent_binding=binding, metadata={"n": 7})
    (arrival,) = agent.wait_for(1)
    assert arrival.body == {"n": 7}
    assert arrival.delivery == f"{timer.id}_agent"
    assert timer.actions is not None
    assert timer.actions[0].attempts[0].status_code == 200


def test_an_agent_behind_a_destination_is_sent_what_every_verifier_accepts(client: Client, agent: Receiver) -> None:
    made = client.destinations.put("agents", agent.url, auth_headers={"Authorization": "Bearer t0ken"})
    for adapter in ("custom", "autogen", "langchain"):
        settled(client, agent_binding={"adapter": adapter, "destination": "agents"}, metadata={"who": "Zo\u00eb"})
    for arrival in agent.wait_for(3):
        assert arrival.headers["authorization"] == "Bearer t0ken"
        assert verdicts(str(made.signing_secret), arrival) == [True] * 3
    assert [arrival.path for arrival in agent.arrivals] == ["/", "/", "/invoke"]


def test_every_message_to_an_mcp_server_behind_a_destination_is_signed(client: Client) -> None:
    official, seen = Official(), []

    async def verifying(scope: Any, receive: Any, send: Any) -> None:
        """A gate before the SDK's server, as its owner would write it: what is not signed does not get in."""
        if scope["type"] != "http":
            await inner(scope, receive, send)
            return
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        standardwebhooks.Webhook(secret).verify(body, headers, json_parse=False)
        seen.append((scope["method"], headers["webhook-id"], headers["authorization"]))
        await inner(scope, replayed(body, receive), send)

    def replayed(body: bytes, receive: Any) -> Any:
        parts = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def again() -> Any:
            return next(parts, None) or await receive()

        return again

    inner = official.app()
    with serving(verifying) as url:
        made = client.destinations.put("tools", url, auth_headers={"Authorization": "Bearer t0ken"})
        secret = str(made.signing_secret)
        template = {"ticket": "{{ timer.metadata.n }}"}
        timer = settled(
            client,
            agent_binding={"adapter": "mcp", "destination": "tools", "payloadTemplate": template},
            metadata={"n": 7},
        )
    assert official.calls == [{"tool": "agent_prompt", "ticket": 7}]
    call = f"{timer.id}_agent"
    assert seen == [
        (method, identity, "Bearer t0ken")
        for method, identity in (
            ("POST", f"{call}/initialize"),
            ("POST", f"{call}/notifications/initialized"),
            ("POST", call),
            ("DELETE", f"{call}/end"),
        )
    ]


def test_a_tool_of_an_mcp_server_is_called(client: Client) -> None:
    official = Official()
    with serving(official.app()) as url:
        binding = {"adapter": "mcp", "target": url, "payloadTemplate": {"ticket": "{{ timer.metadata.n }}"}}
        settled(client, agent_binding=binding, metadata={"n": 7})
    assert official.calls == [{"tool": "agent_prompt", "ticket": 7}]


def test_an_agent_that_waits_gets_its_command_and_acknowledges_it(client: Client) -> None:
    client.command_templates.put("greet", {"say": "{{ arguments.what }}", "to": "{{ timer.name }}"})
    inbox = client.inbox("ann")
    found: list[Any] = []
    waiting = threading.Thread(target=lambda: found.extend(inbox.fetch(wait_s=20)))
    waiting.start()
    settled(
        client,
        name="tea",
        action_bundle=command("greet", {"what": "hello"}),
        agent_binding={"adapter": "inbox", "target": "ann"},
    )
    waiting.join()
    (message,) = found
    assert message.payload["command"] == {"say": "hello", "to": "tea"}
    inbox.extend(message)
    inbox.ack(message)
    assert inbox.fetch() == []


def test_arguments_are_held_to_the_schema_that_a_command_was_stored_with(client: Client) -> None:
    schema = {"properties": {"severity": {"type": "integer", "maximum": 5}}, "required": ["severity"]}
    client.command_templates.put("page", {"severity": "{{ arguments.severity }}"}, arguments_schema=schema)
    binding = {"adapter": "inbox", "target": "oncall"}
    settled(client, action_bundle=command("page", {"severity": 5}), agent_binding=binding)
    with pytest.raises(BadRequestError) as refused:
        client.timers.create(duration=1, action_bundle=command("page", {"severity": 6}), agent_binding=binding)
    assert (refused.value.status_code, refused.value.problem.code) == (422, "invalid-arguments")
    (message,) = client.inbox("oncall").fetch()
    assert message.payload["command"] == {"severity": 5}


def test_a_message_outlives_the_stack(tmp_path: Path) -> None:
    with stack_process(tmp_path / "data") as running:
        with Client(running.url, "mnt_example") as client:
            binding = {"adapter": "inbox", "target": "ann"}
            settled(client, action_bundle=agent_prompt("hello", binding=binding))
        running.kill()
        running.start()
        with Client(running.url, "mnt_example") as client:
            (message,) = client.inbox("ann").fetch(wait_s=5)
    assert message.payload["prompt"] == "hello"
