"""The keys of a table's items in order: in their partitions, in its indexes, and by when they expire."""

import sys
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from minoots_local.aws.images import Image
from minoots_local.aws.slices import comparable

Entry = tuple[Any, Any, Any]
"""What an item is sorted by in one place, then its partition key and its sort key."""

NO_SORT_KEY = ""
"""The sort key of the items of a table that has none."""

Key = tuple[Any, Any]
"""An item's key: its partition key and its sort key as they compare."""

_Bucket = tuple[str, Any]
_EXPIRING: _Bucket = (" expiring", None)


@dataclass(frozen=True, slots=True)
class Layout:
    """What a table's items are sorted by.

    Attributes:
        hash_name: The partition key.
        range_name: The sort key, if there is one.
        indexes: Name and key attributes of each index.
        expires: The attribute that says when an item expires, epoch seconds, if there is one.
    """

    hash_name: str
    range_name: str | None
    indexes: tuple[tuple[str, tuple[str, ...]], ...]
    expires: str | None

    def key_of(self, image: Image) -> Key:
        """The key in an image."""
        hash_value = comparable(image[self.hash_name])
        if isinstance(hash_value, str):
            hash_value = sys.intern(hash_value)  # a partition's items have it in common
        return hash_value, comparable(image[self.range_name]) if self.range_name else NO_SORT_KEY


class SortedKeys:
    """Keys by where they are sorted in: a partition (its index has no name), or an index's.

    Args:
        layout: What the items are sorted by.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._entries: dict[_Bucket, list[Entry]] = {}

    def __deepcopy__(self, _memo: dict[int, Any]) -> "SortedKeys":
        """A transaction copies its table to roll back to: entries do not change, so they need no copy."""
        twin = SortedKeys(self.layout)
        twin._entries = {bucket: list(entries) for bucket, entries in self._entries.items()}
        return twin

    def load(self, images: Iterable[Image]) -> None:
        """Sort many items in at once."""
        for image in images:
            for bucket, entry in self._places(image):
                self._entries.setdefault(bucket, []).append(entry)
        for entries in self._entries.values():
            entries.sort()

    def move(self, old: Image | None, new: Image | None) -> None:
        """Move an item from where it was sorted in to where it belongs now."""
        before = set(self._places(old)) if old else set()
        after = set(self._places(new)) if new else set()
        for bucket, entry in before - after:
            entries = self._entries.get(bucket, [])
            at = bisect_left(entries, entry)
            if at < len(entries) and entries[at] == entry:
                del entries[at]
                if not entries:
                    del self._entries[bucket]
        for bucket, entry in after - before:
            insort(self._entries.setdefault(bucket, []), entry)

    def under(self, index_name: str, hash_value: Any) -> list[Entry]:
        """The entries of one partition, of the table when `index_name` is empty."""
        return self._entries.get((index_name, hash_value), [])

    def expired(self, after_s: float, before_s: float, limit: int) -> list[Entry]:
        """Entries of items that name a second between two, the earliest first, at most `limit`."""
        entries = self._entries.get(_EXPIRING, [])
        low = bisect_right(entries, after_s, key=_sorted_by)
        high = bisect_left(entries, before_s, key=_sorted_by)
        return entries[low : min(high, low + limit)]

    def first_expiry(self, after_s: float) -> Any:
        """The first second after one that an item names, None if there is none."""
        entries = self._entries.get(_EXPIRING, [])
        low = bisect_right(entries, after_s, key=_sorted_by)
        return entries[low][0] if low < len(entries) else None

    def every(self, start: Key | None = None) -> Iterator[Entry]:
        """The items of the whole table, by partition and in it by sort key, from a key on at the latest."""
        for value in sorted(value for name, value in self._entries if not name):
            entries = self._entries["", value]
            if start is None or value > start[0]:
                yield from entries
            elif value == start[0]:
                yield from entries[bisect_left(entries, start[1], key=_sorted_by) :]

    def _places(self, image: Image) -> list[tuple[_Bucket, Entry]]:
        """Where an item is sorted in: its partition, each index whose keys it carries, and when it expires."""
        layout = self.layout
        hash_value, range_value = layout.key_of(image)
        found: list[tuple[_Bucket, Entry]] = [(("", hash_value), (range_value, hash_value, range_value))]
        for name, keys in layout.indexes:
            if len(keys) <= 2 and all(key in image for key in keys):
                first = comparable(image[keys[0]])
                second = comparable(image[keys[1]]) if len(keys) == 2 else range_value
                found.append(((name, first), (second, hash_value, range_value)))
        expires = image.get(layout.expires) if layout.expires else None
        if expires and "N" in expires:
            found.append((_EXPIRING, (comparable(expires), hash_value, range_value)))
        return found


def _sorted_by(entry: Entry) -> Any:
    return entry[0]
