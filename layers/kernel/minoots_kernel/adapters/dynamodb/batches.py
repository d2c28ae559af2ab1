"""Storing many new timers, twenty-five to a call.

A batch has no conditions, so its items must be such as nobody else can have written, and it must not be sent twice: a
timer may have fired by then, and would be put back to its beginning. The client library's own repeats are turned off
for it. When it is not known whether a batch was written, each of its items is written once more on the condition that
it is not there: what is there is what the batch wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from minoots_kernel.adapters.dynamodb.keys import Item
from minoots_kernel.adapters.dynamodb.table import ConditionFailedError, Table
from minoots_kernel.application.ports import Clock
from minoots_kernel.domain.errors import DependencyUnavailableError

__all__ = ["MAX_ITEMS_A_BATCH", "PAUSES_MS", "write_new"]

MAX_ITEMS_A_BATCH: Final = 25

PAUSES_MS: Final = (50, 100, 200, 400, 800)
"""How long to wait when a batch comes back in part, for the table refuses for load: so often, and no more."""

Place = tuple[str, str]


def write_new(table: Table, clock: Clock, items: Sequence[Item]) -> set[Place]:
    """Write items that nobody else can have written.

    Args:
        table: Where to.
        clock: Waits.
        items: Any number, with distinct keys that were drawn by the service.

    Returns:
        The keys of those that were not written, or of which that is not known.
    """
    waiting = list(items)
    for pause_ms in (*PAUSES_MS, None):
        left: list[Item] = []
        for start in range(0, len(waiting), MAX_ITEMS_A_BATCH):
            batch = waiting[start : start + MAX_ITEMS_A_BATCH]
            try:
                left += table.put_many(batch)
            except DependencyUnavailableError:
                unknown = [item for item in batch if not _is_written(table, item)]
                if len(unknown) == len(batch):  # it is down: the function's time is better spent on saying so
                    return {place_of(item) for item in (*left, *waiting[start:])}
                left += unknown
        waiting = left
        if not waiting or pause_ms is None:
            break
        clock.sleep_ms(pause_ms)
    return {place_of(item) for item in waiting}


def place_of(item: Item) -> Place:
    """Return an item's key."""
    return item["pk"]["S"], item["sk"]["S"]


def _is_written(table: Table, item: Item) -> bool:
    try:
        table.put_new(item)
    except ConditionFailedError:
        return True
    except DependencyUnavailableError:
        return False
    return True
