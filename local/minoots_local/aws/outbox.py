"""What one call writes to a table, collected until it ends: what feeds the journal and the stream."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.models.table import StreamShard, Table

from minoots_local.aws.images import Snapshot, image_of
from minoots_local.aws.sorted_keys import Key
from minoots_local.aws.streams import StreamRecord, TableStream, TableWrite


class Kept(Protocol):
    """The table that an outbox belongs to."""

    table_key_attrs: list[str]

    def replace(self, before: Snapshot | None, after: Snapshot | None) -> Key:
        """Put an item in the place of another, or of none, and return its key."""
        ...


class Outbox(StreamShard):
    """Collects the writes of the call that is under way; takes a stream shard's place in moto."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> "Outbox":
        """Make the object without moto's registry of instances."""
        return object.__new__(cls)

    def __init__(self, account_id: str, table: Table, find: Callable[[], Kept]) -> None:
        self.stream = TableStream()
        super().__init__(account_id, table)
        self._find = find
        self.pending: dict[Key, tuple[Snapshot | None, Snapshot | None]] = {}
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
        """Note a write; several of one item in one call become one.

        moto changes items in place and then says so here: this is where such a change is kept.
        """
        self.note(
            Snapshot.of(image_of(old)) if old is not None else None,
            Snapshot.of(image_of(new)) if new is not None else None,
        )

    def note(self, before: Snapshot | None, after: Snapshot | None) -> None:
        """Make a write and note it."""
        key = self._find().replace(before, after)
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
                    table.replace(after, None)  # moto makes the item before it validates an update
            return []
        return [
            TableWrite(
                {name: (after or before).image[name] for name in table.table_key_attrs},  # type: ignore[union-attr]
                before,
                after,
                expired,
            )
            for before, after in pending.values()
            if before != after  # DynamoDB makes no stream record of a write that changes nothing
        ]
