"""The requests that the kernel makes all day, answered from the tables themselves.

moto reads every request by the service's model, parses and checks its expressions, copies the item
several times and writes the answer by the model again: 2.4 to 3.1 ms for an update and 1.2 ms for a
read, most of what the stack does. Five forms need none of it: `GetItem`, `BatchGetItem`, `PutItem`
(plain, or where there is no such item), `BatchWriteItem` that puts, and the update of an item that
stands at a version.

A form is matched to the letter. Whatever differs, be it an option, a type of value or a size that
comes near a limit, is moto's: None is returned, and nothing was done.
"""

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from minoots_local.aws.gate import AwsReply
from minoots_local.aws.images import Image, Snapshot
from minoots_local.aws.lean_table import LeanDynamoBackend, LeanTable
from minoots_local.aws.plain_values import are_plain, is_short_text, whole_number
from minoots_local.aws.sorted_keys import Key
from minoots_local.aws.write_path import outbox_of

# An item is never larger than its JSON, as every length of a name, text or number is in there, and
# more than the few bytes that DynamoDB adds to each. So what fits as JSON fits.
_MOST_ITEM_BYTES = 400_000
_MOST_ANSWER_BYTES = 16_000_000
_MOST_KEYS = 100
_MOST_PUTS = 25

_UPDATE = re.compile(
    r"(?:SET (?P<sets>#\d+ = :\d+(?:, #\d+ = :\d+)*))?(?:(?:^| )REMOVE (?P<removes>#\d+(?:, #\d+)*))?", re.ASCII
)

_IS_NEW = "attribute_not_exists(pk)"
_STANDS_AT = "#version = :was"
_REFUSED = (
    b'{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",'
    b'"message":"The conditional request failed"}'
)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an item is, or would be."""

    table: LeanTable
    key: Key

    @property
    def item(self) -> Snapshot | None:
        """What stands there."""
        return self.table.store.find(self.key)

    def write(self, before: Snapshot | None, after: Image) -> None:
        """Put an item there, and note it in the outbox."""
        outbox_of(self.table).note(before, Snapshot.of(after))


class DirectTables:
    """Answers the forms that it knows; called under the gate's lock.

    Args:
        backend: The tables.
    """

    def __init__(self, backend: LeanDynamoBackend) -> None:
        self._backend = backend
        self._forms: dict[str, Callable[[dict[str, Any], int], AwsReply | None]] = {
            "BatchGetItem": self._get_many,
            "BatchWriteItem": self._put_many,
            "GetItem": self._get,
            "PutItem": self._put,
            "UpdateItem": self._update,
        }

    def __call__(self, operation: str, body: bytes) -> AwsReply | None:
        """The answer to a request; None when it is of no form that is known here."""
        form = self._forms.get(operation)
        if form is None:
            return None
        request = json.loads(body)
        return form(request, len(body)) if isinstance(request, dict) else None

    def _get(self, request: dict[str, Any], _size: int) -> AwsReply | None:
        if not request.keys() <= {"TableName", "Key", "ConsistentRead"}:
            return None
        place = self._place(request.get("TableName"), request.get("Key"))
        if place is None:
            return None
        item = place.item
        return _reply(b'{"Item":%b}' % item.text if item is not None else b"{}")

    def _get_many(self, request: dict[str, Any], _size: int) -> AwsReply | None:
        tables = request.get("RequestItems")
        if request.keys() != {"RequestItems"} or not isinstance(tables, dict) or len(tables) != 1:
            return None
        ((name, wanted),) = tables.items()
        if not isinstance(wanted, dict) or not wanted.keys() <= {"Keys", "ConsistentRead"}:
            return None
        keys = wanted.get("Keys")
        if not isinstance(keys, list):
            return None
        places = [place for key in keys if (place := self._place(name, key)) is not None]
        distinct = {place.key for place in places}
        if not 0 < len(distinct) == len(keys) <= _MOST_KEYS:
            return None
        found = b",".join(item.text for place in places if (item := place.item) is not None)
        if len(found) > _MOST_ANSWER_BYTES:
            return None
        return _reply(b'{"Responses":{%b:[%b]},"UnprocessedKeys":{}}' % (json.dumps(name).encode(), found))

    def _put(self, request: dict[str, Any], size: int) -> AwsReply | None:
        condition, image = request.get("ConditionExpression"), request.get("Item")
        if not request.keys() <= {"TableName", "Item", "ConditionExpression"} or not isinstance(image, dict):
            return None
        place = self._place_of(request.get("TableName"), image)
        if place is None or size > _MOST_ITEM_BYTES or not _storable(place.table, image):
            return None
        if condition is not None and (condition != _IS_NEW or place.table.hash_key_attr != "pk"):
            return None
        old = place.item
        if condition and old is not None:
            return _refusal()
        place.write(old, image)
        return _reply(b"{}")

    def _put_many(self, request: dict[str, Any], _size: int) -> AwsReply | None:
        tables = request.get("RequestItems")
        if request.keys() != {"RequestItems"} or not isinstance(tables, dict) or len(tables) != 1:
            return None
        ((name, puts),) = tables.items()
        if not isinstance(puts, list) or not 0 < len(puts) <= _MOST_PUTS:
            return None
        images = [image for put in puts if (image := _put_image(put)) is not None]
        places = [place for image in images if (place := self._place_of(name, image)) is not None]
        if len({place.key for place in places}) != len(puts):
            return None
        if not all(_storable(place.table, image) for place, image in zip(places, images, strict=True)):
            return None
        if any(len(json.dumps(image)) > _MOST_ITEM_BYTES for image in images):
            return None
        for place, image in zip(places, images, strict=True):
            place.write(place.item, image)
        return _reply(b'{"UnprocessedItems":{}}')

    def _update(self, request: dict[str, Any], size: int) -> AwsReply | None:
        change = _Change.of(request)
        place = self._place(request.get("TableName"), request.get("Key")) if change is not None else None
        if change is None or place is None or not change.suits(place.table):
            return None
        old = place.item
        if old is None:
            return _refusal()
        before = old.image
        version = whole_number(before.get(change.version_name))
        if version is None:
            return None
        if version != change.version:
            return _refusal()
        if size + len(old.text) > _MOST_ITEM_BYTES:
            return None
        place.write(old, {name: value for name, value in before.items() if name not in change.removes} | change.sets)
        return _reply(b"{}")

    def _place(self, table_name: Any, key: Any) -> _Place | None:
        """Where a key leads; None unless it is two short texts."""
        if not isinstance(key, dict) or len(key) != 2:
            return None
        return self._place_of(table_name, key)

    def _place_of(self, table_name: Any, image: Image) -> _Place | None:
        """Where an item belongs."""
        table = self._backend.lean_tables.get(table_name) if isinstance(table_name, str) else None
        if table is None or table.range_key_attr is None or (table.hash_key_type, table.range_key_type) != ("S", "S"):
            return None
        hash_value, range_value = image.get(table.hash_key_attr), image.get(table.range_key_attr)
        if not is_short_text(hash_value) or not is_short_text(range_value):
            return None
        return _Place(table, (hash_value["S"], range_value["S"]))


@dataclass(frozen=True, slots=True)
class _Change:
    """An update of the form `SET #0 = :0, … REMOVE #1, …` under the condition `#version = :was`."""

    sets: Image
    removes: frozenset[str]
    version_name: str
    version: int

    @classmethod
    def of(cls, request: dict[str, Any]) -> "_Change | None":
        """The change that a request asks for; None when it is of another form."""
        names, values = request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues")
        form = _UPDATE.fullmatch(str(request.get("UpdateExpression", "")))
        if request.keys() != _UPDATE_FIELDS or request["ConditionExpression"] != _STANDS_AT or not form:
            return None
        if not isinstance(names, dict) or not isinstance(values, dict):
            return None
        pairs = [pair.split(" = ") for pair in (form["sets"] or "").split(", ") if pair]
        removed = [alias for alias in (form["removes"] or "").split(", ") if alias]
        set_, filled = [alias for alias, _ in pairs], [value for _, value in pairs]
        aliases = [*set_, *removed]
        if (
            not aliases
            or not _are_exactly(names, [*aliases, "#version"])
            or not _are_exactly(values, [*filled, ":was"])
        ):
            return None
        was = whole_number(values[":was"])
        if was is None or not all(_is_plain_name(name) for name in names.values()):
            return None
        sets = {names[alias]: values[value] for alias, value in pairs}
        removes = frozenset(names[alias] for alias in removed)
        if len(sets.keys() | removes) != len(aliases):
            return None  # two paths to one attribute
        return cls(sets, removes, names["#version"], was)

    def suits(self, table: LeanTable) -> bool:
        """Whether it leaves the key alone and sets what can be stored."""
        touched = self.sets.keys() | self.removes
        return touched.isdisjoint(table.table_key_attrs) and _storable(table, self.sets)


def _put_image(request: Any) -> Image | None:
    """The item of one put of a batch; None when it is something else."""
    if not isinstance(request, dict) or request.keys() != {"PutRequest"}:
        return None
    put = request["PutRequest"]
    if not isinstance(put, dict) or put.keys() != {"Item"} or not isinstance(put["Item"], dict):
        return None
    image: Image = put["Item"]
    return image


_UPDATE_FIELDS = {
    "ConditionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "Key",
    "TableName",
    "UpdateExpression",
}


def _are_exactly(given: dict[str, Any], used: list[str]) -> bool:
    """Whether each is given and used once; DynamoDB refuses what is given and not used."""
    return len(given) == len(used) and given.keys() == set(used)


def _is_plain_name(name: Any) -> bool:
    return isinstance(name, str) and name.isidentifier()


def _storable(table: LeanTable, attributes: Image) -> bool:
    """Whether attributes are of types that moto keeps just as they came, and those of indexes' keys fit to be keys."""
    return are_plain(attributes) and all(
        _fits_key(definition["AttributeType"], attributes[definition["AttributeName"]])
        for definition in table.attr
        if definition["AttributeName"] in attributes
    )


def _fits_key(kind: str, value: Any) -> bool:
    return (kind == "S" and is_short_text(value)) or (kind == "N" and "N" in value)


def _reply(body: bytes) -> AwsReply:
    return _sent(200, body)


def _refusal() -> AwsReply:
    return _sent(400, _REFUSED)


def _sent(status: int, body: bytes) -> AwsReply:
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "x-amzn-requestid": uuid.uuid4().hex,
        "x-amz-crc32": str(crc32(body)),
    }
    return AwsReply(status, headers, body)
