"""Writes against the disk: order, refusal, and what a restart finds."""

import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from minoots_local import journal
from minoots_local.ledger import Ledger
from tests.support.waiting import until

pytestmark = pytest.mark.stack


def test_items_queries_and_indexes_are_the_same_after_a_restart(start: Callable[..., Any], tmp_path: Path) -> None:
    def contents(toy: Any) -> tuple[Any, ...]:
        db, table = toy.client("dynamodb"), toy.name("ThingsTable")
        by_key = db.query(
            TableName=table,
            KeyConditionExpression="pk = :p AND sk BETWEEN :a AND :b",
            ExpressionAttributeValues={":p": {"S": "p"}, ":a": {"S": "010"}, ":b": {"S": "030"}},
        )["Items"]
        by_time = db.query(
            TableName=table,
            IndexName="ByTime",
            KeyConditionExpression="shard = :s AND #at <= :n",
            ExpressionAttributeNames={"#at": "at"},
            ExpressionAttributeValues={":s": {"S": "s1"}, ":n": {"N": "40"}},
        )["Items"]
        return by_key, by_time, db.scan(TableName=table)["Count"]

    toy = start(data=tmp_path)
    for number in range(50):
        toy.put(f"{number:03}", shard={"S": f"s{number % 3}"}, at={"N": str(number * 2)})
    toy.client("dynamodb").delete_item(TableName=toy.name("ThingsTable"), Key={"pk": {"S": "p"}, "sk": {"S": "011"}})
    before = contents(toy)
    assert [item["sk"]["S"] for item in before[0]] == [f"{n:03}" for n in range(10, 31) if n != 11]
    assert [item["sk"]["S"] for item in before[1]] == [f"{n:03}" for n in (1, 4, 7, 10, 13, 16, 19)]
    assert before[2] == 49
    assert contents(start(data=tmp_path)) == before


def test_an_answer_comes_after_the_disk(
    start: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = start(data=tmp_path)
    toy.put("warm")
    go_on = threading.Event()
    real = os.fdatasync

    def held(descriptor: int) -> None:
        go_on.wait(10)
        real(descriptor)

    monkeypatch.setattr(journal.os, "fdatasync", held)
    done: list[str] = []
    threads = [threading.Thread(target=lambda n=n: (toy.put(n), done.append(n))) for n in ("a", "b")]
    for thread in threads:
        thread.start()

    def read() -> Any:
        key = {"pk": {"S": "p"}, "sk": {"S": "a"}}
        return toy.client("dynamodb").get_item(TableName=toy.name("ThingsTable"), Key=key).get("Item")

    # Whoever looks before the write has begun finds nothing, and looks again.
    reader = threading.Thread(target=lambda: done.append(str(until(read)["sk"])))
    until(lambda: toy.stack._ledger._journal.appended >= 3)
    reader.start()
    time.sleep(0.2)
    assert done == [], "neither writers nor a reader of what is not yet durable are answered"
    go_on.set()
    for thread in [*threads, reader]:
        thread.join(10)
    assert sorted(done) == ["a", "b", "{'S': 'a'}"]


def test_a_full_disk_is_an_error_to_the_caller_and_nothing_is_lost_after_it(
    start: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    toy = start(data=tmp_path)
    toy.put("before")
    until(lambda: toy.records)
    real = os.pwrite

    def full(*_args: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(journal.os, "pwrite", full)
    with pytest.raises(ClientError) as refusal:
        toy.put("refused")
    assert refusal.value.response["Error"]["Code"] == "InternalServerError"
    assert "the disk refuses writes" in caplog.text
    assert len(toy.records) == 1, "streams do not show what is not durable"
    monkeypatch.setattr(journal.os, "pwrite", real)
    toy.put("after")
    toy = start(data=tmp_path)
    items = toy.client("dynamodb").scan(TableName=toy.name("ThingsTable"))["Items"]
    assert {"before", "after"} <= {item["sk"]["S"] for item in items}


def test_conditional_writes_from_many_threads_admit_one_winner(toy: Any) -> None:
    table = toy.name("ThingsTable")
    clients = [toy.client("dynamodb") for _ in range(8)]
    wins: list[int] = []
    losses: list[int] = []

    def compete(number: int) -> None:
        for round_ in range(20):
            try:
                clients[number].put_item(
                    TableName=table,
                    Item={"pk": {"S": "race"}, "sk": {"S": str(round_)}, "who": {"N": str(number)}},
                    ConditionExpression="attribute_not_exists(pk)",
                )
                wins.append(round_)
            except clients[number].exceptions.ConditionalCheckFailedException:
                losses.append(round_)

    threads = [threading.Thread(target=compete, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(wins) == list(range(20))
    assert len(losses) == 7 * 20


def test_a_hundred_thousand_items_load_quickly(start: Callable[..., Any], tmp_path: Path) -> None:
    toy = start(data=tmp_path)
    toy.put("one")
    toy.stack.stop()
    ledger = Ledger(tmp_path, {"minoots-local-ThingsTable": _spec()})
    number = ledger.histories["minoots-local-ThingsTable"].next_number
    for index in range(100_000):
        ledger.note_write("minoots-local-ThingsTable", number + index, _write(index), 0)
    ledger.note_position("minoots-local-ThingsTable", "ListenFunction", number + 100_000)
    ledger.close()
    started = time.process_time()  # other tests may keep the machine busy
    toy = start(data=tmp_path)
    took = time.process_time() - started
    found = toy.client("dynamodb").get_item(
        TableName=toy.name("ThingsTable"), Key={"pk": {"S": "p7"}, "sk": {"S": "99999"}}
    )
    assert found["Item"]["name"] == {"S": "timer 99999"}
    assert took < 30


def _spec() -> Any:
    from minoots_local.ledger import TableSpec

    return TableSpec(("pk", "sk"), ("ListenFunction",))


def _write(index: int) -> Any:
    from minoots_local.aws.images import Snapshot
    from minoots_local.aws.streams import TableWrite

    image = {
        "pk": {"S": f"p{index % 8}"},
        "sk": {"S": str(index)},
        "name": {"S": f"timer {index}"},
        "shard": {"S": f"s{index % 8}"},
        "at": {"N": str(index)},
        "metadata": {"M": {"note": {"S": "x" * 100}}},
        **{f"attribute{n}": {"S": "value"} for n in range(12)},
    }
    return TableWrite({"pk": image["pk"], "sk": image["sk"]}, None, Snapshot.of(image))


def test_the_endpoint_over_http_is_the_same_account(start: Callable[..., Any]) -> None:
    toy = start(aws_port=0)
    outside = {
        service: boto3.client(service, region_name="us-east-1", endpoint_url=toy.stack.aws_url)
        for service in ("dynamodb", "sqs", "scheduler", "events")
    }
    outside["dynamodb"].put_item(
        TableName=toy.name("ThingsTable"), Item={"pk": {"S": "p"}, "sk": {"S": "o"}, "kind": {"S": "thing"}}
    )
    until(lambda: toy.records)
    url = outside["sqs"].get_queue_url(QueueName=toy.name("RuleQueue"))["QueueUrl"]
    assert url.startswith(toy.stack.aws_url)
    outside["events"].put_events(
        Entries=[{"Source": "shop", "DetailType": "o", "Detail": '{"total": 11}', "EventBusName": "minoots-local-Bus"}]
    )
    answer = outside["sqs"].receive_message(QueueUrl=url, WaitTimeSeconds=5)
    assert len(answer["Messages"]) == 1
    groups = outside["scheduler"].list_schedule_groups()["ScheduleGroups"]
    assert toy.name("Group") in [group["Name"] for group in groups]


def test_a_long_poll_holds_nobody_up(start: Callable[..., Any]) -> None:
    toy = start(aws_port=0)
    sqs = boto3.client("sqs", region_name="us-east-1", endpoint_url=toy.stack.aws_url)
    url = sqs.get_queue_url(QueueName=toy.name("RuleQueue"))["QueueUrl"]
    got: list[Any] = []

    def poll() -> None:
        got.append(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20).get("Messages"))

    pollers = [threading.Thread(target=poll) for _ in range(3)]
    for poller in pollers:
        poller.start()
    time.sleep(0.2)
    started = time.monotonic()
    for number in range(10):
        toy.put(str(number))
    assert time.monotonic() - started < 15, "a poll lasts twenty seconds"
    for _ in pollers:
        toy.send("{}", queue="RuleQueue")
    for poller in pollers:
        poller.join(30)
    assert [len(messages) for messages in got] == [1, 1, 1]
