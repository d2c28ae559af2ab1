"""One suite for both ways that a table is answered: moto's own, and ours that stands in for its hot calls."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws

from minoots_local.aws.account import Account
from minoots_local.aws.gate import AwsGate, AwsReply
from minoots_local.aws.write_path import WritePath, outbox_of
from minoots_local.clock import SystemClock
from minoots_local.ledger import NoLedger
from minoots_local.template.model import REGION

KEY = {"pk": {"S": "p"}, "sk": {"S": "s"}}
RICH = {
    "text": {"S": "naïve \u2028 😀 \x00"},
    "empty": {"S": ""},
    "whole": {"N": "12"},
    "broken": {"N": "-0.125"},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "deep": {"M": {"list": {"L": [{"N": "1"}, {"M": {}}, {"L": []}, {"BOOL": False}]}, "ü": {"S": "x"}}},
}
ODD = {"bytes": {"B": b"\x00\xff"}, "set": {"SS": ["b", "a"]}, "blobs": {"BS": [b"\xff"]}, "large": {"N": "1e30"}}


@dataclass
class Things:
    """A table of one engine.

    Attributes:
        direct: Operations that were answered without moto.
    """

    db: Any
    streams: Any
    direct: list[str] = field(default_factory=list)
    ours: bool = False

    def put(self, attributes: dict[str, Any] | None = None, **more: Any) -> None:
        self.db.put_item(TableName="things", Item={**KEY, **(attributes or {})}, **more)

    def get(self, key: dict[str, Any] | None = None, **more: Any) -> dict[str, Any] | None:
        answer = self.db.get_item(TableName="things", Key=key or KEY, ConsistentRead=True, **more)
        found: dict[str, Any] | None = answer.get("Item")
        return found

    def change(
        self, expression: str, names: dict[str, str], values: dict[str, Any], was: str = "1", **more: Any
    ) -> Any:
        request = {
            "TableName": "things",
            "Key": KEY,
            "UpdateExpression": expression,
            "ConditionExpression": "#version = :was",
            "ExpressionAttributeNames": {**names, "#version": "version"},
            "ExpressionAttributeValues": {**values, ":was": {"N": was}},
        }
        return self.db.update_item(**{**request, **more})

    def records(self) -> list[tuple[str, Any, Any]]:
        """Name, old and new image of every stream record."""
        (stream,) = self.streams.list_streams()["Streams"]
        arn = stream["StreamArn"]
        (shard,) = self.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        iterator = self.streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found = self.streams.get_records(ShardIterator=iterator)["Records"]
        changes = [(record["eventName"], record["dynamodb"]) for record in found]
        return [(name, change.get("OldImage"), change.get("NewImage")) for name, change in changes]

    def waiting(self) -> list[str]:
        """Sort keys in the sparse index, in order."""
        found = self.db.query(
            TableName="things",
            IndexName="waiting",
            KeyConditionExpression="lane = :l",
            ExpressionAttributeValues={":l": {"S": "l"}},
        )["Items"]
        return [item["sk"]["S"] for item in found]

    def went(self, *operations: str) -> bool:
        """Whether, of ours, exactly these calls needed no moto."""
        seen, self.direct[:] = list(self.direct), []
        return not self.ours or seen == list(operations)


def _make(db: Any) -> None:
    names = {"pk": "S", "sk": "S", "lane": "S", "due": "N"}
    db.create_table(
        TableName="things",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in names.items()],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "waiting",
                "KeySchema": [
                    {"AttributeName": "lane", "KeyType": "HASH"},
                    {"AttributeName": "due", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )


def _client(service: str) -> Any:
    # As the kernel makes them: nothing is checked before it is sent.
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    return boto3.client(service, region_name=REGION, config=config)  # type: ignore[call-overload]


@pytest.fixture(params=["moto", "direct"])
def things(request: pytest.FixtureRequest) -> Iterator[Things]:
    if request.param == "moto":
        with mock_aws():
            things = Things(_client("dynamodb"), _client("dynamodbstreams"))
            _make(things.db)
            yield things
        return
    account = Account(AwsGate())
    account.gate.durability = WritePath(account.tables, NoLedger(), SystemClock())
    with account.open():
        things = Things(_client("dynamodb"), _client("dynamodbstreams"), ours=True)
        account.gate.direct = _counted(things, account.gate.direct)
        _make(things.db)
        outbox_of(account.tables.lean_tables["things"]).stream.enabled = True
        yield things


def _counted(things: Things, answer: Any) -> Callable[[str, bytes], AwsReply | None]:
    def direct(operation: str, body: bytes) -> AwsReply | None:
        reply: AwsReply | None = answer(operation, body)
        if reply is not None:
            things.direct.append(operation)
        return reply

    return direct


def _error(call: Callable[[], Any]) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    return response["Error"]["Code"], response["Error"]["Message"], response["ResponseMetadata"]["HTTPStatusCode"]


REFUSED = ("ConditionalCheckFailedException", "The conditional request failed", 400)


def test_an_item_comes_back_as_it_was_put(things: Things) -> None:
    things.put(RICH)
    assert things.get() == {**KEY, **RICH}
    assert things.went("PutItem", "GetItem")


def test_bytes_sets_and_odd_numbers_come_back_too(things: Things) -> None:
    things.put(ODD)
    found = things.get() or {}
    assert {**found, "set": {"SS": sorted(found["set"]["SS"])}} == {**KEY, **ODD, "set": {"SS": ["a", "b"]}}
    assert things.went("GetItem"), "moto stores what comes encoded"


def test_a_missing_item_is_no_item(things: Things) -> None:
    assert things.get() is None
    assert things.get({"pk": {"S": "other"}, "sk": {"S": "s"}}) is None
    assert things.went("GetItem", "GetItem")


def test_a_put_replaces_the_whole_item(things: Things) -> None:
    things.put({"a": {"S": "1"}})
    things.put({"b": {"S": "2"}})
    assert things.get() == {**KEY, "b": {"S": "2"}}
    assert things.records() == [
        ("INSERT", None, {**KEY, "a": {"S": "1"}}),
        ("MODIFY", {**KEY, "a": {"S": "1"}}, {**KEY, "b": {"S": "2"}}),
    ]


def test_a_new_item_is_put_where_there_is_none(things: Things) -> None:
    things.put({"a": {"N": "1"}}, ConditionExpression="attribute_not_exists(pk)")
    assert _error(lambda: things.put({"a": {"N": "2"}}, ConditionExpression="attribute_not_exists(pk)")) == REFUSED
    assert things.get() == {**KEY, "a": {"N": "1"}}
    assert things.went("PutItem", "PutItem", "GetItem")
    assert len(things.records()) == 1


def test_other_conditions_are_held_as_well(things: Things) -> None:
    things.put({"a": {"N": "1"}})
    assert _error(lambda: things.put({}, ConditionExpression="attribute_exists(b)")) == REFUSED
    things.put({"b": {"N": "1"}}, ConditionExpression="attribute_not_exists(b)")
    assert things.went("PutItem")


def test_a_change_sets_and_removes(things: Things) -> None:
    before = {**KEY, **RICH, "version": {"N": "1"}}
    things.put(before)
    names = {"#0": "version", "#1": "deep", "#2": "text", "#3": "nowhere", "#4": "new"}
    things.change(
        "SET #0 = :0, #1 = :1, #4 = :4 REMOVE #2, #3",
        names,
        {":0": {"N": "2"}, ":1": {"M": {"x": {"L": []}}}, ":4": {"S": "é"}},
    )
    after = {**before, "version": {"N": "2"}, "deep": {"M": {"x": {"L": []}}}, "new": {"S": "é"}}
    del after["text"]
    assert things.get() == after
    assert things.went("PutItem", "UpdateItem", "GetItem")
    assert things.records() == [("INSERT", None, before), ("MODIFY", before, after)]


@pytest.mark.parametrize(
    ("expression", "names", "values"),
    [("SET #0 = :0", {"#0": "a"}, {":0": {"S": "x"}}), ("REMOVE #0", {"#0": "a"}, {})],
)
def test_a_change_may_only_set_or_only_remove(
    things: Things, expression: str, names: dict[str, str], values: dict[str, Any]
) -> None:
    things.put({"version": {"N": "1"}, "a": {"S": "was"}})
    things.change(expression, names, values)
    assert (things.get() or {}).get("a") == values.get(":0")
    assert things.went("PutItem", "UpdateItem", "GetItem")


def test_a_change_of_another_version_is_refused(things: Things) -> None:
    item = {**KEY, "version": {"N": "2"}, "a": {"S": "x"}}
    things.put(item)
    assert _error(lambda: things.change("REMOVE #0", {"#0": "a"}, {})) == REFUSED
    assert things.get() == item
    assert things.went("PutItem", "UpdateItem", "GetItem")
    assert len(things.records()) == 1


@pytest.mark.parametrize("version", [None, {"S": "1"}, {"NULL": True}])
def test_a_change_of_what_has_no_version_is_refused(things: Things, version: Any) -> None:
    things.put({"version": version} if version else {})
    assert _error(lambda: things.change("SET #0 = :0", {"#0": "a"}, {":0": {"N": "1"}})) == REFUSED


def test_a_change_of_a_missing_item_is_refused_and_makes_none(things: Things) -> None:
    assert _error(lambda: things.change("SET #0 = :0", {"#0": "a"}, {":0": {"N": "1"}})) == REFUSED
    assert things.get() is None
    assert things.went("UpdateItem", "GetItem")
    assert things.records() == []


def test_equal_numbers_are_one_version(things: Things) -> None:
    things.put({"version": {"N": "1.0"}})
    things.change("SET #0 = :0", {"#0": "a"}, {":0": {"N": "1"}})
    assert (things.get() or {})["a"] == {"N": "1"}


def test_an_unconditional_change_makes_the_item(things: Things) -> None:
    things.db.update_item(
        TableName="things",
        Key=KEY,
        UpdateExpression="SET #0 = :0",
        ExpressionAttributeNames={"#0": "a"},
        ExpressionAttributeValues={":0": {"S": "x"}},
    )
    assert things.get() == {**KEY, "a": {"S": "x"}}
    assert things.records()[-1][2] == {**KEY, "a": {"S": "x"}}


def test_what_is_asked_to_come_back_comes_back(things: Things) -> None:
    things.put({"version": {"N": "1"}, "a": {"S": "x"}})
    answer = things.change("SET #0 = :0", {"#0": "a"}, {":0": {"S": "y"}}, ReturnValues="ALL_OLD")
    assert answer["Attributes"]["a"] == {"S": "x"}
    answer = things.db.get_item(TableName="things", Key=KEY, ProjectionExpression="a")
    assert answer["Item"] == {"a": {"S": "y"}}
    answer = things.db.get_item(TableName="things", Key=KEY, ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"]["TableName"] == "things"
    answer = things.db.put_item(TableName="things", Item=KEY, ReturnValues="ALL_OLD")
    assert answer["Attributes"]["a"] == {"S": "y"}
    assert things.went("PutItem")


def test_the_index_holds_what_carries_its_keys_in_their_order(things: Things) -> None:
    for sort, due in (("a", "10"), ("b", "9"), ("c", None)):
        more = {"due": {"N": due}} if due else {}
        item = {"pk": {"S": "p"}, "sk": {"S": sort}, "lane": {"S": "l"}, "version": {"N": "1"}, **more}
        things.db.put_item(TableName="things", Item=item)
    assert things.waiting() == ["b", "a"]
    things.change("REMOVE #0", {"#0": "lane"}, {}, Key={**KEY, "sk": {"S": "b"}})
    things.change("SET #0 = :0", {"#0": "due"}, {":0": {"N": "100"}}, Key={**KEY, "sk": {"S": "a"}})
    things.change("SET #0 = :0", {"#0": "due"}, {":0": {"N": "20"}}, Key={**KEY, "sk": {"S": "c"}})
    assert things.waiting() == ["c", "a"]
    assert things.went("PutItem", "PutItem", "PutItem", "UpdateItem", "UpdateItem", "UpdateItem")


def test_many_items_are_read_at_once(things: Things) -> None:
    keys = [{"pk": {"S": f"p{n}"}, "sk": {"S": "s"}} for n in range(5)]
    for key in keys[:3]:
        things.db.put_item(TableName="things", Item={**key, **RICH})
    answer = things.db.batch_get_item(RequestItems={"things": {"Keys": keys, "ConsistentRead": True}})
    found = sorted(answer["Responses"]["things"], key=lambda item: item["pk"]["S"])
    assert found == [{**key, **RICH} for key in keys[:3]]
    assert answer["UnprocessedKeys"] == {}
    assert things.went("PutItem", "PutItem", "PutItem", "BatchGetItem")


def put_many(things: Things, *items: dict[str, Any]) -> Any:
    return things.db.batch_write_item(RequestItems={"things": [{"PutRequest": {"Item": item}} for item in items]})


def test_many_items_are_put_at_once_over_whatever_stands_there(things: Things) -> None:
    things.put({"version": {"N": "1"}})
    things.went("PutItem")
    items = [{"pk": {"S": "p"}, "sk": {"S": f"s{n}"}, "lane": {"S": "l"}, "due": {"N": str(9 - n)}} for n in range(3)]
    answer = put_many(things, {**KEY, **RICH}, *items)
    assert answer["UnprocessedItems"] == {}
    assert things.went("BatchWriteItem")
    assert things.get() == {**KEY, **RICH}
    assert things.waiting() == ["s2", "s1", "s0"]
    names = sorted(name for name, _, _ in things.records()[1:])
    assert names == ["INSERT", "INSERT", "INSERT", "MODIFY"]


def test_a_batch_that_removes_is_done_as_well(things: Things) -> None:
    things.put({})
    things.db.batch_write_item(RequestItems={"things": [{"DeleteRequest": {"Key": KEY}}]})
    assert things.get() is None


def test_the_same_item_is_not_read_twice_at_once(things: Things) -> None:
    code, _, status = _error(lambda: things.db.batch_get_item(RequestItems={"things": {"Keys": [KEY, KEY]}}))
    assert (code, status) == ("ValidationException", 400)


BAD: dict[str, Callable[[Things], Any]] = {
    "a put that is too large": lambda t: t.put({"a": {"S": "x" * 410_000}}),
    "a put with an empty key": lambda t: t.put({"sk": {"S": ""}}),
    "a put with a key of another type": lambda t: t.put({"sk": {"N": "1"}}),
    "a put without its sort key": lambda t: t.db.put_item(TableName="things", Item={"pk": {"S": "p"}}),
    "a put with an empty key of an index": lambda t: t.put({"lane": {"S": ""}}),
    "a put of what is no number": lambda t: t.put({"a": {"N": "many"}}),
    "a put of a number that is no text": lambda t: t.put({"a": {"N": 5}}),
    "a read with an empty key": lambda t: t.get({**KEY, "sk": {"S": ""}}),
    "a read with half a key": lambda t: t.get({"pk": {"S": "p"}}),
    "a read with too much of a key": lambda t: t.get({**KEY, "a": {"S": "x"}}),
    "a change that grows too large": lambda t: t.change("SET #0 = :0", {"#0": "b"}, {":0": {"S": "x" * 300_000}}),
    "a change of the key": lambda t: t.change("SET #0 = :0", {"#0": "sk"}, {":0": {"S": "x"}}),
    "a change with a name too many": lambda t: t.change("REMOVE #0", {"#0": "a", "#1": "b"}, {}),
    "a change with a value too many": lambda t: t.change("REMOVE #0", {"#0": "a"}, {":0": {"S": "x"}}),
    "a change of one attribute twice": lambda t: t.change(
        "SET #0 = :0 REMOVE #1", {"#0": "a", "#1": "a"}, {":0": {"S": "x"}}
    ),
    "a change of nothing": lambda t: t.change("", {}, {}),
    "a change with its words run together": lambda t: t.change(
        "SET #0 = :0REMOVE #1", {"#0": "b", "#1": "a"}, {":0": {"S": "x"}}
    ),
    "a batch that puts an item twice": lambda t: put_many(t, KEY, KEY),
    "a batch with an item that is too large": lambda t: put_many(t, {**KEY, "b": {"S": "x" * 410_000}}),
    "a batch with an empty key": lambda t: put_many(t, {**KEY, "sk": {"S": ""}}),
    "a read of no table": lambda t: t.db.get_item(TableName="nowhere", Key=KEY),
    "a change in no table": lambda t: t.change("REMOVE #0", {"#0": "a"}, {}, TableName="nowhere"),
}


@pytest.mark.parametrize("what", BAD)
def test_it_is_refused_and_changes_nothing(things: Things, what: str) -> None:
    item = {**KEY, "version": {"N": "1"}, "a": {"S": "x" * 200_000}}
    things.put(item)
    things.direct.clear()
    code, _, status = _error(lambda: BAD[what](things))
    assert code in {"ValidationException", "ResourceNotFoundException", "SerializationException"}
    assert status == 400
    assert things.went(), "what is wrong is moto's to say"
    assert things.get() == item
    assert len(things.records()) == 1


def test_an_answer_carries_its_checksum_and_a_request_id(things: Things) -> None:
    things.put({})
    # botocore compares the checksum with the body, and would raise.
    metadata = things.db.get_item(TableName="things", Key=KEY)["ResponseMetadata"]
    assert metadata["HTTPHeaders"]["x-amz-crc32"].isdigit()
    assert metadata["HTTPHeaders"]["x-amzn-requestid"]
    assert metadata["RetryAttempts"] == 0


def test_what_moto_changes_in_place_stays_changed(things: Things) -> None:
    things.put({"n": {"N": "1"}, "list": {"L": [{"S": "a"}]}, "map": {"M": {"x": {"S": "1"}}}, "set": {"SS": ["a"]}})
    for expression, values in (
        ("ADD n :v", {":v": {"N": "2"}}),
        ("SET #list = list_append(#list, :v)", {":v": {"L": [{"S": "b"}]}}),
        ("SET #map.y = :v", {":v": {"S": "2"}}),
        ("ADD #set :v", {":v": {"SS": ["b"]}}),
        ("REMOVE #map.x", {}),
    ):
        names = {alias: alias[1:] for alias in ("#list", "#map", "#set") if alias in expression}
        things.db.update_item(
            TableName="things",
            Key=KEY,
            UpdateExpression=expression,
            **({"ExpressionAttributeNames": names} if names else {}),
            **({"ExpressionAttributeValues": values} if values else {}),
        )
    found = things.get() or {}
    assert found["n"] == {"N": "3"}
    assert found["list"] == {"L": [{"S": "a"}, {"S": "b"}]}
    assert found["map"] == {"M": {"y": {"S": "2"}}}
    assert sorted(found["set"]["SS"]) == ["a", "b"]
    assert len(things.records()) == 6


def test_a_removed_item_is_gone_from_everywhere(things: Things) -> None:
    item = {**KEY, "lane": {"S": "l"}, "due": {"N": "1"}}
    things.db.put_item(TableName="things", Item=item)
    answer = things.db.delete_item(TableName="things", Key=KEY, ReturnValues="ALL_OLD")
    assert answer["Attributes"] == item
    assert things.get() is None
    assert things.waiting() == []
    assert things.db.scan(TableName="things")["Count"] == 0
    assert things.records()[-1] == ("REMOVE", item, None)
    things.db.delete_item(TableName="things", Key=KEY)
    assert len(things.records()) == 2


def _paged(read: Callable[..., Any], **request: Any) -> list[list[tuple[str, str]]]:
    """Keys of the items, page by page."""
    pages = []
    while True:
        page = read(TableName="things", **request)
        pages.append([(item["pk"]["S"], item["sk"]["S"]) for item in page["Items"]])
        if "LastEvaluatedKey" not in page:
            return pages
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _fill(things: Things, partitions: int = 3, items: int = 4) -> list[tuple[str, str]]:
    keys = [(f"p{n}", str(m)) for n in range(partitions) for m in range(items)]
    for number, (partition, sort) in enumerate(reversed(keys)):
        lane = {"lane": {"S": "l"}, "due": {"N": str(number % 5)}} if number % 2 else {}
        things.db.put_item(TableName="things", Item={"pk": {"S": partition}, "sk": {"S": sort}, **lane})
    return keys


@pytest.mark.parametrize("limit", [1, 5, 12, 50])
def test_a_scan_comes_by_every_item_in_the_order_of_the_keys(things: Things, limit: int) -> None:
    keys = _fill(things)
    pages = _paged(things.db.scan, Limit=limit)
    assert [key for page in pages for key in page] == keys
    assert max(map(len, pages)) <= limit


def test_a_scan_of_the_index_or_of_a_part_sees_what_belongs_there(things: Things) -> None:
    keys = _fill(things)
    indexed = things.db.scan(TableName="things", IndexName="waiting")["Items"]
    assert len(indexed) == len(keys) // 2
    parts = [things.db.scan(TableName="things", Segment=n, TotalSegments=3)["Items"] for n in range(3)]
    assert sorted((item["pk"]["S"], item["sk"]["S"]) for part in parts for item in part) == keys
    filtered = things.db.scan(
        TableName="things", FilterExpression="due = :d", ExpressionAttributeValues={":d": {"N": "3"}}
    )
    assert (filtered["Count"], filtered["ScannedCount"]) == (1, len(keys))


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("limit", [1, 3, 50])
def test_a_query_pages_through_an_index_and_a_partition(things: Things, limit: int, forward: bool) -> None:
    keys = _fill(things)
    pages = _paged(
        things.db.query,
        Limit=limit,
        ScanIndexForward=forward,
        KeyConditionExpression="pk = :p AND sk BETWEEN :a AND :b",
        ExpressionAttributeValues={":p": {"S": "p1"}, ":a": {"S": "1"}, ":b": {"S": "3"}},
    )
    wanted = [key for key in keys if key[0] == "p1" and key[1] != "0"]
    assert [key for page in pages for key in page] == (wanted if forward else wanted[::-1])
    indexed = _paged(
        things.db.query,
        Limit=limit,
        ScanIndexForward=forward,
        IndexName="waiting",
        KeyConditionExpression="lane = :l AND due >= :d",
        ExpressionAttributeValues={":l": {"S": "l"}, ":d": {"N": "2"}},
    )
    assert len([key for page in indexed for key in page]) == len({key for page in indexed for key in page}) == 3


def test_a_transaction_is_whole_or_nothing(things: Things) -> None:
    keys = _fill(things, 1, 2)
    new = {"Put": {"TableName": "things", "Item": {**KEY, "n": {"N": "1"}}}}
    gone = {"Delete": {"TableName": "things", "Key": {"pk": {"S": "p0"}, "sk": {"S": "0"}}}}
    change = {
        "Update": {
            "TableName": "things",
            "Key": {"pk": {"S": "p0"}, "sk": {"S": "1"}},
            "UpdateExpression": "SET n = :n",
            "ExpressionAttributeValues": {":n": {"N": "2"}},
        }
    }
    refused = {
        "Put": {"TableName": "things", "Item": {**KEY, "sk": {"S": "t"}}, "ConditionExpression": "attribute_exists(n)"}
    }
    code, _, _ = _error(lambda: things.db.transact_write_items(TransactItems=[new, gone, change, refused]))
    assert code == "TransactionCanceledException"
    assert [key for page in _paged(things.db.scan) for key in page] == keys
    assert things.waiting() == ["0"]
    things.db.transact_write_items(TransactItems=[new, gone, change])
    assert [key for page in _paged(things.db.scan) for key in page] == [("p", "s"), ("p0", "1")]
    assert things.get({"pk": {"S": "p0"}, "sk": {"S": "1"}}) == {"pk": {"S": "p0"}, "sk": {"S": "1"}, "n": {"N": "2"}}
    assert things.waiting() == []
