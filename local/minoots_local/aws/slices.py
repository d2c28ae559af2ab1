"""Which part of a sorted partition or index a query can have in its answer."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType

# moto names comparisons by symbol or by the names of the older request form.
_SYMBOLS = {"EQ": "=", "LT": "<", "LE": "<=", "GT": ">", "GE": ">="}


@dataclass(frozen=True, slots=True)
class RangeCondition:
    """The condition on a query's range key."""

    comparison: str | None
    values: list[DynamoType]

    def bounds(self, entries: list[tuple[Any, ...]]) -> tuple[int, int]:
        """First and one past the last entry that can satisfy the condition."""
        if not self.comparison or not self.values:
            return 0, len(entries)
        first, last = self.values[0].cast_value, self.values[-1].cast_value

        def of(entry: tuple[Any, ...]) -> Any:
            return entry[0]

        low = bisect_left(entries, first, key=of)
        bounds: dict[str, Callable[[], tuple[int, int]]] = {
            "=": lambda: (low, bisect_right(entries, first, key=of)),
            "<": lambda: (0, low),
            "<=": lambda: (0, bisect_right(entries, first, key=of)),
            ">": lambda: (bisect_right(entries, first, key=of), len(entries)),
            ">=": lambda: (low, len(entries)),
            "BETWEEN": lambda: (low, bisect_right(entries, last, key=of)),
            "BEGINS_WITH": lambda: (low, bisect_left(entries, f"{first}\U0010ffff", key=of)),
        }
        return bounds[_SYMBOLS.get(self.comparison.upper(), self.comparison.upper())]()


@dataclass(frozen=True, slots=True)
class Page:
    """How much of a query is wanted, and from where on."""

    limit: int
    start: dict[str, Any] | None
    forward: bool


def comparable(attribute: dict[str, Any] | DynamoType) -> Any:
    """A key attribute as something that sorts as DynamoDB sorts it."""
    if isinstance(attribute, DynamoType):
        kind, value = attribute.type, attribute.value
    else:
        ((kind, value),) = attribute.items()
    if kind == "S":
        return value
    if kind == "N" and isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)  # a third of a Decimal's size, and equal to it
    return DynamoType(attribute).cast_value
