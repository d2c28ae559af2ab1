"""Attribute values that need no checking by moto: those of which nothing can be wrong."""

import re
from collections.abc import Callable
from typing import Any, TypeGuard

from minoots_local.aws.images import Image

# In characters, of up to four bytes: the limit is 1024 bytes for a sort key.
_LONGEST_KEY = 256
_DEEPEST = 30  # of the 32 levels that DynamoDB nests

_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")
_WHOLE = re.compile(r"[0-9]{1,18}")


def _is_text(value: Any) -> TypeGuard[str]:
    """Whether it is a text that can be written down: half of a surrogate pair cannot."""
    if not isinstance(value, str):
        return False
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def is_short_text(value: Any) -> TypeGuard[Image]:
    """Whether it is a text that can be a key."""
    if not isinstance(value, dict) or value.keys() != {"S"}:
        return False
    return _is_text(value["S"]) and 0 < len(value["S"]) <= _LONGEST_KEY


def whole_number(value: Any) -> int | None:
    """The number that it is; None when it is none, or negative, broken or large."""
    if not isinstance(value, dict) or value.keys() != {"N"}:
        return None
    digits = value["N"]
    return int(digits) if isinstance(digits, str) and _WHOLE.fullmatch(digits) else None


def are_plain(attributes: Image, depth: int = 1) -> bool:
    """Whether every attribute is of a type and form that moto keeps just as it came.

    Args:
        attributes: Attributes by name.
        depth: How deep in an item they are, from 1.
    """
    return depth <= _DEEPEST and all(
        name and _is_text(name) and _is_plain(value, depth) for name, value in attributes.items()
    )


def _is_plain(value: Any, depth: int) -> bool:
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((kind, content),) = value.items()
    check = _PLAIN.get(kind)
    return check is not None and check(content, depth)


def _is_list(content: Any, depth: int) -> bool:
    return isinstance(content, list) and depth < _DEEPEST and all(_is_plain(part, depth + 1) for part in content)


def _is_map(content: Any, depth: int) -> bool:
    return isinstance(content, dict) and are_plain(content, depth + 1)


# Sets and bytes are moto's: they can be empty, hold one thing twice, or come encoded.
_PLAIN: dict[str, Callable[[Any, int], bool]] = {
    "BOOL": lambda content, _depth: isinstance(content, bool),
    "L": _is_list,
    "M": _is_map,
    "N": lambda content, _depth: isinstance(content, str) and _NUMBER.fullmatch(content) is not None,
    "NULL": lambda content, _depth: content is True,
    "S": lambda content, _depth: _is_text(content),
}
