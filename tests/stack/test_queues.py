"""Queue → function, as Lambda's SQS event source mappings do it."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.waiting import until

pytestmark = pytest.mark.stack


def test_a_message_reaches_the_function_as_lambda_shows_it(toy: Any) -> None:
    attributes = {"Kind": {"DataType": "String", "StringValue": "a"}}
    toy.send('{"n": 1}', MessageAttributes=attributes, MessageGroupId="tenant")
    (record,) = until(lambda: toy.seen)
    assert record["body"] == '{"n": 1}'
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == toy.arn("WorkQueue")
    assert record["awsRegion"] == "us-east-1"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["attributes"]["MessageGroupId"] == "tenant"
    assert record["messageAttributes"]["Kind"]["stringValue"] == "a"
    assert record["messageAttributes"]["Kind"]["dataType"] == "String"
    assert {"messageId", "receiptHandle", "md5OfBody"} <= record.keys()


def test_what_succeeded_is_deleted(toy: Any) -> None:
    queue = toy.stack.account.queue(toy.name("WorkQueue"))
    for number in range(25):
        toy.send(json.dumps({"n": number}))
    until(lambda: len(toy.seen) == 25)
    until(lambda: not queue._entries)


def test_messages_that_are_reported_come_back_alone_and_end_in_the_dead_letter_queue(toy: Any) -> None:
    toy.client("sqs").send_message_batch(
        QueueUrl=toy.url("WorkQueue"),
        Entries=[
            {"Id": "good", "MessageBody": '{"n": "good"}'},
            {"Id": "bad", "MessageBody": '{"n": "bad", "fail": true}'},
        ],
    )
    (dead,) = until(lambda: toy.take("WorkDeadLetterQueue"))
    assert json.loads(dead["Body"])["n"] == "bad"
    bodies = [json.loads(record["body"])["n"] for record in toy.seen]
    assert sorted(bodies) == ["bad", "bad", "good"], "maxReceiveCount is two"
    counts = [r["attributes"]["ApproximateReceiveCount"] for r in toy.seen if '"bad"' in r["body"]]
    assert counts == ["1", "2"]


def test_a_function_that_raises_fails_the_whole_batch(toy: Any) -> None:
    toy.send('{"n": 1, "raise": true}')
    (dead,) = until(lambda: toy.take("WorkDeadLetterQueue"))
    assert json.loads(dead["Body"])["n"] == 1


def test_a_delayed_message_arrives_when_its_delay_has_passed(toy: Any) -> None:
    sent_ms = time.time() * 1000
    toy.send('{"n": "late"}', DelaySeconds=1)
    until(lambda: toy.seen)
    arrived_ms = toy.module("RelayFunction").seen_at["late"]
    assert arrived_ms - sent_ms >= 1000


def test_a_hop_takes_milliseconds(toy: Any) -> None:
    hops = []
    for number in range(30):
        toy.seen.clear()
        toy.send(json.dumps({"n": number}))
        until(lambda: toy.seen)
        sent_ms = float(toy.seen[0]["attributes"]["SentTimestamp"])
        hops.append(toy.module("RelayFunction").seen_at[number] - sent_ms)
    assert sorted(hops)[15] < 500  # fixed polling would take longer; how long it really takes is for the bench


def test_a_batching_window_gathers(start: Callable[..., Any]) -> None:
    toy = start(parameters={"BatchWindow": "1", "Visibility": "30"})
    began = time.monotonic()
    for number in range(3):
        toy.send(json.dumps({"n": number}))
    until(lambda: len(toy.seen) == 3)
    assert time.monotonic() - began > 0.8


def test_a_full_batch_does_not_wait_for_its_window(start: Callable[..., Any]) -> None:
    toy = start(parameters={"BatchWindow": "60", "Visibility": "120"})
    began = time.monotonic()
    for number in range(10):
        toy.send(json.dumps({"n": number}))
    until(lambda: len(toy.seen) == 10)
    assert time.monotonic() - began < 30
