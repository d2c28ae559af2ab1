"""A DynamoDB table that costs what is asked of it, however many items wait in it.

moto sorts every item of a table on every query, keeps an item as some sixty objects, and stream records for ever. Here
a query looks only at its partition, an item is one text until somebody asks for it, and each write goes to one place:
the table's `Outbox`, from which the journal and the stream are fed once its call has succeeded.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any

from moto.dynamodb import urls as dynamodb_urls
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import SecondaryIndex, Table

from minoots_local.aws.images import Snapshot
from minoots_local.aws.item_store import ItemStore, KeyAttribute, MotoItems, typed
from minoots_local.aws.outbox import Outbox
from minoots_local.aws.slices import Page, RangeCondition, comparable
from minoots_local.aws.sorted_keys import NO_SORT_KEY, Entry, Key, Layout, SortedKeys

_QUERY_OPTIONS = frozenset({"consistent_read", "filter_expression", "hash_key_conditions", "range_key_conditions"})


class LeanTable(Table):
    """moto's table with compact items, and with sorted partitions and indexes, kept up to date by its outbox."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> "LeanTable":
        """Make the object without moto's registry of instances."""
        return object.__new__(cls)

    def __init__(self, find: Callable[[], "LeanTable"], *args: Any, **kwargs: Any) -> None:
        self._find = find
        self._narrowed: Iterable[Item] | None = None
        super().__init__(*args, **kwargs)
        self.store = ItemStore(
            KeyAttribute(self.hash_key_attr, self.hash_key_type),
            KeyAttribute(self.range_key_attr, self.range_key_type or "S") if self.range_key_attr else None,
        )
        self.items = MotoItems(self.store)  # type: ignore[assignment]
        self._keys = SortedKeys(self._layout())

    def set_stream_specification(self, streams: dict[str, Any] | None) -> None:
        """Every table has an outbox; whether it has a stream is said by `latest_stream_label`."""
        super().set_stream_specification(streams)
        self.stream_shard = Outbox(self.account_id, self, self._find)

    def load(self, texts: Iterable[bytes]) -> None:
        """Put items in place without a trace in the outbox."""

        def images() -> Iterator[dict[str, Any]]:
            for text in texts:
                image = Snapshot(text).image
                self.store.keep(layout.key_of(image), text)
                yield image

        layout = self._sorted().layout
        self._keys.load(images())

    def replace(self, before: Snapshot | None, after: Snapshot | None) -> Key:
        """Put an item in the place of another, or of none, without a trace in the outbox; return its key."""
        images = [snapshot.image if snapshot else None for snapshot in (before, after)]
        key = self._keys.layout.key_of(images[1] or images[0] or {})
        if after is None:
            self.store.drop(key)
        else:
            self.store.keep(key, after.text)
        self._keys.move(*images)
        return key

    def expired(self, after_s: float, before_s: float, limit: int) -> list[tuple[DynamoType, DynamoType | None]]:
        """Keys of items whose time to live ended between two seconds, at most `limit`."""
        found = self._sorted().expired(after_s, before_s, limit)
        kind = self.range_key_type
        return [
            (typed(self.hash_key_type, hash_value), typed(kind, range_value) if kind else None)
            for _, hash_value, range_value in found
        ]

    def first_expiry(self, after_s: float) -> float:
        """When the next item's time to live ends after a second, epoch seconds; infinite if none does."""
        found = self._sorted().first_expiry(after_s)
        return float("inf") if found is None else float(found)

    def first_in(self, index: str, hash_values: Iterable[Any], after: float = float("-inf")) -> float:
        """The lowest number above `after` that a number-sorted index has in some partitions; infinite if none."""
        found = float("inf")
        for value in hash_values:
            entries = self._sorted().under(index, value)
            at = bisect_right(entries, after, key=itemgetter(0))
            if at < len(entries):
                found = min(found, float(entries[at][0]))
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

    def scan(
        self, filters: dict[str, Any], limit: int, exclusive_start_key: dict[str, Any], *args: Any, **kwargs: Any
    ) -> tuple[list[Item], int, dict[str, Any] | None]:
        """Moto's scan, which begins at the table's first item for every page, begun where the page does."""
        if exclusive_start_key and all(name in exclusive_start_key for name in self.table_key_attrs):
            self._narrowed = self._from(self._keys.layout.key_of(exclusive_start_key))
        try:
            found: tuple[list[Item], int, dict[str, Any] | None] = super().scan(
                filters, limit, exclusive_start_key, *args, **kwargs
            )
            return found
        finally:
            self._narrowed = None

    def all_items(self) -> list[Item]:
        """Every item in the order of the keys, or during a query or scan those that can be in its answer."""
        # moto only goes through them, and mostly stops at the end of a page: each is made when it is come to.
        return self._from(None) if self._narrowed is None else self._narrowed  # type: ignore[return-value]

    def _from(self, start: Key | None) -> Iterator[Item]:
        return (self._item(entry) for entry in self._sorted().every(start))

    def _slice(self, index_name: str, wanted: DynamoType, condition: "RangeCondition", page: "Page") -> list[Item]:
        entries = self._sorted().under(index_name, wanted.cast_value)
        low, high = condition.bounds(entries)
        if page.start and (at := self._position(index_name, entries, page.start)) is not None:
            low, high = (max(low, at), high) if page.forward else (low, min(high, at + 1))
        if page.limit:
            # One beyond the limit shows moto that there is more; two before, where it starts.
            reach = page.limit + 3
            low, high = (low, min(high, low + reach)) if page.forward else (max(low, high - reach), high)
        return [self._item(entry) for entry in entries[low:high]]

    def _position(self, index_name: str, entries: list[Entry], start: dict[str, Any]) -> int | None:
        """Where in `entries` the last page ended."""
        keys = self._index_keys(index_name)
        first = keys[1] if len(keys) > 1 else self.range_key_attr
        if any(name not in start for name in (first, *self.table_key_attrs) if name):
            return None
        key = self._keys.layout.key_of(start)
        target = (comparable(start[first]) if first else NO_SORT_KEY, *key)
        return max(0, bisect_left(entries, target) - 1)

    def _index_keys(self, index_name: str) -> list[str]:
        return _names(self.get_index(index_name)) if index_name else self.table_key_attrs

    def _item(self, entry: Entry) -> Item:
        return self.store.item(entry[1:])

    def _sorted(self) -> SortedKeys:
        """The keys, sorted anew if an index or the time to live was changed since."""
        layout = self._layout()
        if self._keys.layout != layout:
            self._keys = SortedKeys(layout)
            self._keys.load(Snapshot(text).image for text in self.store.texts())
        return self._keys

    def _layout(self) -> Layout:
        return Layout(
            self.hash_key_attr,
            self.range_key_attr,
            tuple((index.name, tuple(_names(index))) for index in self.all_indexes()),
            self.ttl.get("AttributeName") if self.ttl.get("TimeToLiveStatus") == "ENABLED" else None,
        )


def _names(index: SecondaryIndex) -> list[str]:
    return [key["AttributeName"] for key in index.schema]


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
