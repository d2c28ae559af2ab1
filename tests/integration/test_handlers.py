"""The real handlers, built with the template's settings, on the events that AWS sends them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from minoots_kernel.bootstrap.seeding import seed_api_keys
from minoots_kernel.domain.due_times import CHECK_AFTER_MS
from minoots_local.settings import api_keys
from tests.integration.conftest import Cloud, deployed, event, images
from tests.support.receiver import receiver

pytestmark = pytest.mark.integration

FAR, PLAIN, WEBHOOK = (f"019aa649-1a00-7c3e-8f21-5d0b6a9c1e1{n}" for n in range(3))


def test_the_control_plane_creates_reads_lists_and_cancels(cloud: Cloud) -> None:
    control_plane = cloud.function("ControlPlaneFunction")
    created = control_plane.invoke(event("control_plane", "create"))
    timer = json.loads(created["body"])
    read = control_plane.invoke({**event("control_plane", "get"), "rawPath": f"/timers/{timer['id']}"})
    listed = control_plane.invoke(event("control_plane", "list"))
    cancelled = control_plane.invoke({**event("control_plane", "cancel"), "rawPath": f"/timers/{timer['id']}/cancel"})

    assert [answer["statusCode"] for answer in (created, read, listed, cancelled)] == [201, 200, 200, 200]
    assert created["headers"]["location"] == f"/timers/{timer['id']}"
    assert json.loads(read["body"]) == timer
    assert json.loads(listed["body"]) == {"timers": [timer]}
    assert json.loads(cancelled["body"])["cancelReason"] == "no beans left"
    assert cloud.status(timer["id"]) == "cancelled"


def test_the_control_plane_changes_a_timer_once_under_one_key(cloud: Cloud) -> None:
    control_plane = cloud.function("ControlPlaneFunction")
    timer = json.loads(control_plane.invoke(event("control_plane", "create"))["body"])
    extend = {**event("control_plane", "extend"), "rawPath": f"/timers/{timer['id']}/extend"}
    answers = [control_plane.invoke(extend) for _ in range(2)]
    beat = {**event("control_plane", "heartbeat"), "rawPath": f"/timers/{timer['id']}/heartbeat"}

    assert [(answer["statusCode"], answer["headers"]["etag"]) for answer in answers] == [(200, '"2"')] * 2
    assert json.loads(answers[0]["body"])["durationMs"] == 330_000
    assert control_plane.invoke(beat)["statusCode"] == 409


def test_the_control_plane_answers_strangers_with_problems_and_health_to_all(cloud: Cloud) -> None:
    control_plane = cloud.function("ControlPlaneFunction")
    refused = control_plane.invoke(event("control_plane", "create_no_key"))
    missing = control_plane.invoke(event("control_plane", "get"))
    health = control_plane.invoke(event("control_plane", "healthz"))

    assert (refused["statusCode"], missing["statusCode"], health["statusCode"]) == (401, 404, 200)
    assert refused["headers"]["content-type"] == missing["headers"]["content-type"] == "application/problem+json"
    assert json.loads(health["body"]) == {"status": "ok", "service": "minoots-control-plane"}
    assert cloud.items("T#") == []


def test_keys_of_a_file_let_in_as_it_says_and_are_kept_as_digests(cloud: Cloud, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    entries = [
        {"key": "mnt_one", "userId": "acme", "tier": "pro"},
        {"key": "mnt_two", "userId": "acme", "name": "ann", "roles": ["timer.read"]},
    ]
    file.write_text(json.dumps(entries))
    control_plane = cloud.function("ControlPlaneFunction")
    for _ in range(2):  # as it is done at each start
        assert seed_api_keys(control_plane.env, api_keys({"API_KEYS_PATH": str(file)})) == 2
    ask = event("control_plane", "get") | {"rawPath": "/whoami"}
    told = []
    for entry in entries:
        answer = control_plane.invoke(ask | {"headers": {"x-api-key": entry["key"]}})
        me = json.loads(answer["body"])
        told.append((answer["statusCode"], me["tenantId"], me["subject"], me["tier"], len(me["roles"])))
    assert told == [(200, "acme", "acme", "pro", 5), (200, "acme", "ann", "free", 1)]
    assert not [item for item in cloud.items("") if "mnt_" in json.dumps(item)]


def test_arming_schedules_far_timers_and_queues_near_ones(cloud: Cloud) -> None:
    for image in images("kernel_arm", "batch"):
        cloud.store(image)
    answer = cloud.invoke("KernelArmFunction", event("kernel_arm", "batch"))
    [schedule] = cloud.schedules()

    assert answer == {"batchItemFailures": []}
    assert {message["timerId"] for message in cloud.messages("WakeQueue")} == {PLAIN, WEBHOOK}
    assert schedule["Name"] == f"{FAR}-g1"
    assert json.loads(schedule["Target"]["Input"])["dueAt"] == 4_070_908_800_000
    assert schedule["ScheduleExpression"].startswith("at(2098-12-31T23:")
    assert cloud.status(FAR) == "armed"
    assert cloud.status(PLAIN) == "scheduled"


@pytest.mark.parametrize("case", ["cancelled", "paused"])
def test_an_armed_timer_that_is_cancelled_or_paused_loses_its_schedule(cloud: Cloud, case: str) -> None:
    for image in images("kernel_arm", "insert_far"):
        cloud.store(image)
    cloud.invoke("KernelArmFunction", event("kernel_arm", "insert_far"))
    assert len(cloud.schedules()) == 1
    cloud.invoke("KernelArmFunction", event("kernel_arm", case))
    assert cloud.schedules() == []


@pytest.mark.parametrize(
    ("function", "folder"), [("KernelArmFunction", "kernel_arm"), ("EventFabricFunction", "event_fabric")]
)
def test_a_poison_record_is_parked_whole_and_does_not_block_the_shard(cloud: Cloud, function: str, folder: str) -> None:
    answer = cloud.invoke(function, event(folder, "poison"))
    [parked] = cloud.items("X#")

    assert answer == {"batchItemFailures": []}
    assert parked["pk"]["S"] == f"X#{folder}"
    assert json.loads(parked["record"]["S"]) == event(folder, "poison")["Records"][0]


def test_the_fabric_publishes_what_it_parked_when_it_is_asked_to(cloud: Cloud) -> None:
    [good], poison = event("event_fabric", "created")["Records"], event("event_fabric", "poison")
    kept = {
        "pk": "X#event_fabric",
        "sk": good["eventID"],
        "record": json.dumps(good),
        "reason": "failed until it was old",
    }
    cloud.store({name: {"S": text} for name, text in kept.items()})
    cloud.invoke("EventFabricFunction", poison)
    answer = cloud.invoke("EventFabricFunction", {"parked": True})

    assert (answer["done"], answer["next"]) == (1, None)
    assert [one["DetailType"] for one in cloud.published] == ["io.minoots.timer.created.v1"]
    assert [one["id"] for one in answer["left"]] == [poison["Records"][0]["eventID"]]
    assert len(cloud.items("X#")) == 1


def test_an_execution_whose_timer_is_gone_is_told_to_end(cloud: Cloud) -> None:
    assert cloud.invoke("AcknowledgementFunction", event("acknowledgement", "look"))["do"] == "superseded"


def test_a_due_wake_up_fires_and_hands_the_action_over_once(cloud: Cloud) -> None:
    for image in images("kernel_arm", "batch"):
        cloud.store(image)
    batch = event("kernel_fire", "batch")
    answer = cloud.invoke("KernelFireFunction", batch)

    # The plain timer came twice and fired once; the one that nobody can see is to be tried again.
    assert answer == {"batchItemFailures": [{"itemIdentifier": batch["Records"][3]["messageId"]}]}
    assert (cloud.status(PLAIN), cloud.status(WEBHOOK)) == ("settled", "fired")
    assert cloud.messages("ActionQueue") == [
        {"tenantId": "demo", "timerId": WEBHOOK, "actionId": "notify", "attempt": 1}
    ]


def test_an_early_wake_up_is_sent_again_and_a_malformed_one_reported(cloud: Cloud) -> None:
    early = cloud.invoke("KernelFireFunction", event("kernel_fire", "early"))
    malformed = event("kernel_fire", "malformed")
    reported = cloud.invoke("KernelFireFunction", malformed)

    assert early == {"batchItemFailures": []}
    assert [message["timerId"] for message in cloud.messages("WakeQueue")] == [FAR]
    assert reported == {"batchItemFailures": [{"itemIdentifier": malformed["Records"][0]["messageId"]}]}


def test_a_wake_up_of_a_later_attempt_goes_to_the_action_queue(cloud: Cloud) -> None:
    cloud.invoke("KernelFireFunction", event("kernel_fire", "next_attempt"))
    assert cloud.messages("ActionQueue") == [
        {"tenantId": "demo", "timerId": WEBHOOK, "actionId": "notify", "attempt": 2}
    ]


def test_the_sweep_wakes_what_is_overdue_and_a_rebuild_what_is_pending(cloud: Cloud) -> None:
    for image in images("kernel_arm", "batch"):
        cloud.store(image)
    swept = cloud.invoke("KernelSweepFunction", event("kernel_sweep", "scheduled"))
    woken = cloud.messages("WakeQueue")
    rebuilt = cloud.invoke("KernelSweepFunction", event("kernel_sweep", "rebuild"))

    assert swept["repaired"] == {"unfired": 2}
    assert {message["timerId"] for message in woken} == {PLAIN, WEBHOOK}
    assert rebuilt["repaired"] == {"rearmed": 3}
    assert [schedule["Name"] for schedule in cloud.schedules()] == [f"{FAR}-g1"]


def test_an_attempt_is_made_and_settles_the_timer(cloud: Cloud) -> None:
    [item] = images("event_fabric", "fired")
    with receiver() as hook:
        item["spec"]["S"] = item["spec"]["S"].replace("https://hooks.example.com/minoots", hook.url)
        cloud.store(item)
        answer = cloud.invoke("OrchestratorFunction", event("orchestrator", "attempt"))
        again = cloud.invoke("OrchestratorFunction", event("orchestrator", "attempt"))

    assert answer == again == {"batchItemFailures": []}
    assert cloud.status(WEBHOOK) == "settled"
    [arrival] = hook.arrivals
    assert arrival.body == {"report": "nightly"}
    assert arrival.delivery == f"{WEBHOOK}_notify"


@pytest.mark.parametrize(
    ("case", "types"),
    [("created", ["created"]), ("fired", ["fired"]), ("fired_and_settled", ["fired", "settled"]), ("removed", [])],
)
def test_the_fabric_publishes_cloud_events(cloud: Cloud, case: str, types: list[str]) -> None:
    answer = cloud.invoke("EventFabricFunction", event("event_fabric", case))
    details = [json.loads(one["Detail"]) for one in cloud.published]

    assert answer == {"batchItemFailures": []}
    assert [detail["type"] for detail in details] == [f"io.minoots.timer.{name}.v1" for name in types]
    assert len({detail["id"] for detail in details}) == len(types)
    for detail in details:
        assert detail["specversion"] == "1.0"
        assert detail["dedupekey"].startswith(f"timer:demo:{detail['subject']}:{detail['stateversion']}")


def test_with_audit_all_the_fabric_writes_who_asked_and_publishes_nothing_if_it_is_not_to() -> None:
    with deployed(Audit="all", BusEvents="none") as cloud:
        api = cloud.function("ControlPlaneFunction")
        created = api.invoke(event("control_plane", "create"))
        (item,) = cloud.items("T#")
        record = {**event("event_fabric", "created")["Records"][0]}
        record["dynamodb"] = {**record["dynamodb"], "NewImage": item}
        for _ in range(2):
            assert cloud.invoke("EventFabricFunction", {"Records": [record]}) == {"batchItemFailures": []}
        listed = api.invoke({**event("control_plane", "list"), "rawPath": "/audit", "queryStringParameters": {}})

    (entry,) = json.loads(listed["body"])["entries"]
    assert entry["resource"] == {"type": "Timer", "id": json.loads(created["body"])["id"]}
    assert (entry["action"], entry["caller"]["subject"], entry["stateVersion"]) == ("createTimer", "demo", 1)
    assert cloud.published == []


@pytest.mark.parametrize("audit", ["none", "refusals"])
def test_without_an_audit_nothing_is_written_and_everything_works(audit: str) -> None:
    with deployed(Audit=audit, AuditDays="30") as cloud:
        api = cloud.function("ControlPlaneFunction")
        ask = event("control_plane", "list") | {"queryStringParameters": {}}

        def asked(method: str, path: str, body: str | None = None) -> Any:
            http = {**ask["requestContext"]["http"], "method": method, "path": path}
            made = {**ask, "rawPath": path, "requestContext": {**ask["requestContext"], "http": http}, "body": body}
            return api.invoke(made)

        put = asked("PUT", "/settings", "{}")
        refused = asked("GET", "/tenants")
        listed, exported, usage = (asked("GET", path) for path in ("/audit", "/audit:export", "/usage"))
        entries = cloud.items("A#")

    answers = [one["statusCode"] for one in (put, refused, listed, exported, usage)]
    assert answers == [200, 403, 200, 200, 200]
    found = [one["action"]["S"] for one in entries]
    assert sorted(found) == ([] if audit == "none" else ["exportAudit", "listTenants", "putSettings"])
    assert json.loads(usage["body"]).get("auditDays") == (None if audit == "none" else 30)
    assert len(exported["body"].splitlines()) == len(found)


def test_by_default_timers_do_not_carry_who_asked(cloud: Cloud) -> None:
    cloud.function("ControlPlaneFunction").invoke(event("control_plane", "create"))
    (item,) = cloud.items("T#")
    assert "via" not in item


@pytest.mark.parametrize("sweep_after_s", [CHECK_AFTER_MS // 1000, CHECK_AFTER_MS // 1000 + 60])
def test_a_timer_whose_every_wake_up_was_lost_fires_within_the_sweeps_bound(cloud: Cloud, sweep_after_s: int) -> None:
    created = cloud.function("ControlPlaneFunction").invoke(event("control_plane", "create"))
    timer = json.loads(created["body"])
    due = datetime.fromisoformat(timer["fireAt"])
    with time_machine.travel(due + timedelta(seconds=sweep_after_s, milliseconds=1)):
        # The stream said nothing to anybody; this is the first or the last sweep that may come upon it.
        answer = cloud.invoke("KernelSweepFunction", event("kernel_sweep", "scheduled"))
        (message,) = cloud.messages("WakeQueue")
        cloud.invoke("KernelFireFunction", _delivered(message))
        read = cloud.function("ControlPlaneFunction").invoke(
            {**event("control_plane", "get"), "rawPath": f"/timers/{timer['id']}"}
        )
    ended = json.loads(read["body"])
    assert answer["repaired"] == {"unfired": 1}
    assert ended["status"] == "settled"
    assert ended["latenessMs"] < CHECK_AFTER_MS + 60_000 + 5_000, "the bound, and what the calls took"
    assert {"event": "repaired", "note": "unfired"}.items() <= ended["timeline"][1].items()


def test_a_heartbeat_pushes_a_timer_out_and_its_wake_up_sends_itself_on(cloud: Cloud) -> None:
    control_plane = cloud.function("ControlPlaneFunction")
    create = event("control_plane", "create")
    body = {"requestedBy": "worker-7", "duration": "6h", "heartbeat": True}
    timer = json.loads(control_plane.invoke({**create, "body": json.dumps(body)})["body"])
    due = datetime.fromisoformat(timer["fireAt"])
    with time_machine.travel(due - timedelta(hours=1)):
        beat = {**event("control_plane", "cancel"), "rawPath": f"/timers/{timer['id']}/heartbeat", "body": None}
        answer = control_plane.invoke(beat)
    wake_up = {"tenantId": "demo", "timerId": timer["id"], "generation": 1, "dueAt": int(due.timestamp() * 1000)}
    with time_machine.travel(due + timedelta(milliseconds=1)):
        for _ in range(2):  # the queue delivers it twice
            cloud.invoke("KernelFireFunction", _delivered(wake_up))
    assert (answer["statusCode"], json.loads(answer["body"])["heartbeat"]["beats"]) == (200, 1)
    assert [schedule["Name"] for schedule in cloud.schedules()] == [f"{timer['id']}-g1-l1"]
    assert cloud.status(timer["id"]) == "scheduled"


def _delivered(message: dict[str, object]) -> dict[str, object]:
    made = event("kernel_fire", "due")
    made["Records"] = [{**made["Records"][0], "body": json.dumps(message)}]
    return made
