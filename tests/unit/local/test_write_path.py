"""What happens as a call of the tables ends: journal, then stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from minoots_local.aws.account import Account
from minoots_local.aws.gate import AwsGate
from minoots_local.aws.streams import TableWrite
from minoots_local.aws.write_path import WritePath, outbox_of
from minoots_local.clock import SystemClock
from minoots_local.ledger import NoLedger
from minoots_local.template.model import REGION


class SlowLedger(NoLedger):
    """A disk that has what it has when the test says so."""

    def __init__(self) -> None:
        self.durable = 0
        self._written = 0

    def note_write(self, table: str, number: int, write: TableWrite, created_ms: float) -> int:
        self._written += 1
        return self._written


@pytest.fixture
def account() -> Iterator[Account]:
    made = Account(AwsGate())
    with made.open():
        made.client("dynamodb").create_table(
            TableName="things",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in KEYS.items()],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
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
        yield made


KEYS = {"pk": "S", "lane": "S", "due": "N"}


def put(name: str, **attributes: Any) -> None:
    boto3.client("dynamodb", region_name=REGION).put_item(TableName="things", Item={"pk": {"S": name}, **attributes})


def test_a_writer_does_not_announce_what_another_still_waits_for_the_disk_with(account: Account) -> None:
    """Else the reader would look for it in vain, and its own writer would find nothing left to announce."""
    ledger = SlowLedger()
    writes = WritePath(account.tables, ledger, SystemClock())
    stream = outbox_of(account.tables.lean_tables["things"]).stream
    stream.enabled = True
    stream.add_reader("reader")
    seen: list[int] = []
    stream.listeners.append(lambda: seen.append(len(stream.read("reader", 10, ledger.durable))))
    put("first")
    first = writes.seal(succeeded=True)
    put("second")
    second = writes.seal(succeeded=True)
    ledger.durable = first
    writes.settle(first)
    ledger.durable = second
    writes.settle(second)
    assert seen == [1, 2]


def test_who_listens_is_told_of_each_write_that_succeeded(account: Account) -> None:
    writes = WritePath(account.tables, NoLedger(), SystemClock())
    seen: list[TableWrite] = []
    writes.listeners.append(seen.append)
    put("kept")
    writes.seal(succeeded=True)
    put("undone")
    writes.seal(succeeded=False)
    assert [write.new for write in seen] == [{"pk": {"S": "kept"}}]


def test_a_table_knows_the_first_of_its_numbers_in_an_index(account: Account) -> None:
    table = account.tables.lean_tables["things"]
    assert table.first_in("waiting", ["a", "b"]) == float("inf")
    put("later", lane={"S": "a"}, due={"N": "700"})
    put("sooner", lane={"S": "b"}, due={"N": "500"})
    put("elsewhere", lane={"S": "c"}, due={"N": "1"})
    assert table.first_in("waiting", ["a", "b"]) == 500
    assert table.first_in("waiting", ["a", "b"], after=500) == 700
    assert table.first_in("waiting", ["a", "b"], after=700) == float("inf")
    put("sooner")
    assert table.first_in("waiting", ["a", "b"]) == 700


def test_a_table_knows_what_expires_next(account: Account) -> None:
    table = account.tables.lean_tables["things"]
    account.tables.update_time_to_live("things", {"AttributeName": "expiresAt", "Enabled": True})
    assert table.first_expiry(0) == float("inf")
    put("a", expiresAt={"N": "9000"})
    put("b", expiresAt={"N": "8000"})
    put("c", expiresAt={"S": "never"})
    put("d")
    assert table.first_expiry(0) == 8000
    assert table.first_expiry(8000) == 9000
    put("b")
    assert table.first_expiry(0) == 9000
