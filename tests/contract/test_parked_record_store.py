"""What every store of parked records does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minoots_kernel.adapters.memory import MemoryParkedRecordStore
from tests.contract.conftest import Stores
from tests.contract.timers import NOW_MS

pytestmark = pytest.mark.contract

RECORD: dict[str, Any] = {
    "eventID": "7de3041dd709b024af6f29e4fa13d34c",
    "eventName": "MODIFY",
    "dynamodb": {
        "NewImage": {"sk": {"S": "timer «один»"}, "empty": {"S": ""}},
        "SequenceNumber": "44215845",
    },
}


def parked(stores: Stores) -> list[tuple[str, dict[str, Any], str]]:
    """Return what is parked: consumer, record, reason."""
    if isinstance(stores.parked, MemoryParkedRecordStore):
        return [(one.consumer, one.record, one.reason) for one in stores.parked.parked]
    assert stores.table is not None
    return [
        (item["pk"]["S"].removeprefix("X#"), json.loads(item["record"]["S"]), item["reason"]["S"])
        for item in stores.table.items()
    ]


def test_a_record_is_kept_whole(stores: Stores) -> None:
    stores.parked.put("kernel-arm", RECORD, "KeyError: 'name'")

    assert parked(stores) == [("kernel-arm", RECORD, "KeyError: 'name'")]


def test_a_record_parked_again_stays_as_it_was(stores: Stores) -> None:
    stores.parked.put("kernel-arm", RECORD, "first")
    stores.parked.put("kernel-arm", RECORD, "second")

    assert parked(stores) == [("kernel-arm", RECORD, "first")]


def test_each_consumer_parks_for_itself(stores: Stores) -> None:
    stores.parked.put("kernel-arm", RECORD, "one")
    stores.parked.put("event-fabric", RECORD, "two")

    assert sorted(reason for _, _, reason in parked(stores)) == ["one", "two"]


def test_a_record_without_an_id_is_kept_too(stores: Stores) -> None:
    record: dict[str, Any] = {"dynamodb": {"NewImage": {}}}
    stores.parked.put("kernel-arm", record, "odd")
    stores.parked.put("kernel-arm", record, "odd again")

    assert parked(stores) == [("kernel-arm", record, "odd")]


def test_a_parked_record_says_when(dynamo: Stores) -> None:
    dynamo.parked.put("kernel-arm", RECORD, "odd")
    assert dynamo.table is not None

    assert dynamo.table.item("X#")["parkedAt"] == {"N": str(NOW_MS)}


def ids(stores: Stores, consumer: str = "kernel-arm", limit: int = 2) -> list[list[str]]:
    """Page through a consumer's records."""
    pages, position = [], None
    while True:
        page = stores.parked.page(consumer, limit=limit, position=position)
        pages.append([one.id for one in page.items])
        position = page.next_position
        if position is None:
            return [one for one in pages if one]


def test_records_are_listed_by_id_and_forgotten_one_by_one(stores: Stores) -> None:
    for number in (3, 1, 2):
        stores.parked.put("kernel-arm", {**RECORD, "eventID": f"e{number}"}, f"odd {number}")
    stores.parked.put("event-fabric", RECORD, "somebody else's")

    assert ids(stores) == [["e1", "e2"], ["e3"]]
    first = stores.parked.page("kernel-arm", limit=1).items[0]
    assert (first.consumer, first.record, first.reason) == ("kernel-arm", {**RECORD, "eventID": "e1"}, "odd 1")
    stores.parked.remove(first)
    stores.parked.remove(first)
    assert ids(stores) == [["e2", "e3"]]
    assert ids(stores, "event-fabric") == [[RECORD["eventID"]]]
