"""How a listing of timers is narrowed, ordered and cut down, as its query says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import StringConstraints

from minoots_contract.label_lists import split_list
from minoots_contract.model import RequestedInstant
from minoots_contract.timers import TimerReply
from minoots_kernel.domain.errors import InvalidTimerError
from minoots_kernel.domain.timer_filter import LabelTest

__all__ = [
    "CreatedBy",
    "DueAfter",
    "DueBefore",
    "Fields",
    "Labels",
    "NamePrefix",
    "Sort",
    "label_tests",
    "labels_named",
    "of_shown",
    "oldest_first",
    "shown_fields",
]

MAX_TESTS: Final = 20
FIELDS: Final = tuple(field.alias or name for name, field in TimerReply.model_fields.items())
"""The fields of a timer, as the wire has them."""

_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}"
_TEST: Final = re.compile(rf"(?P<not>!)?(?P<bare>{_NAME})|(?P<name>{_NAME})(?P<is>==|=|!=)(?P<value>.{{0,256}})", re.S)
_HOW: Final = "write name=value, name!=value, name (it is there) or !name (it is not), with commas between"
_PAIR: Final = re.compile(r"[^=]{1,64}=.{0,256}", re.S)
_COMMAS: Final = "a comma within a value has a backslash before it"

Labels = Annotated[
    list[str] | None,
    Query(
        description="Only timers whose labels are so: `env=prod,team!=x,owner,!draft`; all have to hold. A comma "
        "within a value has a backslash before it, and so has a backslash before a comma or backslash."
    ),
]
DueAfter = Annotated[
    RequestedInstant | None, Query(alias="dueAfter", description="Only timers that are due then or later.")
]
DueBefore = Annotated[
    RequestedInstant | None, Query(alias="dueBefore", description="Only timers that are due before then.")
]
NamePrefix = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=256)] | None,
    Query(alias="namePrefix", description="Only timers whose name begins so."),
]
CreatedBy = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=256)] | None,
    Query(alias="createdBy", description="Only timers of this `requestedBy`."),
]
Sort = Annotated[
    Annotated[str, StringConstraints(max_length=64)] | None,
    Query(description="`-createdAt`, the newest first, which is the default, or `createdAt`."),
]
Fields = Annotated[
    list[str] | None, Query(description="Show only these fields of each timer, such as `id,status,fireAt`.")
]


def label_tests(texts: Sequence[str] | None) -> tuple[LabelTest, ...]:
    """Read what has to hold of labels.

    Raises:
        InvalidTimerError: If it is not well formed, or too much.
    """
    tests = [] if texts is None else split_list(texts)
    if len(tests) > MAX_TESTS:
        raise _bad("labels", f"at most {MAX_TESTS} at a time")
    return tuple(_label_test(text.strip()) for text in tests)


def labels_named(texts: Sequence[str] | None) -> dict[str, str]:
    """Read labels, each `name=value`.

    Raises:
        InvalidTimerError: If one is not well formed.
    """
    pairs = [] if texts is None else split_list(texts)
    if not all(_PAIR.fullmatch(pair) for pair in pairs):
        raise _bad("label", f"write name=value; {_COMMAS}")
    return dict(pair.split("=", 1) for pair in pairs)


def _label_test(text: str) -> LabelTest:
    found = _TEST.fullmatch(text)
    if found is None:
        raise _bad("labels", f"{_HOW}; {_COMMAS}")
    if found["bare"]:
        return LabelTest(found["bare"], None, found["not"] is not None)
    return LabelTest(found["name"], found["value"], found["is"] == "!=")


def oldest_first(sort: str | None) -> bool:
    """Read an order.

    Raises:
        InvalidTimerError: If it is one that a listing cannot have.
    """
    if sort in {None, "-createdAt"}:
        return False
    if sort == "createdAt":
        return True
    raise _bad(
        "sort",
        "createdAt or -createdAt: timers lie in that order; any other would need an index, which every write pays for",
    )


def shown_fields(fields: Sequence[str] | None) -> frozenset[str] | None:
    """Read which fields are wanted; none when all are.

    Raises:
        InvalidTimerError: If a timer has no such field.
    """
    if fields is None:
        return None
    unknown = sorted({field.strip() for field in fields} - set(FIELDS))
    if unknown:
        raise _bad("fields", f"a timer has no '{unknown[0][:64]}'; it has {', '.join(FIELDS)}")
    return frozenset(field.strip() for field in fields)


def _bad(field: str, why: str) -> InvalidTimerError:
    return InvalidTimerError(f"The query cannot be used: {field}.", ((field, why),))


def of_shown(timer: TimerReply, shown: frozenset[str]) -> dict[str, Any]:
    """Return a timer with these fields only, of those that it has."""
    return {name: value for name, value in timer.wire().items() if name in shown}
