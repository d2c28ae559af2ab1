"""The merge of partitions, against a plain sort, however the reads stop."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minoots_kernel.adapters.dynamodb import listing
from minoots_kernel.adapters.dynamodb.keys import SHARDS, item_key
from minoots_kernel.adapters.dynamodb.listing import Stretch, merge


class Partitions:
    """Items over eight partitions, read in stretches of any length, some items filtered out."""

    def __init__(self, placed: list[tuple[int, bool]], seed: int) -> None:
        self.random = Random(seed)
        self.shards: list[list[tuple[str, bool]]] = [[] for _ in range(SHARDS)]
        self.wanted: list[str] = []
        self.reads = 0
        for number, (shard, wanted) in enumerate(placed):
            identifier = f"{number:04}"
            self.shards[shard].append((identifier, wanted))
            if wanted:
                self.wanted.append(identifier)
        self.wanted.reverse()

    def read_all(self, below: dict[int, str | None]) -> Iterable[tuple[int, Stretch]]:
        self.reads += 1
        order = list(below)
        self.random.shuffle(order)
        return [(shard, self._read(shard, below[shard])) for shard in order]

    def _read(self, shard: int, below: str | None) -> Stretch:
        left = [one for one in reversed(self.shards[shard]) if below is None or one[0] < below]
        examined = left[: self.random.randint(1, 5)]
        items = [item_key("pk", identifier) for identifier, wanted in examined if wanted]
        # Like DynamoDB: a read that stops exactly at the end may or may not know it.
        at_end = len(examined) == len(left) and (not examined or self.random.random() < 0.5)
        return Stretch(items, None if at_end else examined[-1][0])


placements = st.lists(st.tuples(st.integers(0, SHARDS - 1), st.booleans()), max_size=80)
lopsided = st.lists(st.tuples(st.sampled_from([2, 2, 2, 2, 2, 2, 5]), st.booleans()), max_size=80)


@settings(max_examples=400)
@given(placed=placements | lopsided, limit=st.integers(1, 20), rounds=st.integers(1, 4), seed=st.integers(0, 10**6))
def test_the_pages_are_the_sorted_items_whatever_the_reads(
    placed: list[tuple[int, bool]], limit: int, rounds: int, seed: int
) -> None:
    partitions = Partitions(placed, seed)
    found: list[str] = []
    position = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "ROUNDS", rounds)
        while True:
            reads = partitions.reads
            page, following = merge(partitions.read_all, limit, position)
            assert len(page) <= limit
            assert partitions.reads - reads <= rounds
            found += [item["sk"]["S"] for item in page]
            if following is None:
                break
            assert position is None or following < position  # every page moves on, also an empty one
            position = following

    assert found == partitions.wanted


@given(placed=placements, limit=st.integers(1, 20), seed=st.integers(0, 10**6), data=st.data())
def test_a_page_may_begin_anywhere(placed: list[tuple[int, bool]], limit: int, seed: int, data: Any) -> None:
    partitions = Partitions(placed, seed)
    position = f"{data.draw(st.integers(0, 90)):04}"

    page, following = merge(partitions.read_all, limit, position)

    expected = [one for one in partitions.wanted if one < position]
    assert [item["sk"]["S"] for item in page] == expected[: len(page)]
    if following is None:
        assert len(page) == len(expected)


@settings(max_examples=400)
@given(
    placed=st.lists(st.tuples(st.integers(0, SHARDS - 1), st.sampled_from(["other", "shown", "hidden"])), max_size=80),
    limit=st.integers(1, 20),
    seed=st.integers(0, 10**6),
)
def test_what_is_hidden_changes_no_page_and_no_position(placed: list[tuple[int, str]], limit: int, seed: int) -> None:
    """The same reads, once of items that match and are hidden, and once of items that do not match."""
    shown = {f"{number:04}" for number, (_, kind) in enumerate(placed) if kind == "shown"}
    asked: list[str] = []

    def seen(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        asked.extend(item["sk"]["S"] for item in items)
        return [item for item in items if item["sk"]["S"] in shown]

    hiding = Partitions([(shard, kind != "other") for shard, kind in placed], seed)
    without = Partitions([(shard, kind == "shown") for shard, kind in placed], seed)
    position, pages = None, 0
    while pages == 0 or position is not None:
        asked.clear()
        page = merge(hiding.read_all, limit, position, seen=seen)
        assert page == merge(without.read_all, limit, position)
        assert len(asked) == len(set(asked))
        position, pages = page[1], pages + 1
    assert hiding.reads == without.reads


@pytest.mark.parametrize("limit", [1, 2, 10, 50, 200])
def test_reads_ask_for_little_more_than_their_share(limit: int) -> None:
    number = listing._read_at_a_time(limit)

    assert limit / SHARDS < number <= limit + 1
    assert number * SHARDS <= 4 * limit + 8 * 5


@pytest.mark.parametrize(
    ("content", "kept"),
    [({"payload": {"N": "1400000"}}, 2), ({"request": {"S": "x" * 4_000_000}}, 1)],
    ids=["payloads", "one that is too large alone"],
)
def test_a_page_ends_before_it_is_too_large_and_has_one_item_at_least(content: dict[str, Any], kept: int) -> None:
    items = [item_key("pk", f"{number:04}") | content for number in range(6)]

    def read_all(below: dict[int, str | None]) -> Iterable[tuple[int, Stretch]]:
        return [(shard, Stretch(items if shard == 0 else [], None)) for shard in below]

    page, following = merge(read_all, 50, None)

    assert len(page) == kept
    assert following == page[-1]["sk"]["S"]
