"""What writes and reads of DynamoDB are billed, computed from the items themselves.

Source: "Read and write operations" and "Global secondary indexes", Amazon DynamoDB Developer Guide. A write costs one
unit per kilobyte, begun, of the larger of the old and the new item; a failed condition costs the same. An index entry
costs one unit to insert or delete and two when its key changes; one that stays as it is costs nothing. A strongly
consistent read costs one unit per four kilobytes, an eventually consistent one half of that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Image = Mapping[str, Any]

INDEX_KEYS = ("checkShard", "nextCheckAt")
"""The keys of the one index, which projects nothing else of its own."""


@dataclass(frozen=True, slots=True)
class WriteUnits:
    table: int = 0
    index: int = 0

    def __add__(self, other: WriteUnits) -> WriteUnits:
        return WriteUnits(self.table + other.table, self.index + other.index)

    @property
    def total(self) -> int:
        return self.table + self.index


def write_units(old: Image | None, new: Image | None) -> WriteUnits:
    """What one write of one item costs, as its stream record shows it."""
    kilobytes = max(math.ceil(item_bytes(image) / 1024) for image in (old or {}, new or {}))
    return WriteUnits(max(1, kilobytes), _index_units(_entry(old), _entry(new)))


def read_units(image: Image | None, *, consistent: bool) -> float:
    """What one GetItem costs; an item that is not there costs as the smallest does."""
    return max(1, math.ceil(item_bytes(image or {}) / 4096)) * (1.0 if consistent else 0.5)


def item_bytes(image: Image) -> int:
    """The size of an item in DynamoDB JSON, in bytes as it is billed."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in image.items())


def _entry(image: Image | None) -> tuple[str, ...] | None:
    if image is None or any(name not in image for name in INDEX_KEYS):
        return None
    return tuple(str(image[name]) for name in INDEX_KEYS)


def _index_units(old: tuple[str, ...] | None, new: tuple[str, ...] | None) -> int:
    if old == new:
        return 0
    return 1 if old is None or new is None else 2


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        return (len(content.strip("-").replace(".", "").strip("0")) + 1) // 2 + 1
    if kind in {"BOOL", "NULL"}:
        return 1
    if kind == "L":
        return 3 + sum(1 + _value_bytes(part) for part in content)
    if kind == "M":
        return 3 + len(content) + item_bytes(content)
    return sum(len(part) for part in content) if isinstance(content, list) else len(content)
