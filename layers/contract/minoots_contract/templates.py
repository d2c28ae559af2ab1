"""Text with placeholders, `{{ timer.metadata.ticket }}`: looked up, never executed.

A placeholder is a dotted path into a context of JSON values and nothing more: no expression, filter, loop or call, so
a template can do no harm beyond its length, and that is bounded. A step of the path is a name of an object (the
longest that fits, for names such as `app.kubernetes.io/name` have dots of their own) or an index of a list.

- In the middle of text a text is put in as it is, any other value as compact JSON.
- Text that is one placeholder and nothing else takes the value with its own JSON type.
- `{{ '{{' }}` stands for two braces that are meant as they are; closing braces need no such care.
- Names of objects are not templates, only values are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import JsonValue

__all__ = [
    "MAX_RENDERED",
    "MalformedTemplateError",
    "RenderedTooLargeError",
    "TemplateError",
    "UnknownPlaceholderError",
    "blanked",
    "field_path",
    "placeholders",
    "render",
    "render_text",
]

MAX_RENDERED: Final = 262_144
"""Most characters that placeholders may bring into one value: a template may name a long text a thousand times."""

_OPENING: Final = "{{"
_PLACEHOLDER: Final = re.compile(r"\{\{([^{}]*)\}\}")
_LITERAL: Final = re.compile(r"\{\{ *'\{\{' *\}\}")
_TOKEN: Final = re.compile(rf"{_LITERAL.pattern}|{_PLACEHOLDER.pattern}|\{{\{{")

Where = tuple[str | int, ...]
"""Names and indexes that lead to a place in a JSON value."""


class TemplateError(ValueError):
    """A template that cannot be rendered.

    Attributes:
        where: The text's place in the value that was given.
    """

    def __init__(self, message: str, where: Where = ()) -> None:
        super().__init__(message)
        self.where = where


class MalformedTemplateError(TemplateError):
    """Opening braces that begin no placeholder."""


class UnknownPlaceholderError(TemplateError):
    """A path that leads nowhere in the context."""


class RenderedTooLargeError(TemplateError):
    """The placeholders would bring in more than `MAX_RENDERED` characters."""


def placeholders(value: JsonValue) -> set[str]:
    """Return the paths that a value's texts name.

    Raises:
        MalformedTemplateError: If opening braces begin no placeholder.
    """
    return {
        path for where, text in _texts(value, ()) for token in _TOKEN.finditer(text) if (path := _path(token, where))
    }


def blanked(text: str, stand_in: str) -> str:
    """Return a text with the same stand-in for every placeholder, to look at its form before the values are known.

    Raises:
        MalformedTemplateError: If opening braces begin no placeholder.
    """
    return _TOKEN.sub(lambda token: stand_in if _path(token, ()) else _OPENING, text)


def render(value: JsonValue, context: Mapping[str, Any], *, limit: int = MAX_RENDERED) -> JsonValue:
    """Return a value with every placeholder in its texts filled in.

    Args:
        value: Any JSON value.
        context: What paths are looked up in.
        limit: Most characters that the placeholders may bring in.

    Raises:
        MalformedTemplateError: If opening braces begin no placeholder.
        UnknownPlaceholderError: If a path leads nowhere.
        RenderedTooLargeError: If the limit is passed.
    """
    return _Rendering(context, limit).value(value, ())


def render_text(
    text: str,
    context: Mapping[str, Any],
    *,
    escape: Callable[[str], str] = str,
    limit: int = MAX_RENDERED,
) -> str:
    """Return a text with every placeholder filled in; the result is text even if it is one placeholder.

    Args:
        text: The template.
        context: What paths are looked up in.
        escape: Makes what a placeholder brings in safe for where it goes, as percent-encoding does for a URL.
        limit: Most characters that the placeholders may bring in.

    Raises:
        MalformedTemplateError: If opening braces begin no placeholder.
        UnknownPlaceholderError: If a path leads nowhere.
        RenderedTooLargeError: If the limit is passed.
    """
    return _Rendering(context, limit, escape).text(text, ())


def field_path(base: str, where: Where) -> str:
    """Return the wire path of a place: `base.items[0].text`."""
    return base + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where)


@dataclass(slots=True)
class _Rendering:
    context: Mapping[str, Any]
    left: int
    escape: Callable[[str], str] = str

    def value(self, value: JsonValue, where: Where) -> JsonValue:
        if isinstance(value, str):
            whole = _PLACEHOLDER.fullmatch(value)
            if whole and not _LITERAL.fullmatch(value):
                found: JsonValue = _look_up(self.context, _path(whole, where), where)
                self._spend(_as_text(found), where)
                return found
            return self.text(value, where)
        if isinstance(value, dict):
            return {name: self.value(item, (*where, name)) for name, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*where, index)) for index, item in enumerate(value)]
        return value

    def text(self, text: str, where: Where) -> str:
        if _OPENING not in text:
            return text

        def filled(token: re.Match[str]) -> str:
            path = _path(token, where)
            return self._spend(_as_text(_look_up(self.context, path, where)), where) if path else _OPENING

        return _TOKEN.sub(filled, text)

    def _spend(self, text: str, where: Where) -> str:
        escaped = self.escape(text)
        self.left -= len(escaped)
        if self.left < 0:
            raise RenderedTooLargeError("the placeholders bring in more text than fits", where)
        return escaped


def _path(token: re.Match[str], where: Where) -> str:
    """Return a token's path; none for the literal braces."""
    if _LITERAL.fullmatch(token[0]):
        return ""
    path = (token[1] or "").strip()
    if not path:
        raise MalformedTemplateError(
            "'{{' begins no placeholder: write {{ timer.name }}, or {{ '{{' }} for braces", where
        )
    return path


def _look_up(context: Any, path: str, where: Where) -> Any:
    found, missing = _descend(context, path.split("."))
    if missing:
        raise UnknownPlaceholderError(f"there is no '{path[:100]}' to put in", where)
    return found


def _descend(value: Any, steps: Sequence[str]) -> tuple[Any, bool]:
    """Follow a path; the second of the pair says that it leads nowhere."""
    if not steps:
        return value, False
    if isinstance(value, list):
        index = steps[0]
        inside = index.isascii() and index.isdigit() and len(index) < 7 and int(index) < len(value)
        return _descend(value[int(index)], steps[1:]) if inside else (None, True)
    if isinstance(value, Mapping):
        for taken in range(len(steps), 0, -1):
            name = ".".join(steps[:taken])
            if name in value:
                found, missing = _descend(value[name], steps[taken:])
                if not missing:
                    return found, False
    return None, True


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _texts(value: JsonValue, where: Where) -> Iterator[tuple[Where, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(item, (*where, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*where, index))
