"""Table items as plain DynamoDB JSON, the form of stream images and of the journal."""

from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType, Item

Image = dict[str, Any]


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
