"""Each built function, under the Lambda runtime emulator, answers an event of each kind that invokes it."""

import copy
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from minoots_kernel.adapters.dynamodb.key_store import DynamoKeyStore
from minoots_kernel.domain.api_keys import key_from_file
from tests.build.cloud import Cloud
from tests.build.conftest import Start
from tests.unit.adapters.agents.mcp_servers import Official, serving

pytestmark = pytest.mark.build

EVENTS = Path(__file__).resolve().parents[1] / "events"


def captured(function: str, case: str) -> dict[str, Any]:
    """A captured event."""
    found: dict[str, Any] = json.loads((EVENTS / function / f"{case}.json").read_text(encoding="utf-8"))
    return found


def image(function: str, case: str) -> dict[str, Any]:
    """The item that the first record of a captured stream event shows."""
    found: dict[str, Any] = captured(function, case)["Records"][0]["dynamodb"]["NewImage"]
    return found


FAR = image("kernel_arm", "insert_far")
NEAR = image("kernel_arm", "insert_near")
FIRED = image("event_fabric", "fired")


# Control plane


def test_the_control_plane_answers_without_a_key_only_that_it_is_up(start: Start) -> None:
    with start("ControlPlaneFunction") as function:
        health = function.invoke(captured("control_plane", "healthz"))
        refused = function.invoke(captured("control_plane", "create_no_key"))
    assert health["statusCode"] == 200
    assert json.loads(health["body"]) == {"status": "ok", "service": "minoots-control-plane"}
    assert refused["statusCode"] == 401
    assert json.loads(refused["body"])["status"] == 401


def test_the_control_plane_creates_reads_lists_and_cancels_for_whom_the_key_stands_for(
    start: Start, cloud: Cloud
) -> None:
    keys = DynamoKeyStore(cloud.client("dynamodb"), cloud.name("TimersTable"))
    keys.put(key_from_file("mnt_example", "demo"))
    cloud.put_item(NEAR)
    with start("ControlPlaneFunction") as function:
        created = function.invoke(captured("control_plane", "create"))
        read = function.invoke(captured("control_plane", "get"))
        listed = function.invoke(captured("control_plane", "list"))
        cancelled = function.invoke(captured("control_plane", "cancel"))
        letters = function.invoke(captured("control_plane", "dead_letters"))
    answers = (created, read, listed, cancelled, letters)
    assert [one["statusCode"] for one in answers] == [201, 200, 200, 200, 200]
    assert json.loads(created["body"])["durationMs"] == 30_000
    assert json.loads(read["body"])["id"] == NEAR["sk"]["S"]
    assert len(json.loads(listed["body"])["timers"]) == 2
    assert json.loads(cancelled["body"])["cancelReason"] == "no beans left"
    assert json.loads(letters["body"])["deadLetters"] == []


# Kernel


def test_kernel_arm_schedules_a_far_timer_and_marks_it_armed(start: Start, cloud: Cloud) -> None:
    cloud.put_item(FAR)
    with start("KernelArmFunction") as function:
        assert function.invoke(captured("kernel_arm", "insert_far")) == {"batchItemFailures": []}
    assert len(cloud.schedules()) == 1
    assert cloud.item(FAR)["status"] == {"S": "armed"}


def test_kernel_arm_queues_a_near_timer(start: Start, cloud: Cloud) -> None:
    cloud.put_item(NEAR)
    with start("KernelArmFunction") as function:
        assert function.invoke(captured("kernel_arm", "insert_near")) == {"batchItemFailures": []}
    assert [message["timerId"] for message in cloud.messages("WakeQueue")] == [NEAR["sk"]["S"]]


def test_kernel_arm_removes_the_schedule_of_a_cancelled_timer(start: Start, cloud: Cloud) -> None:
    cloud.put_item(FAR)
    with start("KernelArmFunction") as function:
        function.invoke(captured("kernel_arm", "insert_far"))
        function.invoke(captured("kernel_arm", "cancelled"))
    assert cloud.schedules() == []


@pytest.mark.parametrize(
    ("function", "events"), [("KernelArmFunction", "kernel_arm"), ("EventFabricFunction", "event_fabric")]
)
def test_a_stream_reader_parks_a_record_that_cannot_be_read(
    start: Start, cloud: Cloud, function: str, events: str
) -> None:
    event = captured(events, "poison")
    with start(function) as started:
        assert started.invoke(event) == {"batchItemFailures": []}
    parked = {"pk": {"S": f"X#{events}"}, "sk": {"S": event["Records"][0]["eventID"]}}
    assert json.loads(cloud.item(parked)["record"]["S"]) == event["Records"][0]


def test_kernel_fire_fires_what_is_due_and_returns_only_what_is_unknown(start: Start, cloud: Cloud) -> None:
    event = captured("kernel_fire", "batch")
    hook = captured("event_fabric", "fired")["Records"][0]["dynamodb"]["OldImage"]
    for item in (NEAR, hook):
        cloud.put_item(item)
    with start("KernelFireFunction") as function:
        answer = function.invoke(event)
    assert answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][3]["messageId"]}]}
    assert cloud.item(NEAR)["status"] == {"S": "settled"}
    assert cloud.item(hook)["status"] == {"S": "fired"}
    assert [(message["actionId"], message["attempt"]) for message in cloud.messages("ActionQueue")] == [("notify", 1)]


def test_kernel_fire_sends_an_early_wake_up_again(start: Start, cloud: Cloud) -> None:
    with start("KernelFireFunction") as function:
        assert function.invoke(captured("kernel_fire", "early")) == {"batchItemFailures": []}
    # Held back by the queue, so it is there but not to be received.
    assert cloud.messages("WakeQueue") == []
    assert cloud.held_back("WakeQueue") == 1


def test_kernel_fire_returns_what_is_no_wake_up(start: Start) -> None:
    event = captured("kernel_fire", "malformed")
    with start("KernelFireFunction") as function:
        answer = function.invoke(event)
    assert answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}


def test_kernel_sweep_wakes_a_timer_that_was_not_fired(start: Start, cloud: Cloud) -> None:
    cloud.put_item(NEAR)
    with start("KernelSweepFunction") as function:
        report = function.invoke(captured("kernel_sweep", "scheduled"))
    assert report["checked"] == 1
    assert report["repaired"] == {"unfired": 1}
    assert [message["timerId"] for message in cloud.messages("WakeQueue")] == [NEAR["sk"]["S"]]


def test_kernel_sweep_rebuilds_schedules_and_messages_from_the_table(start: Start, cloud: Cloud) -> None:
    for item in (FAR, NEAR, FIRED):
        cloud.put_item(item)
    with start("KernelSweepFunction") as function:
        report = function.invoke(captured("kernel_sweep", "rebuild"))
    assert report["repaired"] == {"rearmed": 2, "redispatched": 1}
    assert len(cloud.schedules()) == 1
    assert len(cloud.messages("WakeQueue")) == len(cloud.messages("ActionQueue")) == 1


# Orchestrator


@dataclass
class Sink:
    """A webhook receiver on the loopback."""

    url: str = ""
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def sink() -> Iterator[Sink]:
    found = Sink()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        found.url = f"http://127.0.0.1:{server.server_port}/minoots"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


def fired_at(sink: Sink) -> dict[str, Any]:
    """The fired timer, its webhook turned to the sink."""
    item = copy.deepcopy(FIRED)
    item["spec"]["S"] = item["spec"]["S"].replace("https://hooks.example.com/minoots", sink.url)
    return item


def test_the_orchestrator_posts_the_webhook_and_settles_the_timer(start: Start, cloud: Cloud, sink: Sink) -> None:
    item = fired_at(sink)
    cloud.put_item(item)
    with start("OrchestratorFunction", MINOOTS_ALLOWED_PRIVATE_HOSTS="127.0.0.1") as function:
        assert function.invoke(captured("orchestrator", "attempt")) == {"batchItemFailures": []}
    ((headers, body),) = sink.received
    assert headers["webhook-id"] == f"{item['sk']['S']}_notify"
    assert json.loads(body) == {"report": "nightly"}
    assert cloud.item(item)["status"] == {"S": "settled"}


def test_the_orchestrator_calls_a_tool_with_what_its_layers_hold(start: Start, cloud: Cloud) -> None:
    official, item = Official(), copy.deepcopy(FIRED)
    with serving(official.app()) as url, start("OrchestratorFunction", MINOOTS_ALLOWED_PRIVATE_HOSTS="127.0.0.1") as it:
        spec = json.loads(item["spec"]["S"])
        binding = {"adapter": "mcp", "target": url, "timeoutMs": 30_000, "payloadTemplate": {"ticket": 7}}
        parameters = {"prompt": "look", "binding": binding}
        spec["bundle"]["actions"] = [{"id": "notify", "kind": "agent_prompt", "parameters": parameters}]
        item["spec"]["S"] = json.dumps(spec)
        cloud.put_item(item)
        assert it.invoke(captured("orchestrator", "attempt")) == {"batchItemFailures": []}
    assert official.calls == [{"tool": "agent_prompt", "ticket": 7}]
    assert cloud.item(item)["status"] == {"S": "settled"}


def test_the_orchestrator_as_deployed_reaches_no_private_address(start: Start, cloud: Cloud, sink: Sink) -> None:
    item = fired_at(sink)
    cloud.put_item(item)
    with start("OrchestratorFunction") as function:
        assert function.invoke(captured("orchestrator", "attempt")) == {"batchItemFailures": []}
    assert sink.received == []
    assert cloud.item(item)["status"] == {"S": "failed"}
    assert cloud.count("D#demo#") == 1


# Event fabric


def test_the_event_fabric_publishes_what_happened_and_takes_clean_up_for_no_event(start: Start, cloud: Cloud) -> None:
    cloud.queue_the_bus("heard")
    with start("EventFabricFunction") as function:
        assert function.invoke(captured("event_fabric", "fired_and_settled")) == {"batchItemFailures": []}
        assert function.invoke(captured("event_fabric", "removed")) == {"batchItemFailures": []}
    heard = [message["detail-type"] for message in cloud.messages("heard")]
    assert sorted(heard) == ["io.minoots.timer.fired.v1", "io.minoots.timer.settled.v1"]
