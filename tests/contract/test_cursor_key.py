"""The key that cursors are signed with."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier

import pytest

from minoots_kernel.adapters.dynamodb.cursor_key import DynamoCursorKey
from minoots_kernel.adapters.memory import MemoryCursorKey
from minoots_kernel.application.ports import CursorKey
from tests.contract.conftest import Stores, Table

pytestmark = pytest.mark.contract


def maker(stores: Stores) -> Callable[[], CursorKey]:
    drawn = count(1)
    table = stores.table
    if table is None:
        return MemoryCursorKey
    return lambda: DynamoCursorKey(table.client, table.name, lambda size: next(drawn).to_bytes(size))


def test_every_process_has_the_same_key(stores: Stores) -> None:
    make = maker(stores)
    keys: list[CursorKey] = [make() for _ in range(3)]
    assert len({key.cursor_key() for key in keys}) == 1
    assert len(keys[0].cursor_key()) == 32


def test_of_many_that_make_it_at_once_one_is_heard(dynamo: Stores) -> None:
    make, barrier = maker(dynamo), Barrier(8)

    def ask(_: int) -> bytes:
        key = make()
        barrier.wait()
        found: bytes = key.cursor_key()
        return found

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1


def test_the_key_is_read_once_and_made_once(dynamo: Stores, table: Table) -> None:
    make = maker(dynamo)
    first, before = make(), len(table.wire.calls)
    assert first.cursor_key() == first.cursor_key()
    assert table.wire.calls[before:] == ["GetItem", "PutItem"]
    second = make()
    assert second.cursor_key() == first.cursor_key()
    assert table.wire.calls[before:] == ["GetItem", "PutItem", "GetItem"]


def test_a_key_whose_making_was_not_heard_of_is_the_key(dynamo: Stores, table: Table) -> None:
    make = maker(dynamo)
    table.wire.lose_answer("PutItem")
    made = make().cursor_key()
    assert make().cursor_key() == made
