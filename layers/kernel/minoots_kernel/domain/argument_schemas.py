"""What of JSON Schema a command's arguments may be described with, and how much work that may make.

A schema comes from a stranger, and so do the arguments: nothing is fetched for it, and what it costs to hold arguments
to it is bounded before it is stored. References are followed and counted where they stand, so a few lines that refer to
each other cannot make a million checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

__all__ = [
    "DIALECT",
    "MAX_BYTES",
    "MAX_WORK",
    "Effort",
    "Misfit",
    "Schema",
    "misfits_of_schema",
    "placed",
    "work_of",
]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
MAX_BYTES: Final = 16_384
MAX_WORK: Final = 500
"""Most subschemas, each counted as often as it is referred to."""

MAX_ARGUMENTS: Final = 65_536
"""Longest arguments that are held to a schema, characters of JSON."""

MAX_EFFORT: Final = 1_000_000
"""The same, times the work of the schema, for all commands of a timer together. The worst is patterns made to be slow:
some 0.15 s of CPU."""

MAX_DEPTH: Final = 32
"""Deepest nesting of subschemas, those that are referred to included."""

_PATTERN_WORK: Final = 30
"""What matching a pattern counts for; it is linear in the text, but for a long pattern slow."""

_UNEVALUATED_FACTOR: Final = 3
"""How much longer all below takes that has to be gone through again to know what was not evaluated; measured."""

Schema: TypeAlias = dict[str, Any]
Place: TypeAlias = tuple[str | int, ...]

# Where JSON Schema 2020-12 (Core 10, Validation 8) has subschemas, beside `$defs`.
_ONE: Final = frozenset(
    {"additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"}
    | {"unevaluatedItems", "unevaluatedProperties"}
)
_SEVERAL: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_NAMED: Final = frozenset({"dependentSchemas", "patternProperties", "properties"})
_UNEVALUATED: Final = frozenset({"unevaluatedItems", "unevaluatedProperties"})
# They give places other names, so that what a reference means would not be plain from where it stands.
_REFUSED: Final = frozenset({"$anchor", "$dynamicAnchor", "$dynamicRef", "$id", "$recursiveAnchor", "$recursiveRef"})


@dataclass(frozen=True, slots=True)
class Misfit:
    """What is wrong, and where.

    Attributes:
        place: Names and numbers that lead there.
        message: What is wrong, for people.
    """

    place: Place
    message: str


def placed(misfit: Misfit) -> str:
    """Return the message with the place before it, as a JSON Pointer (RFC 6901); the whole has none."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in misfit.place)
    pointer = "".join(f"/{step}" for step in steps)
    return f"at {pointer}: {misfit.message}" if pointer else misfit.message


def misfits_of_schema(schema: Schema) -> list[Misfit]:
    """Return what is not taken here of a schema; whether it is one at all is for a validator to say."""
    dialect = schema.get("$schema", DIALECT)
    if dialect not in (DIALECT, f"{DIALECT}#"):
        return [Misfit(("$schema",), f"leave it out, or write {DIALECT}")]
    try:
        work = work_of(schema)
    except _RefusedError as error:
        return [error.misfit]
    if work > MAX_WORK:
        return [Misfit((), f"it makes too much work: {work} where {MAX_WORK} is the most")]
    return []


def work_of(schema: Schema) -> int:
    """Return how much work it is at most to hold a value to a schema, in subschemas that are looked at."""
    return _Walk(schema).all_of()


@dataclass(slots=True)
class Effort:
    """What holding the arguments of one timer's commands to their schemas may take.

    Attributes:
        left: Work times characters.
    """

    left: int = MAX_EFFORT

    def misfit(self, work: int, length: int) -> Misfit | None:
        """Take off what is about to be done; say so if it is too much.

        Args:
            work: That of the schema.
            length: That of the arguments, in characters of JSON.
        """
        longest = min(MAX_ARGUMENTS, max(self.left, 0) // work)
        self.left -= work * length
        if length <= longest:
            return None
        return Misfit((), f"they are too long for such a schema: {length} characters of JSON where {longest} are left")


class _RefusedError(Exception):
    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.misfit = Misfit(place, message)


@dataclass
class _Walk:
    """Goes through a schema, once through each part of it however often it is referred to."""

    root: Schema
    known: dict[int, int] = field(default_factory=dict)
    under_way: set[int] = field(default_factory=set)

    def all_of(self) -> int:
        work = self.work(self.root, (), 0)
        for name, one in _mapping(self.root.get("$defs")).items():
            self.work(one, ("$defs", name), 0)  # what nothing refers to makes no work, but has to be in order
        return work

    def work(self, schema: object, place: Place, depth: int) -> int:
        if not isinstance(schema, dict):
            return 1
        if id(schema) in self.known:
            return self.known[id(schema)]
        if id(schema) in self.under_way:
            raise _RefusedError(place, "it refers to itself: schemas of arguments end somewhere")
        if depth > MAX_DEPTH:
            raise _RefusedError(place, f"it is nested more than {MAX_DEPTH} deep")
        self.under_way.add(id(schema))
        work = 1 + _patterns(schema) * _PATTERN_WORK
        for one, where in self._parts(schema, place):
            work += self.work(one, where, depth + 1)
        if not _UNEVALUATED.isdisjoint(schema):
            work *= _UNEVALUATED_FACTOR
        self.under_way.discard(id(schema))
        self.known[id(schema)] = work
        return work

    def _parts(self, schema: Schema, place: Place) -> Iterator[tuple[object, Place]]:
        for name, value in schema.items():
            where = (*place, name)
            if name in _REFUSED:
                raise _RefusedError(where, "it is not taken here: refer to '#/$defs/…'")
            if name == "$ref":
                yield self._target(value, where)
            elif name in _ONE:
                yield value, where
            elif name in _SEVERAL and isinstance(value, list):
                yield from ((one, (*where, index)) for index, one in enumerate(value))
            elif name in _NAMED:
                yield from ((one, (*where, key)) for key, one in _mapping(value).items())

    def _target(self, reference: object, where: Place) -> tuple[object, Place]:
        """Return what a reference leads to, and the place of that."""
        if not isinstance(reference, str) or (reference != "#" and not reference.startswith("#/")):
            raise _RefusedError(where, "it leads out of the schema: refer to '#/$defs/…'")
        steps = [step.replace("~1", "/").replace("~0", "~") for step in unquote(reference).split("/")[1:]]
        found: Any = self.root
        for step in steps:
            if isinstance(found, dict) and step in found:
                found = found[step]
            elif isinstance(found, list) and step.isascii() and step.isdecimal() and int(step) < len(found):
                found = found[int(step)]
            else:
                raise _RefusedError(where, "it leads nowhere")
        return found, tuple(steps)


def _patterns(schema: Schema) -> int:
    return ("pattern" in schema) + len(_mapping(schema.get("patternProperties")))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
