"""EventBridge Scheduler, the bus and TTL: what happens by itself when its time has come."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from minoots_local.virtual_clock import VirtualClock
from tests.support.waiting import until

pytestmark = pytest.mark.stack


def at(seconds: float) -> str:
    due = datetime.now(UTC) + timedelta(seconds=seconds)
    return f"at({due.strftime('%Y-%m-%dT%H:%M:%S')})"


def schedule(toy: Any, name: str, expression: str, **target: Any) -> None:
    toy.client("scheduler").create_schedule(
        Name=name,
        GroupName=toy.name("Group"),
        ScheduleExpression=expression,
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={
            "Arn": toy.arn("WorkQueue"),
            "RoleArn": "arn:aws:iam::123456789012:role/any",
            "Input": json.dumps({"n": name}),
            **target,
        },
    )


def names(toy: Any) -> list[str]:
    found = toy.client("scheduler").list_schedules(GroupName=toy.name("Group"))["Schedules"]
    return sorted(entry["Name"] for entry in found)


def test_a_one_shot_is_delivered_at_its_second_and_deleted(toy: Any) -> None:
    schedule(toy, "far", at(3600))
    expression = at(2)
    schedule(toy, "soon", expression)
    until(lambda: toy.seen)
    due_ms = datetime.fromisoformat(expression[3:-1]).replace(tzinfo=UTC).timestamp() * 1000
    arrived_ms = toy.module("RelayFunction").seen_at["soon"]
    assert arrived_ms >= due_ms
    until(lambda: names(toy) == ["far"])


def test_a_later_schedule_does_not_hold_up_an_earlier_one(toy: Any) -> None:
    schedule(toy, "later", at(3600))
    schedule(toy, "earlier", at(1))
    (record,) = until(lambda: toy.seen)
    assert json.loads(record["body"]) == {"n": "earlier"}
    assert names(toy) == ["later"]


def test_a_deleted_schedule_does_not_fire_and_a_moved_one_fires_once(start: Callable[..., Any]) -> None:
    toy = start(virtual_clock=True)
    client = toy.client("scheduler")
    schedule(toy, "gone", at(3600))
    schedule(toy, "moved", at(3600))
    client.delete_schedule(Name="gone", GroupName=toy.name("Group"))
    client.update_schedule(
        Name="moved",
        GroupName=toy.name("Group"),
        ScheduleExpression=at(7200),
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": toy.arn("WorkQueue"), "RoleArn": "r" * 20, "Input": '{"n": "moved"}'},
    )
    schedule(toy, "last", at(10800))
    assert isinstance(toy.stack.clock, VirtualClock)
    toy.stack.clock.advance(4 * 3_600_000)
    assert [json.loads(record["body"])["n"] for record in toy.seen] == ["moved", "last"]


def test_a_time_that_has_passed_fires_at_once(toy: Any) -> None:
    schedule(toy, "past", at(-60))
    until(lambda: toy.seen)


def test_a_target_that_is_not_there_goes_to_the_dead_letter_queue(toy: Any) -> None:
    missing = "arn:aws:sqs:us-east-1:123456789012:nowhere"
    schedule(toy, "lost", at(-1), Arn=missing, DeadLetterConfig={"Arn": toy.arn("RuleQueue")})
    (message,) = until(lambda: toy.take("RuleQueue"))
    assert json.loads(message["Body"]) == {"n": "lost"}
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes["TARGET_ARN"] == missing
    assert attributes["SCHEDULE_ARN"].endswith("/lost")
    assert attributes["ERROR_CODE"] == "AWS.SimpleQueueService.NonExistentQueue"


@pytest.mark.parametrize(
    "expression", ["at(2026-13-01T00:00:00)", "at(tomorrow)", "at(2026-01-01)", "rate(5 minute)", "whenever"]
)
def test_nonsense_expressions_are_refused(toy: Any, expression: str) -> None:
    with pytest.raises(ClientError, match=r"Invalid Schedule Expression|ValidationException"):
        schedule(toy, "bad", expression)
    assert names(toy) == []


def test_a_group_that_is_not_there_is_refused(toy: Any) -> None:
    with pytest.raises(ClientError) as refusal:
        toy.client("scheduler").create_schedule(
            Name="x",
            GroupName="nowhere",
            ScheduleExpression=at(5),
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": toy.arn("WorkQueue"), "RoleArn": "r" * 20},
        )
    assert refusal.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_name_that_is_taken_is_a_conflict(toy: Any) -> None:
    schedule(toy, "twice", at(60))
    with pytest.raises(ClientError) as refusal:
        schedule(toy, "twice", at(60))
    assert refusal.value.response["Error"]["Code"] == "ConflictException"
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409


def test_rules_deliver_matching_events_to_queues_and_functions(toy: Any) -> None:
    def put(total: int) -> None:
        entry = {
            "Source": "shop",
            "DetailType": "order",
            "Detail": json.dumps({"total": total}),
            "EventBusName": "minoots-local-Bus",
        }
        assert toy.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0

    put(5)
    put(50)
    (event,) = until(lambda: toy.events)
    assert (event["source"], event["detail-type"], event["detail"]) == ("shop", "order", {"total": 50})
    (message,) = until(lambda: toy.take("RuleQueue"))
    assert json.loads(message["Body"])["detail"] == {"total": 50}


def test_items_past_their_time_to_live_are_removed_by_the_service(toy: Any) -> None:
    now_s = int(time.time())
    toy.put("expired", expiresAt={"N": str(now_s - 10)})
    toy.put("current", expiresAt={"N": str(now_s + 3600)})
    toy.put("ancient", expiresAt={"N": "86400"})
    toy.put("eternal")
    until(lambda: len(toy.records) == 4)
    assert toy.stack._players.ttl.expire() == 1
    record = until(lambda: toy.records[4:])[0]
    assert record["eventName"] == "REMOVE"
    assert record["dynamodb"]["Keys"]["sk"] == {"S": "expired"}
    assert record["userIdentity"] == {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert toy.stack._players.ttl.expire() == 0
