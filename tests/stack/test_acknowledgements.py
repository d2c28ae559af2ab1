"""Acknowledgements over sockets: MCP servers, an inbox, a webhook, and the state machine that waits beside them."""

from __future__ import annotations

import json
import statistics
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from mcp.server.mcpserver import Context, MCPServer

from minoots import Client, ConflictError, acknowledge
from minoots_contract.timers import ActionReply, TimerReply
from tests.support.ports import free_port
from tests.support.receiver import Arrival, receiver
from tests.support.stack_process import StackProcess
from tests.unit.adapters.agents.mcp_servers import serving

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


def test_a_refusal_goes_to_an_inbox_at_once_and_taking_the_message_out_is_done(client: Client) -> None:
    agent = Agent({"status": "refused", "reason": "not my desk"})
    with serving(agent.server.streamable_http_app()) as url:
        inbox = {"binding": {"adapter": "inbox", "target": "ann"}, "timeoutMs": 60_000}
        created = client.timers.create(duration=1, action_bundle=asking(url, timeoutMs=60_000, escalation=[inbox]))
        (message,) = client.inbox("ann").fetch(wait_s=20)
        assert message.acknowledgement is not None
        assert message.acknowledgement["url"].endswith(message.payload["acknowledgement"]["token"])
        client.inbox("ann").ack(message)
        timer = client.timers.wait(created.id, timeout_s=30)
    found = action_of(timer).acknowledgement
    assert timer.status == "settled", timer.failure_reason
    assert found is not None
    assert [(ask.receiver, ask.answer, ask.reason) for ask in found.asked] == [
        (f"mcp {url}", "refused", "not my desk"),
        ("inbox ann", "done", None),
    ]
    with pytest.raises(ConflictError):
        acknowledge(agent.asked[0]["url"], "done")


def test_waits_outlive_the_stack(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Executions are gone after a kill; what the table says is answered, and given up, all the same."""
    running = StackProcess(tmp_path / "data")
    request.addfinalizer(running.kill)
    with receiver() as agent, receiver() as person:
        running.start()
        escalation = [{"webhook": {"url": person.url}, "timeoutMs": 60_000}]
        bundles = [plain(agent.url, timeoutMs=ms, escalation=escalation) for ms in (60_000, 6_000)]
        with Client(running.url, "mnt_example") as client:
            answered, silent = (client.timers.create(duration=1, action_bundle=bundle) for bundle in bundles)
            urls = {one.delivery: one.headers["minoots-acknowledgement"] for one in agent.wait_for(2)}
            waits = [client.timers.get(one.id) for one in (answered, silent)]
        running.kill()
        assert [one.status for one in waits] == ["fired", "fired"]
        running.start()
        assert acknowledge(urls[f"{answered.id}_look"], "done").state == "settled"
        person.wait_for(1)
        acknowledge(person.arrivals[0].headers["minoots-acknowledgement"], "done", by="a person")
        with Client(running.url, "mnt_example") as client:
            ends = [client.timers.wait(one.id, timeout_s=30) for one in (answered, silent)]
        running.kill()
    assert [one.status for one in ends] == ["settled", "settled"]
    found = action_of(ends[1]).acknowledgement
    assert found is not None
    assert [ask.answer for ask in found.asked] == ["silent", "done"]
    assert found.acknowledged_by == "a person"


def plain(url: str, **required: Any) -> dict[str, Any]:
    """A bundle that asks a plain HTTP agent."""
    parameters = {"binding": {"adapter": "custom", "target": url}, "requiresAcknowledgement": required or True}
    return {"actions": [{"id": "look", "kind": "agent_prompt", "parameters": parameters}]}


@pytest.mark.parametrize("within", [True, False], ids=["in the call", "after it"])
def test_acknowledgements_take_moments(client: Client, within: bool) -> None:
    """Fifty agents on this machine that answer in the call that asks them, or once it is over."""
    with receiver() as agent, ThreadPoolExecutor(8) as later:

        def answer(url: str) -> None:
            acknowledge(url, "done", timeout=30)

        def take(arrival: Arrival) -> int:
            url = arrival.headers["minoots-acknowledgement"]
            if within:
                answer(url)
            else:
                later.submit(answer, url)
            return 200

        agent.answer = take
        took_ms = acknowledged_after(client, plain(agent.url), 50)
    print(f"acknowledged after {statistics.median(took_ms):.0f} ms, the last after {took_ms[-1]} ms")
    assert statistics.median(took_ms) < 5_000


def acknowledged_after(client: Client, bundle: dict[str, Any], count: int) -> list[int]:
    """Wake the agent of a bundle for so many timers, and return how long after each firing it had answered, sorted."""
    timers = [client.timers.create(duration=2_000 + 100 * n, action_bundle=bundle) for n in range(count)]
    ends = [client.timers.wait(timer.id, timeout_s=60) for timer in timers]
    assert {one.status for one in ends} == {"settled"}
    views = [(one.fired_at or 0, action_of(one).acknowledgement) for one in ends]
    took_ms = sorted((view.accepted_at or 0) - fired_at for fired_at, view in views if view is not None)
    assert len(took_ms) == count
    return took_ms


def test_an_mcp_server_acknowledges_within_moments_of_each_firing(client: Client) -> None:
    """Four messages of MCP and the answer's request: what an agent on this machine needs, once the SDK is imported."""
    agent = Agent({"status": "done"})
    with serving(agent.server.streamable_http_app()) as url:
        (first_ms,) = acknowledged_after(client, asking(url, doneWithinMs=60_000), 1)
        took_ms = acknowledged_after(client, asking(url, doneWithinMs=60_000), 50)
    assert {reply.status_code for reply in agent.replies} == {200}
    print(f"MCP: the first acknowledged after {first_ms} ms")
    print(f"MCP: acknowledged after {statistics.median(took_ms):.0f} ms, the last after {took_ms[-1]} ms")
    assert statistics.median(took_ms) < 5_000
