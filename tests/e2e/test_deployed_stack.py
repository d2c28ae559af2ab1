"""What a user sees of a deployed stack, and what stands behind it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import standardwebhooks

from tests.support.receiver import Receiver
from tests.support.stack_process import until_ended, webhook_timer
from tests.support.waiting import until
from tests.template.expanded import DEAD_LETTER_QUEUES, ROOT

pytestmark = pytest.mark.e2e

Aws = Callable[[str], Any]


def created(api: httpx.Client, body: dict[str, Any]) -> dict[str, Any]:
    answer = api.post("/timers", json=body)
    assert answer.status_code == 201, answer.text
    timer: dict[str, Any] = answer.json()
    return timer


def saw(text: str) -> None:
    print(f"\n    saw: {text}")


def test_it_answers_that_it_is_there_to_anyone(anonymous: httpx.Client) -> None:
    answer = anonymous.get("/healthz")
    assert answer.json() == {"status": "ok", "service": "minoots-control-plane"}
    saw(answer.text)


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "mnt_guessed"}])
def test_a_caller_without_a_known_key_is_refused(anonymous: httpx.Client, headers: dict[str, str]) -> None:
    answer = anonymous.get("/timers", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    saw(f"401 {answer.json()['code']}")


def test_a_timer_fires_on_time_and_its_webhook_settles_it(api: httpx.Client, sink: Receiver) -> None:
    timer = created(api, webhook_timer(f"{sink.url}/hook", duration="3s", name="near"))
    (arrival,) = sink.wait_for(1, timeout_s=40)
    ended = until_ended(api, timer["id"])
    due_ms = datetime.fromisoformat(timer["fireAt"]).timestamp() * 1000
    assert arrival.at_ms >= due_ms
    assert arrival.delivery == f"{timer['id']}_w"
    assert ended["status"] == "settled"
    assert len(sink.arrivals) == 1
    saw(f"fired {ended['latenessMs']} ms late, webhook {arrival.at_ms - due_ms:.0f} ms after the due time")


def test_a_timer_without_actions_settles_when_it_fires(api: httpx.Client) -> None:
    ended = until_ended(api, created(api, {"requestedBy": "test", "duration": "2s"})["id"])
    assert (ended["status"], ended["firedAt"] >= ended["fireAt"]) == ("settled", True)
    saw(f"fired {ended['latenessMs']} ms late")


def test_a_webhook_that_fails_for_a_while_is_tried_again(api: httpx.Client, sink: Receiver) -> None:
    sink.answer = lambda _: 503 if len(sink.arrivals) < 3 else 200
    policy = {"maxAttempts": 4, "backoffInitialMs": 500}
    timer = created(api, webhook_timer(f"{sink.url}/flaky", duration="1s", retryPolicy=policy))
    ended = until_ended(api, timer["id"], timeout_s=60)
    assert ended["status"] == "settled"
    assert len(sink.arrivals) == 3
    assert len({arrival.delivery for arrival in sink.arrivals}) == 1
    saw(f"{len(sink.arrivals)} attempts with one webhook-id")


def test_a_webhook_that_fails_for_good_is_a_dead_letter(api: httpx.Client, sink: Receiver) -> None:
    sink.answer = lambda _: 400
    timer = created(api, webhook_timer(f"{sink.url}/gone", duration="1s"))
    ended = until_ended(api, timer["id"], timeout_s=60)
    letters = api.get("/dead-letters").raise_for_status().json()["deadLetters"]
    (letter,) = [one for one in letters if one["timerId"] == timer["id"]]
    assert ended["status"] == "failed"
    assert letter["actionId"] == "w"
    saw(f"failed: {ended['failureReason']}; {len(letters)} dead letter(s)")


def test_a_destinations_webhook_is_signed_with_the_secret_that_was_shown_once(
    api: httpx.Client, sink: Receiver
) -> None:
    body = {"url": sink.url, "authHeaders": {"Authorization": "Bearer t0ken"}}
    made = api.put("/destinations/signed", json=body)
    assert made.status_code == 201, made.text
    timer = webhook_timer(f"{sink.url}/signed", duration="1s")
    timer["actionBundle"]["actions"][0]["parameters"]["destination"] = "signed"
    ended = until_ended(api, created(api, timer)["id"])
    assert ended["status"] == "settled", ended["failureReason"]
    (arrival,) = sink.arrivals
    standardwebhooks.Webhook(made.json()["signingSecret"]).verify(arrival.raw, arrival.headers)
    assert arrival.headers["authorization"] == "Bearer t0ken"
    assert api.delete("/destinations/signed").status_code == 204
    saw("verified by the reference library")


def test_a_cancelled_timer_does_not_fire(api: httpx.Client, sink: Receiver) -> None:
    timer = created(api, webhook_timer(f"{sink.url}/never", duration="8s"))
    first = api.post(f"/timers/{timer['id']}/cancel", json={"requestedBy": "test", "reason": "changed my mind"})
    again = api.post(f"/timers/{timer['id']}/cancel", json={"requestedBy": "test", "reason": "another"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json()["cancelReason"] == "changed my mind"
    # A later timer that does fire shows that the cancelled one's time has passed.
    until_ended(api, created(api, {"requestedBy": "test", "duration": "10s"})["id"], timeout_s=60)
    assert sink.arrivals == []
    assert api.get(f"/timers/{timer['id']}").json()["status"] == "cancelled"
    saw("cancelled, and its due time passed in silence")


def test_timers_are_listed_newest_first_page_by_page_and_by_status(api: httpx.Client) -> None:
    made = [created(api, {"requestedBy": "test", "duration": "1h", "name": f"listed-{n}"})["id"] for n in range(3)]
    page = api.get("/timers", params={"limit": 2}).raise_for_status().json()
    rest = api.get("/timers", params={"limit": 2, "cursor": page["nextCursor"]}).raise_for_status().json()
    seen = [timer["id"] for timer in page["timers"] + rest["timers"]]
    assert seen[:3] == made[::-1]
    settled = api.get("/timers", params={"status": "settled"}).raise_for_status().json()["timers"]
    assert {timer["status"] for timer in settled} <= {"settled"}
    for timer_id in made:
        api.post(f"/timers/{timer_id}/cancel", json={"requestedBy": "test"}).raise_for_status()
    saw(f"{len(seen)} timers on two pages, {len(settled)} settled ones")


def test_a_far_timer_is_armed_with_a_schedule_that_its_cancellation_removes(
    api: httpx.Client, aws: Aws, names: dict[str, str]
) -> None:
    timer = created(api, {"requestedBy": "test", "duration": "2h", "name": "far"})
    until(lambda: api.get(f"/timers/{timer['id']}").json()["status"] == "armed", what="armed")
    where = {"GroupName": names["TimerScheduleGroup"], "Name": f"{timer['id']}-g1"}
    schedule = aws("scheduler").get_schedule(**where)
    due = datetime.fromisoformat(timer["fireAt"])
    at = datetime.strptime(schedule["ScheduleExpression"], "at(%Y-%m-%dT%H:%M:%S)").replace(tzinfo=UTC)
    assert timedelta(seconds=74) <= due - at <= timedelta(seconds=841)
    assert json.loads(schedule["Target"]["Input"])["timerId"] == timer["id"]
    api.post(f"/timers/{timer['id']}/cancel", json={"requestedBy": "test"}).raise_for_status()
    until(lambda: not scheduled(aws, names, timer["id"]), what="disarmed")
    saw(f"{schedule['ScheduleExpression']}, {(due - at).seconds} s before it is due; gone after the cancel")


def scheduled(aws: Aws, names: dict[str, str], prefix: str) -> list[Any]:
    found: list[Any] = aws("scheduler").list_schedules(GroupName=names["TimerScheduleGroup"], NamePrefix=prefix)[
        "Schedules"
    ]
    return found


def test_what_a_schedule_sends_waits_in_the_queue_for_the_rest(
    api: httpx.Client, aws: Aws, names: dict[str, str]
) -> None:
    """The far leg from its schedule on, without waiting for the hour: the schedule is copied to a moment from now."""
    timer = created(api, {"requestedBy": "test", "duration": "2h"})
    (armed,) = until(lambda: scheduled(aws, names, timer["id"]), what="armed")
    scheduler = aws("scheduler")
    copied = scheduler.get_schedule(GroupName=names["TimerScheduleGroup"], Name=armed["Name"])
    before = held_back(aws, names)
    scheduler.create_schedule(
        Name=f"{armed['Name']}-now",
        GroupName=names["TimerScheduleGroup"],
        ScheduleExpression=f"at({datetime.now(UTC) + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target=copied["Target"],
    )
    until(lambda: held_back(aws, names) > before, what="the wake-up came and was held back")
    assert api.get(f"/timers/{timer['id']}").json()["status"] == "armed"
    saw("Scheduler delivered the wake-up; too early, so it waits in WakeQueue again")


def held_back(aws: Aws, names: dict[str, str]) -> int:
    name = "ApproximateNumberOfMessagesDelayed"
    found = aws("sqs").get_queue_attributes(QueueUrl=names["WakeQueue"], AttributeNames=[name])
    return int(found["Attributes"][name])


@pytest.fixture
def listening(aws: Aws, names: dict[str, str]) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Everything that the bus publishes, received so far."""
    sqs, events, bus = aws("sqs"), aws("events"), names["EventBus"]
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="heard", EventBusName=bus, EventPattern=json.dumps({"source": [{"prefix": ""}]}))
    events.put_targets(Rule="heard", EventBusName=bus, Targets=[{"Id": "heard", "Arn": arn}])
    heard: list[dict[str, Any]] = []

    def receive() -> list[dict[str, Any]]:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            heard.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return heard

    yield receive
    events.remove_targets(Rule="heard", EventBusName=bus, Ids=["heard"])
    events.delete_rule(Name="heard", EventBusName=bus)
    sqs.delete_queue(QueueUrl=url)


def test_what_happens_to_a_timer_is_heard_on_the_bus(
    api: httpx.Client, listening: Callable[[], list[dict[str, Any]]]
) -> None:
    timer = created(api, {"requestedBy": "test", "duration": "1s"})

    def kinds() -> set[str]:
        return {one["detail-type"] for one in listening() if timer["id"] in json.dumps(one["detail"])}

    wanted = {f"io.minoots.timer.{what}.v1" for what in ("created", "fired", "settled")}
    until(lambda: kinds() >= wanted, what="all three events")
    saw(", ".join(sorted(kinds())))


def test_every_alarm_stands(aws: Aws) -> None:
    alarms = aws("cloudwatch").describe_alarms()["MetricAlarms"]
    queues = {one["Dimensions"][0]["Value"] for one in alarms if one["Namespace"] == "AWS/SQS"}
    declared = (ROOT / "alarms.yaml").read_text(encoding="utf-8").count("Type: AWS::CloudWatch::Alarm")
    assert len(alarms) == declared > 20
    assert len(queues) == len(DEAD_LETTER_QUEUES)
    assert all("docs/runbooks/" in one["AlarmDescription"] for one in alarms)
    saw(f"{len(alarms)} alarms, each with a runbook")


def test_in_the_end_nothing_lies_in_a_dead_letter_queue(aws: Aws, names: dict[str, str]) -> None:
    name = "ApproximateNumberOfMessages"
    depths = {
        queue: int(aws("sqs").get_queue_attributes(QueueUrl=names[queue], AttributeNames=[name])["Attributes"][name])
        for queue in DEAD_LETTER_QUEUES
    }
    assert set(depths.values()) == {0}, depths
    saw("six dead-letter queues, all empty")
