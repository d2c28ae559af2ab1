"""Acknowledgements over sockets: MCP servers, an inbox, a webhook, and the state machine that waits beside them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest
from mcp.server.mcpserver import Context, MCPServer

from minoots import Client
from minoots_contract.timers import ActionReply, TimerReply
from tests.support.receiver import receiver
from tests.support.stack_process import StackProcess, free_port
from tests.unit.adapters.agents.test_mcp import serving

pytestmark = pytest.mark.stack

AWS_PORT = free_port()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackProcess]:
    data = tmp_path_factory.mktemp("stack") / "data"
    running = StackProcess(data, options=("--aws-port", str(AWS_PORT)))
    running.start()
    yield running
    running.kill()


@pytest.fixture
def client(stack: StackProcess) -> Iterator[Client]:
    with Client(stack.url, "mnt_example", timeout=40) as made:
        yield made


class Agent:
    """An MCP server of the official SDK, whose tool notes whom it is asked by, and answers by HTTP if it is told to."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.asked: list[dict[str, Any]] = []
        self.replies: list[httpx.Response] = []
        self.changed = threading.Condition()
        self.answers = answers
        self.server = MCPServer("tests", log_level="ERROR")
        self.server.add_tool(self.agent_prompt)

    async def agent_prompt(self, prompt: str, acknowledgement: dict[str, Any], ctx: Context[Any, Any]) -> str:
        """Take a prompt."""
        meta = dict(ctx.request_context.meta or {})
        assert meta["io.minoots/acknowledgement"]["token"] == acknowledgement["token"]
        with self.changed:
            self.asked.append({"prompt": prompt, **acknowledgement})
            self.changed.notify_all()
        for answer in self.answers:
            async with httpx.AsyncClient() as http:
                self.replies.append(await http.post(acknowledgement["url"], json=answer))
        return "noted"


def bound(url: str) -> dict[str, Any]:
    template = {"prompt": "{{ prompt }}", "acknowledgement": "{{ acknowledgement }}"}
    return {"adapter": "mcp", "target": url, "payloadTemplate": template}


def asking(url: str, **required: Any) -> dict[str, Any]:
    """A bundle that asks the agent at a URL."""
    parameters = {"prompt": "look", "binding": bound(url), "requiresAcknowledgement": required or True}
    return {"actions": [{"id": "look", "kind": "agent_prompt", "parameters": parameters}]}


def ended(client: Client, bundle: dict[str, Any], timeout_s: float = 60, **timer: Any) -> TimerReply:
    created = client.timers.create(duration=1, action_bundle=bundle, **timer)
    return client.timers.wait(created.id, timeout_s=timeout_s)


def action_of(timer: TimerReply) -> ActionReply:
    assert timer.actions is not None
    (action,) = timer.actions
    return action


def test_an_mcp_server_is_woken_and_acknowledges(client: Client) -> None:
    agent = Agent({"status": "accepted"}, {"status": "done", "by": "triage", "result": {"closed": True}})
    with serving(agent.server.streamable_http_app()) as url:
        timer = ended(client, asking(url, doneWithinMs=60_000))
    assert timer.status == "settled", timer.failure_reason
    assert [reply.status_code for reply in agent.replies] == [200, 200]
    found = action_of(timer).acknowledgement
    assert found is not None
    assert (found.state, found.acknowledged_by, found.result) == ("settled", "triage", '{"closed":true}')
    assert found.accepted_at is not None
    assert found.done_at is not None
    assert [entry.event for entry in timer.timeline if entry.event == "acknowledged"] == ["acknowledged"] * 2


def history(timer: TimerReply) -> list[str]:
    """What the executions of a timer went through, state by state."""
    machines = boto3.Session("local", "local", region_name="us-east-1").client(
        "stepfunctions", endpoint_url=f"http://127.0.0.1:{AWS_PORT}"
    )
    (machine,) = machines.list_state_machines()["stateMachines"]
    executions = machines.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
    ours = [one for one in executions if one["name"].startswith(timer.id)]
    assert len(ours) == 1, [one["name"] for one in ours]
    events = machines.get_execution_history(executionArn=ours[0]["executionArn"])["events"]
    told = [*(one.get("stateEnteredEventDetails", {}).get("name") or one["type"] for one in events)]
    return [one for one in told if not one.startswith("Task") or one in {"TaskTimedOut", "TaskFailed"}]


def test_silence_is_retried_and_escalated_and_ends_in_a_dead_letter_with_its_story(client: Client) -> None:
    agent, colleague = Agent(), Agent()
    with (
        serving(agent.server.streamable_http_app()) as url,
        serving(colleague.server.streamable_http_app()) as other,
        receiver() as person,
    ):
        chain = [
            {"binding": bound(other), "timeoutMs": 1_000, "maxAttempts": 1},
            {"webhook": {"url": person.url}, "timeoutMs": 1_000, "maxAttempts": 1},
        ]
        timer = ended(client, asking(url, timeoutMs=1_000, maxAttempts=2, escalation=chain))
    assert timer.status == "failed"
    assert (len(agent.asked), len(colleague.asked), len(person.arrivals)) == (2, 1, 1)
    (arrival,) = person.arrivals
    assert arrival.headers["minoots-acknowledgement"] == arrival.body["acknowledgement"]["url"]
    found = action_of(timer).acknowledgement
    assert found is not None
    assert [(ask.receiver, ask.attempts, ask.answer) for ask in found.asked] == [
        (f"mcp {url}", 2, "silent"),
        (f"mcp {other}", 1, "silent"),
        (f"webhook {person.url}", 1, "silent"),
    ]
    (letter,) = [one for one in client.dead_letters.list() if one.timer_id == timer.id]
    assert [attempt.error for attempt in letter.attempts] == [
        f"{receiver}: not acknowledged in time"
        for receiver in (f"mcp {url}", f"mcp {url}", f"mcp {other}", f"webhook {person.url}")
    ]
    states = [one for one in history(timer) if one[0] in "ALDNP" and not one.startswith("Lambda")]
    print(json.dumps(states))
    assert states == [*(["Ask", "Look", "Decide"] * 4), "NobodyAnswered"]
    late = httpx.post(agent.asked[0]["url"], json={"status": "done"})
    assert (late.status_code, late.json()["code"]) == (409, "state-conflict")
