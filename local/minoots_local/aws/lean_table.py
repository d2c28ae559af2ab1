"""A DynamoDB table whose queries cost what they return, with an outbox of its writes.

moto sorts every item of a table on every query, and keeps stream records for ever. Here a query
looks only at its partition, and each write, once its call has succeeded, goes to one place: the
table's `Outbox`, from which the journal and the stream are fed.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from typing import Any

from moto.dynamodb import urls as dynamodb_urls
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import StreamShard, Table

from minoots_local.aws.images import Image, image_of
from minoots_local.aws.slices import Page, RangeCondition, comparable, typed
from minoots_local.aws.streams import StreamRecord, TableStream, TableWrite

Key = tuple[str, ...]

_QUERY_OPTIONS = frozenset({"consistent_read", "filter_expression", "hash_key_conditions", "range_key_conditions"})


class Outbox(StreamShard):
    """Collects the writes of the call that is under way; takes a stream shard's place in moto."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> "Outbox":
        """Make the object without moto's registry of instances."""
        return object.__new__(cls)

    def __init__(self, account_id: str, table: Table, find: Callable[[], "LeanTable"]) -> None:
        self.stream = TableStream()
        super().__init__(account_id, table)
        self._find = find
        self.pending: dict[Key, tuple[Image | None, Image | None]] = {}
        self.expiring = False

    def __deepcopy__(self, memo: dict[int, Any]) -> "Outbox":
        """A transaction copies its table to roll back to; the outbox stays the one it is."""
        return self

    # What moto's GetRecords reads.

    @property  # type: ignore[override]
    def items(self) -> Sequence[StreamRecord]:
        """The records that are still kept."""
        return self.stream.records

    @items.setter
    def items(self, _records: list[Any]) -> None:
        """Ignored: moto's constructor sets an empty list."""

    @property
    def starting_sequence_number(self) -> int:
        """Sequence number of the oldest record that is still kept."""
        return self.stream.oldest

    @starting_sequence_number.setter
    def starting_sequence_number(self, _number: int) -> None:
        """Ignored: moto's constructor sets its own."""

    def get(self, start: int, quantity: int) -> list[dict[str, Any]]:
        """Up to `quantity` records from a sequence number on, as GetRecords answers them."""
        return [record.as_api() for record in self.stream.since(start, quantity)]

    def add(self, old: Item | None, new: Item | None) -> None:
        """Note a write; several of one item in one call become one."""
        self.note(image_of(old) if old is not None else None, image_of(new) if new is not None else None)

    def note(self, before: Image | None, after: Image | None) -> None:
        """Note a write by the item's images, which nobody may change from here on."""
        table = self._find()
        table.reindex(before, after)
        key = table.key_of(after or before or {})
        first = self.pending[key][0] if key in self.pending else before
        self.pending[key] = (first, after)

    def take(self, *, succeeded: bool) -> list[TableWrite]:
        """The writes of the call that ends; those of a call that failed are undone, not returned."""
        pending, self.pending = self.pending, {}
        expired, self.expiring = self.expiring, False
        table = self._find()
        if not succeeded:
            for before, after in pending.values():
                if before is None and after is not None:
                    table.discard(after)  # moto makes the item before it validates an update
            return []
        return [
            TableWrite(
                {name: (after or before or {})[name] for name in table.table_key_attrs},
                before,
                after,
                expired=expired,
            )
            for before, after in pending.values()
            if before != after  # DynamoDB makes no stream record of a write that changes nothing
        ]


class LeanTable(Table):
    """moto's table with sorted partitions and indexes, kept up to date by its outbox."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> "LeanTable":
        """Make the object without moto's registry of instances."""
        return object.__new__(cls)

    def __init__(self, find: Callable[[], "LeanTable"], *args: Any, **kwargs: Any) -> None:
        self._find = find
        self._narrowed: list[Item] | None = None
        # (index name or "", hash value) -> sorted (range value, hash key, range key)
        self._sorted: dict[tuple[str, Any], list[tuple[Any, ...]]] = {}
        super().__init__(*args, **kwargs)

    def set_stream_specification(self, streams: dict[str, Any] | None) -> None:
        """Every table has an outbox; whether it has a stream is said by `latest_stream_label`."""
        super().set_stream_specification(streams)
        self.stream_shard = Outbox(self.account_id, self, self._find)

    def key_of(self, image: Image) -> Key:
        """An item's key as something hashable."""
        return tuple(str(image[name]) for name in self.table_key_attrs)

    def all_keys(self) -> list[tuple[DynamoType, DynamoType | None]]:
        """The keys of every item, in no order."""
        if self.range_key_attr is None:
            return [(hash_key, None) for hash_key in self.items]
        return [(hash_key, key) for hash_key, part in self.items.items() for key in part]

    def load(self, items: list[Item], images: list[Image]) -> None:
        """Put items in place without a trace in the outbox."""
        for item, image in zip(items, images, strict=True):
            if item.range_key is not None:
                self.items[item.hash_key][item.range_key] = item
            else:
                self.items[item.hash_key] = item  # type: ignore[assignment]
            for bucket, entry in self._entries(image):
                self._sorted.setdefault(bucket, []).append(entry)
        for entries in self._sorted.values():
            entries.sort()

    def discard(self, image: Image) -> None:
        """Take an item away without a trace in the outbox."""
        hash_key = DynamoType(image[self.hash_key_attr])
        if self.range_key_attr:
            self.items[hash_key].pop(DynamoType(image[self.range_key_attr]), None)
        else:
            self.items.pop(hash_key, None)
        self.reindex(image, None)

    def reindex(self, old: Image | None, new: Image | None) -> None:
        """Move an item from where it was sorted in to where it belongs now."""
        before = set(self._entries(old)) if old else set()
        after = set(self._entries(new)) if new else set()
        for bucket, entry in before - after:
            entries = self._sorted.get(bucket, [])
            at = bisect_left(entries, entry)
            if at < len(entries) and entries[at] == entry:
                del entries[at]
                if not entries:
                    del self._sorted[bucket]
        for bucket, entry in after - before:
            insort(self._sorted.setdefault(bucket, []), entry)

    def _entries(self, image: Image) -> list[tuple[tuple[str, Any], tuple[Any, ...]]]:
        """Where an item is sorted in: its partition, and each index whose keys it carries."""
        hash_value = comparable(image[self.hash_key_attr])
        range_value = comparable(image[self.range_key_attr]) if self.range_key_attr else ""
        found = [(("", hash_value), (range_value, hash_value, range_value))]
        for index in (*self.global_indexes, *self.indexes):
            names = [key["AttributeName"] for key in index.schema]
            if len(names) <= 2 and all(name in image for name in names):
                first = comparable(image[names[0]])
                second = comparable(image[names[1]]) if len(names) == 2 else range_value
                found.append(((index.name, first), (second, hash_value, range_value)))
        return found

    def query(  # noqa: PLR0913, PLR0917 - moto's signature
        self,
        hash_key: DynamoType | None,
        range_comparison: str | None,
        range_objs: list[DynamoType],
        limit: int,
        exclusive_start_key: dict[str, Any],
        scan_index_forward: bool,
        projection_expressions: list[list[str]] | None,
        index_name: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> tuple[list[Item], int, dict[str, Any] | None]:
        """Moto's query, shown only the items that can be in its answer."""
        conditions = kwargs.get("hash_key_conditions") or []
        wanted = hash_key or (conditions[0][1] if len(conditions) == 1 else None)
        if wanted is not None and kwargs.keys() <= _QUERY_OPTIONS:
            self._narrowed = self._slice(
                index_name or "",
                wanted,
                RangeCondition(range_comparison, range_objs),
                Page(limit, exclusive_start_key, forward=scan_index_forward is not False),
            )
        try:
            found: tuple[list[Item], int, dict[str, Any] | None] = super().query(
                hash_key,
                range_comparison,
                range_objs,
                limit,
                exclusive_start_key,
                scan_index_forward,
                projection_expressions,
                index_name,
                *args,
                **kwargs,
            )
            return found
        finally:
            self._narrowed = None

    def all_items(self) -> list[Item]:
        """Every item, or during a query those that can be in its answer."""
        return super().all_items() if self._narrowed is None else self._narrowed

    def _slice(self, index_name: str, wanted: DynamoType, condition: "RangeCondition", page: "Page") -> list[Item]:
        entries = self._sorted.get((index_name, wanted.cast_value), [])
        low, high = condition.bounds(entries)
        if page.start and (at := self._position(index_name, entries, page.start)) is not None:
            low, high = (max(low, at), high) if page.forward else (low, min(high, at + 1))
        if page.limit:
            # One beyond the limit shows moto that there is more; two before, where it starts.
            reach = page.limit + 3
            low, high = (
                (low, min(high, low + reach))
                if page.forward
                else (
                    max(low, high - reach),
                    high,
                )
            )
        return [self._item(entry) for entry in entries[low:high]]

    def _position(self, index_name: str, entries: list[tuple[Any, ...]], start: dict[str, Any]) -> int | None:
        """Where in `entries` the last page ended."""
        names = [self.hash_key_attr, self.range_key_attr or self.hash_key_attr]
        if index_name:
            schema = self.get_index(index_name).schema
            first = schema[1]["AttributeName"] if len(schema) > 1 else names[1]
        else:
            first = names[1]
        if any(name not in start for name in (first, *names)):
            return None
        target = tuple(comparable(start[name]) for name in (first, *names))
        return max(0, bisect_left(entries, target) - 1)

    def _item(self, entry: tuple[Any, ...]) -> Item:
        found: Any = self.items[DynamoType(typed(self.hash_key_type, entry[1]))]
        if self.range_key_attr is not None:
            found = found[DynamoType(typed(self.range_key_type or "S", entry[2]))]
        assert isinstance(found, Item)
        return found


class LeanDynamoBackend(DynamoDBBackend):
    """moto's DynamoDB with lean tables."""

    @property
    def _url_module(self) -> Any:
        # moto looks for a backend's URLs beside the module of its class.
        return dynamodb_urls

    def create_table(self, name: str, **kwargs: Any) -> Table:  # type: ignore[override]
        """Create a table."""
        if name in self.tables:
            return super().create_table(name, **kwargs)  # raises as moto does
        table = LeanTable(  # type: ignore[abstract] # moto leaves its own model abstract, too
            lambda: self.lean_tables[name],
            name,
            account_id=self.account_id,
            region=self.region_name,
            **kwargs,
        )
        self.tables[name] = table
        return table

    @property
    def lean_tables(self) -> dict[str, LeanTable]:
        """Tables by name, as what they are."""
        return self.tables  # type: ignore[return-value] # create_table makes no others
