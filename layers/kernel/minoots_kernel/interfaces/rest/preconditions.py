"""`ETag` and `If-Match` (RFC 9110, 8.8.3 and 13.1.1): a thing's entity tag is its version between quotes.

A timer's version is its `stateVersion`.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import StringConstraints, WithJsonSchema

from minoots_kernel.domain.errors import InvalidTimerError
from minoots_kernel.domain.timer import Timer

__all__ = ["MAX_IF_MATCH", "TagsText", "etag", "is_known", "versions_of"]

MAX_IF_MATCH: Final = 1024
"""Longest `If-Match` that is read, characters."""

_TAG: Final = r'(?:W/)?"[\x21\x23-\x7e]*"'
_TAGS: Final = re.compile(rf"{_TAG}(?:[ \t]*,[ \t]*{_TAG})*")
_QUOTED: Final = re.compile(r'"[\x21\x23-\x7e]*"')
_VERSION: Final = re.compile(r'(?<!W/)"(0|[1-9][0-9]{0,17})"')


TagsText = Annotated[
    str,
    StringConstraints(max_length=MAX_IF_MATCH),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": MAX_IF_MATCH,
            "pattern": r'^(\*|(W/)?"[!#-~]*"([ \t]*,[ \t]*(W/)?"[!#-~]*")*)$',
        }
    ),
]
"""The text of an `If-Match` or `If-None-Match`."""


def etag(version: int) -> str:
    """Return the entity tag of what stands at a version."""
    return f'"{version}"'


def is_known(timer: Timer, if_none_match: str | None) -> bool:
    """Tell whether an `If-None-Match` says that the caller has the timer as it stands (RFC 9110, 13.1.2).

    Tags are compared weakly, as that has it; a header that is not well formed lets the timer be shown.
    """
    if if_none_match is None:
        return False
    told = if_none_match.strip()
    return told == "*" or (_TAGS.fullmatch(told) is not None and f'"{timer.version}"' in _QUOTED.findall(told))


def versions_of(if_match: str | None) -> frozenset[int] | None:
    """Return the versions that an `If-Match` lets pass.

    Args:
        if_match: The header, if there was one. Weak tags, and those that were never a timer's, match nothing.

    Returns:
        None when any version will do: without the header, or with `*`.

    Raises:
        InvalidTimerError: If it is neither `*` nor a list of entity tags.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    if not _TAGS.fullmatch(if_match.strip()):
        fields = (("If-Match", 'write the tag as the ETag of an answer has it, with its quotes: "7"'),)
        raise InvalidTimerError("The header If-Match is not well formed.", fields)
    return frozenset(int(version) for version in _VERSION.findall(if_match))
