"""Table stream → function, as Lambda's DynamoDB event source mappings do it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.waiting import until

pytestmark = pytest.mark.stack


def test_changes_arrive_in_order_as_lambda_shows_them(toy: Any) -> None:
    table, db = toy.name("ThingsTable"), toy.client("dynamodb")
    key = {"pk": {"S": "p"}, "sk": {"S": "a"}}
    toy.put("a", n={"N": "1"})
    db.update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET n = :n, deep = :d",
        ExpressionAttributeValues={":n": {"N": "2"}, ":d": {"M": {"l": {"L": [{"B": b"\x00"}]}}}},
    )
    db.delete_item(TableName=table, Key=key)
    records = until(lambda: len(toy.records) == 3 and toy.records)
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    insert, modify, remove = (record["dynamodb"] for record in records)
    assert insert["Keys"] == key
    assert "OldImage" not in insert
    assert modify["OldImage"] == insert["NewImage"]
    assert modify["NewImage"]["n"] == {"N": "2"}
    assert modify["NewImage"]["deep"] == {"M": {"l": {"L": [{"B": "AA=="}]}}}
    assert remove["OldImage"] == modify["NewImage"]
    assert "NewImage" not in remove
    numbers = [int(change["SequenceNumber"]) for change in (insert, modify, remove)]
    assert numbers == sorted(set(numbers))
    assert insert["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert isinstance(insert["ApproximateCreationDateTime"], int)
    assert insert["SizeBytes"] > 10
    first = records[0]
    assert (first["eventSource"], first["awsRegion"], first["eventVersion"]) == ("aws:dynamodb", "us-east-1", "1.1")
    assert first["eventSourceARN"].endswith("table/minoots-local-ThingsTable/stream/2026-01-01T00:00:00.000")


def test_an_upsert_by_update_is_one_insert(toy: Any) -> None:
    toy.client("dynamodb").update_item(
        TableName=toy.name("ThingsTable"),
        Key={"pk": {"S": "p"}, "sk": {"S": "new"}},
        UpdateExpression="SET kind = :k",
        ExpressionAttributeValues={":k": {"S": "thing"}},
    )
    (record,) = until(lambda: toy.records)
    assert record["eventName"] == "INSERT"
    assert record["dynamodb"]["NewImage"]["kind"] == {"S": "thing"}


def test_a_write_that_changes_nothing_makes_no_record(toy: Any) -> None:
    toy.put("a")
    toy.put("a")
    toy.put("b")
    until(lambda: len(toy.records) == 2)
    assert [record["dynamodb"]["Keys"]["sk"]["S"] for record in toy.records] == ["a", "b"]


def test_a_transaction_that_fails_leaves_no_record(toy: Any) -> None:
    table, db = toy.name("ThingsTable"), toy.client("dynamodb")
    item = {"pk": {"S": "p"}, "sk": {"S": "t"}, "kind": {"S": "thing"}}
    check = {
        "TableName": table,
        "Key": {"pk": {"S": "p"}, "sk": {"S": "nowhere"}},
        "ConditionExpression": "attribute_exists(pk)",
    }
    with pytest.raises(db.exceptions.TransactionCanceledException):
        db.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": item}}, {"ConditionCheck": check}])
    toy.put("after")
    (record,) = until(lambda: toy.records)
    assert record["dynamodb"]["Keys"]["sk"] == {"S": "after"}
    assert "Item" not in db.get_item(TableName=table, Key={"pk": {"S": "p"}, "sk": {"S": "t"}})


def test_an_update_that_is_refused_leaves_no_item(toy: Any) -> None:
    table, db = toy.name("ThingsTable"), toy.client("dynamodb")
    key = {"pk": {"S": "p"}, "sk": {"S": "half"}}
    with pytest.raises(db.exceptions.ClientError):
        db.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET a.b.c = :v",
            ExpressionAttributeValues={":v": {"S": "x"}},
        )
    assert "Item" not in db.get_item(TableName=table, Key=key)


def test_records_that_no_filter_wants_are_passed_over(toy: Any) -> None:
    toy.put("unwanted", kind={"S": "other"})
    toy.put("wanted")
    (record,) = until(lambda: toy.records)
    assert record["dynamodb"]["Keys"]["sk"] == {"S": "wanted"}


def test_a_reported_failure_goes_on_from_the_lowest_record(toy: Any) -> None:
    with toy.stack.account.gate.lock:  # so that the three make one batch
        toy.put("1")
        toy.put("2", mood={"S": "report"})
        toy.put("3")
    until(lambda: toy.take("StreamFailureQueue"), 30)
    until(lambda: any(record["dynamodb"]["Keys"]["sk"]["S"] == "3" for record in toy.batches[-1]))
    tried = [[record["dynamodb"]["Keys"]["sk"]["S"] for record in batch] for batch in toy.batches]
    assert tried[0] == ["1", "2", "3"]
    assert all("1" not in batch for batch in tried[1:]), "what was done is not done again"
    assert tried[-1] == ["3"]


def test_a_poison_record_is_cut_out_by_halves_and_reported(toy: Any) -> None:
    with toy.stack.account.gate.lock:
        for number in range(8):
            toy.put(str(number), **({"mood": {"S": "raise"}} if number == 5 else {}))
    (message,) = until(lambda: toy.take("StreamFailureQueue"), 60)
    until(lambda: "7" in {record["dynamodb"]["Keys"]["sk"]["S"] for record in toy.batches[-1]})
    report = json.loads(message["Body"])
    info = report["DDBStreamBatchInfo"]
    assert report["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert info["batchSize"] == 1
    assert info["startSequenceNumber"] == info["endSequenceNumber"]
    poison = [r for r in toy.records if r["dynamodb"]["Keys"]["sk"]["S"] == "5"]
    assert info["startSequenceNumber"] == poison[0]["dynamodb"]["SequenceNumber"]
    assert info["streamArn"].endswith("/stream/2026-01-01T00:00:00.000")


def test_what_was_not_read_before_a_restart_is_read_after_it(start: Callable[..., Any], tmp_path: Path) -> None:
    toy = start(data=tmp_path, parameters={"MaximumRetryAttempts": "100"})
    toy.put("stuck", mood={"S": "raise"})
    toy.put("behind")
    until(lambda: toy.records)
    toy = start(data=tmp_path)
    records = until(lambda: len(toy.records) >= 2 and toy.records)
    assert records[0]["dynamodb"]["Keys"]["sk"] == {"S": "stuck"}
    assert records[0]["eventName"] == "INSERT"


def test_what_was_read_before_a_restart_is_not_read_again(start: Callable[..., Any], tmp_path: Path) -> None:
    toy = start(data=tmp_path)
    toy.put("before")
    until(lambda: toy.records)
    toy = start(data=tmp_path)
    toy.put("after")
    until(lambda: toy.records)
    assert [record["dynamodb"]["Keys"]["sk"]["S"] for record in toy.records] == ["after"]


def test_records_that_every_reader_has_read_are_let_go(toy: Any) -> None:
    stream = toy.stack.account.tables.lean_tables[toy.name("ThingsTable")].stream_shard.stream
    for number in range(2600):
        toy.put(str(number), kind={"S": "other"})
    until(lambda: stream.position("ListenFunction") == stream.next_number)
    assert len(stream.records) <= 2200


def test_tools_can_read_the_stream_too(toy: Any) -> None:
    toy.put("a")
    streams = toy.client("dynamodbstreams")
    (found,) = streams.list_streams()["Streams"]
    shard = streams.describe_stream(StreamArn=found["StreamArn"])["StreamDescription"]["Shards"][0]
    iterator = streams.get_shard_iterator(
        StreamArn=found["StreamArn"], ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    (record,) = streams.get_records(ShardIterator=iterator)["Records"]
    assert record["dynamodb"]["Keys"] == {"pk": {"S": "p"}, "sk": {"S": "a"}}
