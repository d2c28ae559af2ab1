"""Table items as plain DynamoDB JSON, the form of the store, of stream images and of the journal."""

import json
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType, Item

Image = dict[str, Any]

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class Snapshot:
    """An item as it stood at one moment: one JSON text, shared by all who keep it, and read when somebody asks.

    As moto keeps it an item is some sixty objects, which the garbage collector walks again and again, and six times
    as large.

    Attributes:
        text: The image in JSON, UTF-8, without blanks.
    """

    __slots__ = ("_image", "text")

    def __init__(self, text: bytes, image: Image | None = None) -> None:
        self.text = text
        self._image = image

    @classmethod
    def of(cls, image: Image) -> "Snapshot":
        """The snapshot of an image, which nobody may change from here on."""
        return cls(_encode(image).encode(), image)

    @property
    def image(self) -> Image:
        """The item's attributes, not to be changed."""
        if self._image is None:
            self._image = json.loads(self.text)
        return self._image

    def fold(self) -> None:
        """Keep the text alone."""
        self._image = None

    def __eq__(self, other: object) -> bool:
        """Whether the attributes are the same, in whatever order."""
        if not isinstance(other, Snapshot):
            return NotImplemented
        return self.text == other.text or self.image == other.image

    __hash__ = None  # type: ignore[assignment] # two texts can be one item


def image_of(item: Item) -> Image:
    """Every attribute of an item in DynamoDB JSON, sharing nothing with the item."""
    return {name: _plain(value) for name, value in item.attrs.items()}


def item_of(image: Image, hash_key: str, range_key: str | None) -> Item:
    """The moto item of an image."""
    item = Item(DynamoType(image[hash_key]), DynamoType(image[range_key]) if range_key else None, {})
    # In one go: moto measures the whole item again with each attribute that is set.
    item.attrs.update({name: DynamoType(value) for name, value in image.items()})
    return item


def _plain(value: DynamoType) -> dict[str, Any]:
    if value.is_map():
        return {value.type: {name: _plain(part) for name, part in value.value.items()}}
    if value.is_list():
        return {value.type: [_plain(part) for part in value.value]}
    if value.is_set():
        return {value.type: [_plain(DynamoType({value.type[0]: part}))[value.type[0]] for part in value.value]}
    plain: dict[str, Any] = value.to_json()
    return plain
