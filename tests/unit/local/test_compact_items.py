"""Items as texts: what is kept, in which order, and what moto sees of it."""

import copy
import gc
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.models.dynamo_type import DynamoType

from minoots_local.aws.account import Account
from minoots_local.aws.gate import AwsGate
from minoots_local.aws.images import Snapshot
from minoots_local.aws.item_store import ItemStore, KeyAttribute, MotoItems
from minoots_local.aws.lean_table import LeanTable
from minoots_local.aws.slices import comparable
from minoots_local.aws.sorted_keys import Layout, SortedKeys
from minoots_local.aws.streams import TableWrite
from minoots_local.aws.write_path import WritePath, outbox_of
from minoots_local.clock import SystemClock
from minoots_local.ledger import NoLedger
from minoots_local.players.ttl import TimeToLive

HASH, RANGE = KeyAttribute("pk", "S"), KeyAttribute("sk", "S")


def image(name: str, **attributes: Any) -> dict[str, Any]:
    return {"pk": {"S": "p"}, "sk": {"S": name}, **attributes}


@pytest.fixture
def account() -> Iterator[Account]:
    account = Account(AwsGate())
    account.gate.durability = WritePath(account.tables, NoLedger(), SystemClock())
    with account.open():
        yield account


def table_of(account: Account, *, sort_key: bool = True, **more: Any) -> LeanTable:
    names = {"pk": "S", **({"sk": "S"} if sort_key else {})}
    account.client("dynamodb").create_table(
        TableName="things",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in names.items()],
        KeySchema=[
            {"AttributeName": name, "KeyType": role} for name, role in zip(names, ("HASH", "RANGE"), strict=False)
        ],
        BillingMode="PAY_PER_REQUEST",
        **more,
    )
    return account.tables.lean_tables["things"]


def test_snapshots_are_equal_when_their_attributes_are() -> None:
    one = Snapshot(b'{"a":{"S":"x"},"b":{"N":"1"}}')
    assert one == Snapshot(b'{"b":{"N":"1"},"a":{"S":"x"}}')
    assert one != Snapshot(b'{"a":{"S":"x"}}')


def test_a_folded_snapshot_reads_the_same_again() -> None:
    odd = image("a", text={"S": "ä\u2028\x00\U0001f600"})
    snapshot = Snapshot.of(odd)
    snapshot.fold()
    assert snapshot.image == odd


def test_what_is_kept_is_nothing_to_the_garbage_collector() -> None:
    store = ItemStore(HASH, RANGE)
    for number in range(1_000):
        store.keep(("p", str(number)), Snapshot.of(image(str(number))).text)
    gc.collect()
    before = len(gc.get_objects())
    for number in range(1_000, 3_000):
        store.keep(("p", str(number)), Snapshot.of(image(str(number))).text)
    gc.collect()
    assert len(gc.get_objects()) - before < 20


def test_a_key_of_another_type_leads_nowhere() -> None:
    store = ItemStore(HASH, RANGE)
    store.keep(("p", "1"), Snapshot.of(image("1")).text)
    items = MotoItems(store)
    assert items[DynamoType({"S": "p"})][DynamoType({"S": "1"})].attrs["sk"].value == "1"
    with pytest.raises(KeyError):
        items[DynamoType({"S": "p"})][DynamoType({"N": "1"})]
    with pytest.raises(KeyError):
        items[DynamoType({"B": "p"})]


def test_a_partition_goes_with_its_last_item_and_looking_makes_none() -> None:
    store = ItemStore(HASH, RANGE)
    items = MotoItems(store)
    assert len(items[DynamoType({"S": "q"})]) == 0
    store.keep(("p", "1"), Snapshot.of(image("1")).text)
    assert [key.value for key in items] == ["p"]
    items[DynamoType({"S": "p"})].pop(DynamoType({"S": "1"}))
    assert list(items) == []


def test_a_copied_table_is_a_table_of_its_own(account: Account) -> None:
    table = table_of(account)
    table.load([Snapshot.of(image("a")).text])
    twin = copy.deepcopy(table)
    table.replace(None, Snapshot.of(image("b")))
    assert (len(table), len(twin)) == (2, 1)
    assert [item.range_key.value for item in twin.all_items() if item.range_key] == ["a"]
    twin.replace(Snapshot.of(image("a")), None)
    assert [item.range_key.value for item in table.all_items() if item.range_key] == ["a", "b"]


@pytest.mark.parametrize(
    ("one", "other"),
    [({"N": "9"}, {"N": "10"}), ({"N": "-1"}, {"N": "0"}), ({"N": "1"}, {"N": "1.5"}), ({"S": "10"}, {"S": "9"})],
)
def test_keys_sort_by_their_type(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert comparable(one) < comparable(other)
    assert comparable(DynamoType(one)) == comparable(one)


def test_equal_numbers_are_one_key() -> None:
    assert comparable({"N": "1"}) == comparable({"N": "1.0"})
    assert hash(comparable({"N": "1"})) == hash(comparable({"N": "1.0"}))


def test_only_what_names_a_second_in_between_has_expired() -> None:
    keys = SortedKeys(Layout("pk", "sk", (), "expires"))
    seconds = {"a": {"N": "30"}, "b": {"N": "20.5"}, "c": {"N": "10"}, "d": {"N": "40"}, "e": {"S": "25"}}
    keys.load([*(image(name, expires=value) for name, value in seconds.items()), image("f")])
    assert [entry[2] for entry in keys.expired(10, 40, 100)] == ["b", "a"]
    assert [entry[2] for entry in keys.expired(10, 40, 1)] == ["b"]
    keys.move(image("b", expires={"N": "20.5"}), image("b"))
    assert [entry[2] for entry in keys.expired(10, 40, 100)] == ["a"]


def test_a_time_to_live_that_is_enabled_later_finds_what_is_there(account: Account) -> None:
    table = table_of(account)
    table.load([Snapshot.of(image("a", expires={"N": "5"})).text])
    assert table.expired(0, 10, 100) == []
    account.client("dynamodb").update_time_to_live(
        TableName="things", TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
    )
    assert [[key.value for key in keys if key] for keys in table.expired(0, 10, 100)] == [["p", "a"]]


class SetClock(SystemClock):
    """Says what it is set to."""

    now = 0.0

    def now_ms(self) -> float:
        return self.now


def test_time_to_live_is_looked_at_once_a_minute_however_often_a_wait_ends(account: Account) -> None:
    table_of(account)
    db = account.client("dynamodb")
    db.update_time_to_live(TableName="things", TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"})
    db.put_item(TableName="things", Item=image("a", expires={"N": "1000"}))
    clock = SetClock()
    player = TimeToLive(account.gate, account.tables, clock)

    def left_at(second: int) -> int:
        clock.now = second * 1000.0
        player._round()
        return int(db.scan(TableName="things")["Count"])

    assert [left_at(second) for second in (995, 1005, 1050, 1056)] == [1, 1, 1, 0]


def test_a_scan_reads_only_the_items_of_its_page(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(account)
    table.load(Snapshot.of({**image(f"{n:03}"), "pk": {"S": f"p{n % 3}"}}).text for n in range(300))
    made: list[object] = []
    make: Callable[..., Any] = ItemStore.item
    monkeypatch.setattr(ItemStore, "item", lambda store, key: (made.append(key), make(store, key))[1])
    db = account.client("dynamodb")
    found, start = [], {}
    while True:
        page = db.scan(TableName="things", Limit=70, **start)
        found += [(item["pk"]["S"], item["sk"]["S"]) for item in page["Items"]]
        assert len(made) <= 72
        made.clear()
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert found == sorted((f"p{n % 3}", f"{n:03}") for n in range(300))


def test_a_table_without_a_sort_key_holds_items_too(account: Account) -> None:
    table = table_of(account, sort_key=False)
    db = account.client("dynamodb")
    for name in ("b", "a"):
        db.put_item(TableName="things", Item={"pk": {"S": name}, "n": {"N": "1"}})
    db.update_item(
        TableName="things",
        Key={"pk": {"S": "a"}},
        UpdateExpression="ADD n :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    assert db.scan(TableName="things")["Items"] == [
        {"pk": {"S": "a"}, "n": {"N": "2"}},
        {"pk": {"S": "b"}, "n": {"N": "1"}},
    ]
    db.delete_item(TableName="things", Key={"pk": {"S": "b"}})
    assert "Item" not in db.get_item(TableName="things", Key={"pk": {"S": "b"}})
    assert len(table) == 1


def test_a_transaction_that_fails_leaves_everything_as_it_was(account: Account) -> None:
    table = table_of(account)
    db = account.client("dynamodb")
    db.put_item(TableName="things", Item=image("a", n={"N": "1"}))
    change = {
        "TableName": "things",
        "Key": {name: value for name, value in image("a").items() if name in {"pk", "sk"}},
        "UpdateExpression": "SET n = :n",
        "ExpressionAttributeValues": {":n": {"N": "2"}},
    }
    refused = {"TableName": "things", "Item": image("b"), "ConditionExpression": "attribute_exists(pk)"}
    with pytest.raises(ClientError, match="TransactionCanceledException"):
        db.transact_write_items(TransactItems=[{"Update": change}, {"Put": refused}])
    assert db.scan(TableName="things")["Items"] == [image("a", n={"N": "1"})]
    assert account.tables.lean_tables["things"] is not table, "moto puts its copy back"
    assert not outbox_of(account.tables.lean_tables["things"]).pending


def test_records_that_everybody_has_read_keep_no_images(account: Account) -> None:
    stream = outbox_of(table_of(account)).stream
    stream.enabled = True
    stream.add_reader("one")
    stream.add_reader("other")
    account.client("dynamodb").put_item(TableName="things", Item=image("a"))
    (record,) = stream.read("one", 10, 0)
    told = json.loads(record.as_json("arn"))["dynamodb"]
    stream.advance("one", record.number + 1)
    assert record.written is not None
    stream.advance("other", record.number + 1)
    assert record.written is None
    assert record.write.after is not None
    assert record.write.after._image is None
    assert record.as_api()["dynamodb"] | {"ApproximateCreationDateTime": 0} == told | {"ApproximateCreationDateTime": 0}


def test_a_stream_that_nobody_reads_does_not_grow_for_ever(account: Account) -> None:
    stream = outbox_of(table_of(account)).stream
    stream.enabled = True
    for number in range(2_100):
        stream.append(TableWrite({}, None, Snapshot.of(image(str(number)))), 0.0, 0)
    assert len(stream.records) < 2_100
    assert stream.records[-1].number == stream.next_number - 1


def test_an_update_that_is_refused_half_way_leaves_the_item_as_it_was(account: Account) -> None:
    table_of(account)
    db = account.client("dynamodb")
    db.put_item(TableName="things", Item=image("a", n={"N": "1"}))
    with pytest.raises(ClientError, match="ValidationException"):
        db.update_item(
            TableName="things",
            Key=image("a"),
            UpdateExpression="SET n = :n, nowhere.deep = :n",
            ExpressionAttributeValues={":n": {"N": "2"}},
        )
    assert db.get_item(TableName="things", Key=image("a"))["Item"] == image("a", n={"N": "1"})
