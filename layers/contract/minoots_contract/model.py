"""What every model of the wire shares: camelCase names, strict types, no unknown fields."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, StringConstraints, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from minoots_contract.durations import InvalidDurationError, parse_duration
from minoots_contract.instants import InvalidInstantError, format_instant, parse_instant

__all__ = [
    "IDEMPOTENCY_KEY",
    "DeferredModel",
    "Duration",
    "Identifier",
    "Instant",
    "LabelKey",
    "LabelValue",
    "Line",
    "RequestedInstant",
    "TenantId",
    "WireModel",
    "field_error",
]


class WireModel(BaseModel):
    """Base of requests, replies and events: camelCase on the wire, frozen, strict, closed."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
    )

    def wire(self) -> dict[str, Any]:
        """Return the JSON-ready mapping, camelCase, without absent fields."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class DeferredModel(WireModel):
    """Base of models whose validators are made when they are first used: most functions never use them."""

    model_config = ConfigDict(defer_build=True)


def field_error(field: str, message: str) -> PydanticCustomError:
    """Make a validation error that names a wire field though a whole model raised it."""
    return PydanticCustomError("field", "{message}", {"field": field, "message": message})


def _duration(value: Any) -> int:
    try:
        return parse_duration(value)
    except InvalidDurationError as error:
        raise PydanticCustomError("duration", "{message}", {"message": str(error)}) from error


def _instant(value: Any) -> int:
    try:
        return parse_instant(value)
    except InvalidInstantError as error:
        raise PydanticCustomError("instant", "{message}", {"message": str(error)}) from error


Duration = Annotated[
    int,
    BeforeValidator(_duration),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "maxLength": 64}, {"type": "integer", "minimum": 1}],
            "description": "'90s', '1h30m', '2w', ISO 8601 'PT1H30M', or whole milliseconds.",
            "examples": ["30s"],
        },
        mode="validation",
    ),
]
"""Milliseconds, read from the duration grammar or a whole number."""

_INSTANT_SCHEMA = WithJsonSchema({"type": "string", "format": "date-time"})

_WRITTEN = PlainSerializer(format_instant, return_type=str, when_used="json")

RequestedInstant = Annotated[int, BeforeValidator(_instant), _WRITTEN, _INSTANT_SCHEMA]
"""An instant that a caller writes: RFC 3339 text with an offset and nothing else; epoch milliseconds in Python."""

Instant = Annotated[
    int,
    BeforeValidator(lambda value: value if type(value) is int else _instant(value)),
    _WRITTEN,
    _INSTANT_SCHEMA,
]
"""An instant that the service writes: epoch milliseconds in Python, RFC 3339 in UTC on the wire."""

IDEMPOTENCY_KEY: Final = r"^[\x20-\x7e]{1,255}$"
"""What an idempotency key may be: 1 to 255 printable ASCII characters."""

_PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*$"

Line = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=_PRINTABLE)]
"""One line of text without control characters."""

LabelKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._/-]{0,62})?$")]
"""The name of a label."""

LabelValue = Annotated[str, StringConstraints(max_length=256)]
"""What a label says."""

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
"""A short name that is safe in keys, headers and URLs."""

TenantId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A tenant's name; it is part of storage keys, so it has no separator in it."""
