"""A tenant's sharded items as one listing in the order of their ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import sqrt
from typing import Any, Final

from minoots_kernel.adapters.dynamodb.keys import SHARDS, Item, partitions, storable
from minoots_kernel.adapters.dynamodb.table import Table
from minoots_kernel.domain.errors import InvalidTimerError

__all__ = ["MergedListing", "Stretch", "merge"]

ROUNDS: Final = 3
"""How often the partitions are read on for one page before it is handed over as it is, short or empty."""

FILTERED_READ: Final = 100
"""How many items of a partition are examined at a time when most may be filtered out."""

JUDGED_AT_A_TIME: Final = 50
"""How many items it is asked about at once, at least, whether they may be seen: questions cost less in company."""

MAX_PAGE_BYTES: Final = 3_000_000
"""A page ends here whatever its limit: a function's whole reply may be 6 MB, and the API is not the only overhead."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one read of a partition brought.

    Attributes:
        items: The items that passed the filter.
        examined_to: Id of the last item examined, passed or not; none when the partition was read to its end.
    """

    items: Sequence[Item]
    examined_to: str | None


ReadAll = Callable[[dict[int, str | None]], Iterable[tuple[int, Stretch]]]
"""Reads on in several partitions, each from beyond an id (from its beginning if none)."""


def merge(
    read_all: ReadAll,
    limit: int,
    position: str | None,
    *,
    ascending: bool = False,
    seen: Callable[[list[Item]], list[Item]] | None = None,
) -> tuple[list[Item], str | None]:
    """Merge the partitions' stretches into a page.

    A partition whose read stopped may hold, right beyond where it stopped, an item that comes before anything that the
    others gave. So the page reaches only to the first of these stops, the frontier; what comes before it is complete.

    Args:
        read_all: Reads the partitions on.
        limit: Most items in the page.
        position: Only ids beyond this one: below it, or above it when ascending.
        ascending: Whether the lowest ids come first, and not the highest.
        seen: Returns those that may be seen of a few items; all when none. The others count for nothing.

    Returns:
        The page, and the id beyond which the next one begins, if there may be one.
    """
    first = min if ascending else max
    unfinished: dict[int, str | None] = dict.fromkeys(range(SHARDS), position)
    found: list[Item] = []
    complete: list[Item] = []
    judged: dict[str, bool] = {}
    frontier: str | None = None
    for _ in range(ROUNDS):
        for shard, stretch in read_all(unfinished.copy()):
            found += stretch.items
            if stretch.examined_to is None:
                del unfinished[shard]
            else:
                unfinished[shard] = stretch.examined_to
        frontier = first((stop for stop in unfinished.values() if stop is not None), default=None)
        complete = [item for item in found if frontier is None or first(_id(item), frontier) == _id(item)]
        complete.sort(key=_id, reverse=not ascending)
        if seen is not None:
            complete = _first_seen(complete, limit + 1, seen, judged)
        if len(complete) >= limit or not unfinished:
            break
    page = _within_bounds(complete, limit)
    return page, _id(page[-1]) if len(page) < len(complete) else frontier


def _first_seen(
    items: list[Item], most: int, seen: Callable[[list[Item]], list[Item]], judged: dict[str, bool]
) -> list[Item]:
    """Return the first items that may be seen, at most so many; no more than it takes are asked about, and once."""
    first: list[Item] = []
    at_a_time = max(most, JUDGED_AT_A_TIME)
    for start in range(0, len(items), at_a_time):
        some = items[start : start + at_a_time]
        unknown = [item for item in some if _id(item) not in judged]
        passed = {_id(item) for item in seen(unknown)} if unknown else set()
        judged.update((_id(item), _id(item) in passed) for item in unknown)
        first += [item for item in some if judged[_id(item)]]
        if len(first) >= most:
            break
    return first[:most]


class MergedListing:
    """Lists one sharded kind of items, its partitions read at the same time."""

    def __init__(self, table: Table, kind: str) -> None:
        self._table = table
        self._kind = kind
        self._pool = ThreadPoolExecutor(SHARDS, thread_name_prefix="listing")  # starts its threads when needed

    def page(  # noqa: PLR0913 - what a listing is narrowed by
        self,
        tenant_id: str,
        limit: int,
        position: str | None,
        statuses: Sequence[str] = (),
        *,
        wanted: Callable[[list[Item]], list[Item]] = lambda items: items,
        few: bool = False,
        ascending: bool = False,
        seen: Callable[[list[Item]], list[Item]] | None = None,
    ) -> tuple[list[Item], str | None]:
        """Return a page, and where the next one begins, if there may be one.

        Args:
            tenant_id: Whose items.
            limit: Most items in the page.
            position: Where the page before ended.
            statuses: Only items in one of these; all when empty. The table leaves the others out.
            wanted: Chooses among the items that were read; the others are read all the same.
            few: Whether that may be a few among many.
            ascending: Whether the lowest ids come first, and not the highest.
            seen: As of `merge`.

        Raises:
            InvalidTimerError: If the position is none that a page ever named.
        """
        if position is not None and not storable(position):
            raise InvalidTimerError("The cursor is not one of this listing.", (("cursor", "leave it out to begin"),))
        pks = partitions(self._kind, tenant_id)
        extra: dict[str, Any] = {"Limit": FILTERED_READ if few else _read_at_a_time(limit)}
        values: Item = {}
        if statuses:
            values = {f":{index}": {"S": status} for index, status in enumerate(statuses)}
            extra = {
                "Limit": FILTERED_READ,
                "FilterExpression": f"#status IN ({', '.join(values)})",
                "ExpressionAttributeNames": {"#status": "status"},
            }

        def read(shard: int, beyond: str | None) -> tuple[int, Stretch]:
            condition = "pk = :pk" if beyond is None else f"pk = :pk AND sk {'>' if ascending else '<'} :beyond"
            bounds = {} if beyond is None else {":beyond": {"S": beyond}}
            items, last = self._table.query(
                KeyConditionExpression=condition,
                ExpressionAttributeValues={**values, **bounds, ":pk": {"S": pks[shard]}},
                ScanIndexForward=ascending,
                **extra,
            )
            return shard, Stretch(wanted(items), last["sk"]["S"] if last else None)

        def read_all(beyond: dict[int, str | None]) -> Iterable[tuple[int, Stretch]]:
            return self._pool.map(read, beyond.keys(), beyond.values())

        return merge(read_all, limit, position, ascending=ascending, seen=seen)


def _read_at_a_time(limit: int) -> int:
    """Return how many items of each partition to read: three standard deviations more than its fair share.

    One above the limit is enough in any case: a partition that holds no more is then seen to be at its end.
    """
    share = limit / SHARDS
    return min(limit + 1, int(share + 3 * sqrt(share)) + 2)


def _id(item: Item) -> str:
    identifier: str = item["sk"]["S"]
    return identifier


def _within_bounds(items: list[Item], limit: int) -> list[Item]:
    size = 0
    for index, item in enumerate(items[:limit]):
        size += sum(len(value["S"]) for value in item.values() if "S" in value)
        size += int(item["payload"]["N"]) if "payload" in item else 0
        if size > MAX_PAGE_BYTES and index > 0:
            return items[:index]
    return items[:limit]
