"""The items of a table, each as one JSON text, and moto's view of them.

moto keeps an item as a tree of objects. Few of those that wait are ever looked at: here moto's `Item` is made when it
is asked for, and thrown away. What moto changes in place comes back through the outbox, which is told of every write.
"""

import copy
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType, Item

from minoots_local.aws.images import Snapshot, image_of, item_of
from minoots_local.aws.slices import comparable
from minoots_local.aws.sorted_keys import NO_SORT_KEY, Key


@dataclass(frozen=True, slots=True)
class KeyAttribute:
    """An attribute that is part of a table's key.

    Attributes:
        name: Its name.
        kind: Its type: S, N or B.
    """

    name: str
    kind: str


class ItemStore:
    """Items by key.

    Args:
        hash_key: The partition key.
        range_key: The sort key; None when the table has none.
    """

    def __init__(self, hash_key: KeyAttribute, range_key: KeyAttribute | None) -> None:
        self.hash_key = hash_key
        self.range_key = range_key
        self._partitions: dict[Any, dict[Any, bytes]] = {}

    def __deepcopy__(self, _memo: dict[int, Any]) -> "ItemStore":
        """A transaction copies its table to roll back to: texts do not change, so they need no copy."""
        twin = ItemStore(self.hash_key, self.range_key)
        twin._partitions = {value: dict(texts) for value, texts in self._partitions.items()}
        return twin

    def find(self, key: Key) -> Snapshot | None:
        """What stands under a key."""
        text = self._partitions.get(key[0], {}).get(key[1])
        return Snapshot(text) if text is not None else None

    def keep(self, key: Key, text: bytes) -> None:
        """Put an item in its place."""
        self._partitions.setdefault(key[0], {})[key[1]] = text

    def drop(self, key: Key) -> None:
        """Take an item away, if it is there, and its partition with the last one."""
        texts = self._partitions.get(key[0], {})
        texts.pop(key[1], None)
        if not texts:
            self._partitions.pop(key[0], None)

    def item(self, key: Key) -> Item:
        """The item under a key in moto's form.

        Raises:
            KeyError: There is none.
        """
        text = self._partitions[key[0]][key[1]]
        return item_of(Snapshot(text).image, self.hash_key.name, self.range_key.name if self.range_key else None)

    def hash_values(self) -> list[Any]:
        """The partitions there are, in no order."""
        return list(self._partitions)

    def range_values(self, hash_value: Any) -> list[Any]:
        """The sort keys of a partition, in no order."""
        return list(self._partitions.get(hash_value, ()))

    def texts(self) -> Iterator[bytes]:
        """Every item, in no order."""
        for texts in self._partitions.values():
            yield from texts.values()


class MotoPartition(MutableMapping[DynamoType, Item]):
    """One partition as moto's mapping of sort keys to items."""

    def __init__(self, store: ItemStore, kind: str, hash_value: Any) -> None:
        self._store = store
        self._kind = kind
        self._hash_value = hash_value

    def __getitem__(self, key: DynamoType) -> Item:
        """A copy of the item."""
        return self._store.item((self._hash_value, value_of(key, self._kind)))

    def __setitem__(self, key: DynamoType, item: Item) -> None:
        """Write the item down."""
        self._store.keep((self._hash_value, value_of(key, self._kind)), Snapshot.of(image_of(item)).text)

    def __delitem__(self, key: DynamoType) -> None:
        """Take the item away, as `pop` does once it has it."""
        self._store.drop((self._hash_value, value_of(key, self._kind)))

    def __iter__(self) -> Iterator[DynamoType]:
        """The keys."""
        return (typed(self._kind, value) for value in self._store.range_values(self._hash_value))

    def __len__(self) -> int:
        """How many items there are."""
        return len(self._store.range_values(self._hash_value))


class MotoItems(MutableMapping[DynamoType, Any]):
    """A table's items as moto's mapping: of partitions, or of items when there is no sort key."""

    def __init__(self, store: ItemStore) -> None:
        self._store = store

    def __deepcopy__(self, memo: dict[int, Any]) -> "MotoItems":
        """The same view of the copied store."""
        return MotoItems(copy.deepcopy(self._store, memo))

    def __getitem__(self, key: DynamoType) -> Any:
        """A partition, be it empty, or a copy of an item."""
        value = value_of(key, self._store.hash_key.kind)
        if self._store.range_key is None:
            return self._store.item((value, NO_SORT_KEY))
        return MotoPartition(self._store, self._store.range_key.kind, value)

    def __setitem__(self, key: DynamoType, item: Item) -> None:
        """Write an item of a table without a sort key down."""
        self._store.keep((value_of(key, self._store.hash_key.kind), NO_SORT_KEY), Snapshot.of(image_of(item)).text)

    def __delitem__(self, key: DynamoType) -> None:
        """Take an item of a table without a sort key away."""
        self._store.drop((value_of(key, self._store.hash_key.kind), NO_SORT_KEY))

    def __contains__(self, key: object) -> bool:
        """Whether there is anything under a partition key."""
        return isinstance(key, DynamoType) and bool(self._store.range_values(value_of(key, self._store.hash_key.kind)))

    def __iter__(self) -> Iterator[DynamoType]:
        """The partition keys."""
        return (typed(self._store.hash_key.kind, value) for value in self._store.hash_values())

    def __len__(self) -> int:
        """How many partitions there are."""
        return len(self._store.hash_values())


def typed(kind: str, value: Any) -> DynamoType:
    """A key's value as moto has it."""
    return DynamoType({kind: str(value) if kind == "N" else value})


def value_of(key: DynamoType, kind: str) -> Any:
    """A key's value as it compares.

    Raises:
        KeyError: It is of another type than the table's keys.
    """
    if key.type != kind:
        raise KeyError(key)
    return comparable(key)
