"""Reading request bodies so that nothing that a JSON parser shrugs at comes through."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from minoots_contract.problems import ErrorCode
from minoots_kernel.domain.errors import MinootsError

__all__ = ["MAX_BODY_BYTES", "MAX_DEPTH", "BodyTooLargeError", "MalformedBodyError", "MediaTypeError", "parse_json"]

MAX_BODY_BYTES: Final = 256 * 1024
"""Largest body, bytes of UTF-8."""

MAX_DEPTH: Final = 32
"""Deepest nesting of arrays and objects."""

MEDIA_TYPES: Final = {"PATCH": ("application/merge-patch+json", "application/json")}
"""What bodies may be declared to be, by method, where that is not JSON alone."""

_SURROGATES: Final = range(0xD800, 0xE000)


class MalformedBodyError(MinootsError):
    """The body is not strict JSON."""

    code: ClassVar[ErrorCode] = ErrorCode.MALFORMED_BODY


class BodyTooLargeError(MinootsError):
    """The body is over `MAX_BODY_BYTES`."""

    code: ClassVar[ErrorCode] = ErrorCode.BODY_TOO_LARGE


class MediaTypeError(MinootsError):
    """The body is declared to be something other than JSON."""

    code: ClassVar[ErrorCode] = ErrorCode.UNSUPPORTED_MEDIA_TYPE


def read_text(
    event: Mapping[str, Any], most: int = MAX_BODY_BYTES, media_types: Sequence[str] = ("application/json",)
) -> str:
    """Return the body of an HTTP API event as text.

    Args:
        event: The event, its headers' names in lower case.
        most: Largest body, bytes.
        media_types: What it may be declared to be; the first is the one to recommend.

    Raises:
        BodyTooLargeError: If it is over the limit.
        MalformedBodyError: If it is not UTF-8.
        MediaTypeError: If there is a body and its media type is not JSON.
    """
    body = event.get("body") or ""
    if not body:
        return ""
    media_type = str(event.get("headers", {}).get("content-type", "application/json")).split(";")[0].strip().lower()
    if media_type not in media_types:
        raise MediaTypeError(f"The body came as '{media_type[:64]}': send JSON with Content-Type: {media_types[0]}.")
    if len(body) > most * 2:  # before any copy is made; base64 makes four bytes of three
        raise BodyTooLargeError(f"The body is larger than {most} bytes.")
    try:
        raw = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
        text = raw.decode()
    except (binascii.Error, UnicodeError) as error:
        raise MalformedBodyError("The body is not UTF-8 text.") from error
    if len(raw) > most:
        raise BodyTooLargeError(f"The body is larger than {most} bytes.")
    return text


def parse_json(text: str | None) -> Any:
    """Parse strict JSON: no NaN or Infinity, no name twice in an object, no lone surrogate, no deep nesting.

    Raises:
        MalformedBodyError: If the text is anything else; the detail says what and where.
    """
    if not text:
        raise MalformedBodyError("The body is empty: send a JSON object.")
    try:
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_distinct)
    except json.JSONDecodeError as error:
        raise MalformedBodyError(f"The body is not JSON: {error.msg} at character {error.pos}.") from error
    except RecursionError as error:
        raise MalformedBodyError(f"The body is nested more than {MAX_DEPTH} deep.") from error
    except ValueError as error:  # a number with thousands of digits
        raise MalformedBodyError("The body has a number that is too long.") from error
    if not isinstance(value, dict):
        raise MalformedBodyError("The body is not a JSON object.")
    _check(value, 1)
    return value


def _refuse_constant(name: str) -> None:
    raise MalformedBodyError(f"The body has {name}, which JSON does not know.")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        shown = twice[:64].encode("utf-8", "backslashreplace").decode()  # it may have half of a surrogate pair
        raise MalformedBodyError(f"The name '{shown}' stands twice in one object.", ((shown, "given twice"),))
    return made


def _check(value: Any, depth: int) -> None:
    if isinstance(value, str):
        if not value.isascii() and any(ord(character) in _SURROGATES for character in value):
            raise MalformedBodyError("The body has half of a surrogate pair, which is no character.")
        return
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise MalformedBodyError("The body has a number that is too large.")
    if not isinstance(value, dict | list):
        return
    if depth > MAX_DEPTH:
        raise MalformedBodyError(f"The body is nested more than {MAX_DEPTH} deep.")
    for name in value if isinstance(value, dict) else ():
        _check(name, depth + 1)
    for item in value.values() if isinstance(value, dict) else value:
        _check(item, depth + 1)
