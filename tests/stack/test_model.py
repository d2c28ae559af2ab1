"""Delays, second deliveries and faults of the whole stack, on request."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError

from minoots_local.model.hops import Hop
from minoots_local.model.settings import FaultRates, ModelSettings
from minoots_local.template.model import REGION
from tests.stack.conftest import Toy
from tests.stack.test_schedules import at, names, schedule
from tests.support.misfortune import suffer
from tests.support.waiting import until

pytestmark = pytest.mark.stack


def test_hops_take_as_long_as_on_aws(start: Callable[..., Toy]) -> None:
    toy = start(model=ModelSettings(latencies=True, seed=5))
    put_at_ms = time.time() * 1000
    toy.put("one")
    toy.send('{"n": 1}')
    until(lambda: toy.records and toy.seen)
    assert time.time() * 1000 - put_at_ms > 60
    assert toy.module("RelayFunction").seen_at[1] - put_at_ms > 3


def test_a_schedule_fires_within_its_minute_and_not_before(start: Callable[..., Toy]) -> None:
    toy = start(model=ModelSettings(latencies=True, seed=5))
    delays = [toy.stack.model.delay_ms(Hop.SCHEDULER) for _ in range(20)]
    for number in range(20):
        schedule(toy, f"s{number}", at(0))
    late = sum(delay > 5_000 for delay in delays)
    assert late > 10, "most of them are seconds away"
    assert len(names(toy)) > 10


def test_a_message_can_come_twice(start: Callable[..., Toy]) -> None:
    toy = start(model=ModelSettings(duplicates=0.5, seed=3))
    for number in range(20):
        toy.send(json.dumps({"n": number}))
    again = toy.stack.model.delivered_again
    until(
        lambda: len(toy.seen) == 20 + again[Hop.QUEUE] and not toy.stack.account.queue(toy.name("WorkQueue"))._entries
    )
    assert again[Hop.QUEUE] > 5
    assert len({record["messageId"] for record in toy.seen}) == 20
    assert len({record["receiptHandle"] for record in toy.seen}) == len(toy.seen)


def test_a_stream_record_can_come_twice(start: Callable[..., Toy]) -> None:
    toy = start(model=ModelSettings(duplicates=0.5, seed=3))
    for number in range(20):
        toy.put(f"k{number}")
    again = toy.stack.model.delivered_again
    until(lambda: len({record["eventID"] for record in toy.records}) == 20)
    until(lambda: len(toy.records) >= 20 + 1)
    assert again[Hop.STREAM] > 0


def test_a_connection_of_another_process_is_closed_too(start: Callable[..., Toy]) -> None:
    faults = FaultRates(resets=1)
    toy = start(aws_port=0, model=ModelSettings(faults=faults))
    config = Config(retries={"total_max_attempts": 1})
    credentials: Any = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    sqs = boto3.client("sqs", region_name=REGION, endpoint_url=toy.stack.aws_url, config=config, **credentials)
    with pytest.raises(ConnectionClosedError):
        sqs.list_queues()


def test_every_timer_settles_though_calls_fail_and_deliveries_repeat() -> None:
    outcome = suffer(200)
    assert outcome.is_sound, "\n".join(outcome.lines())
    assert outcome.injected.keys() >= {"throttle", "lost answer", "again: queue to function"}
