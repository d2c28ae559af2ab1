"""Text with placeholders, `{{ timer.metadata.ticket }}`: looked up, never executed.

A placeholder is a dotted path into a context of JSON values and nothing more: no expression, filter, loop or call, so
a template can do no harm beyond what it costs, and that is bounded. A step of the path is a name of an object (the
longest that leads on, for names such as `app.kubernetes.io/name` have dots of their own) or an index of a list.

- In the middle of text a text is put in as it is, any other value as compact JSON.
- Text that is one placeholder and nothing else takes the value with its own JSON type.
- `{{ '{{' }}` stands for two braces that are meant as they are; closing braces need no such care.
- Names of objects are not templates, only values are.

What it costs to fill in grows with the template's length. Names with dots can make one path lead many ways, so the
names that are tried are counted, and who spends a `Budget` on them is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import JsonValue

__all__ = [
    "MAX_LOOK_UPS",
    "MAX_PATH",
    "MAX_RENDERED",
    "MAX_STEPS",
    "PLACEHOLDER_COST",
    "Budget",
    "LookUpsSpentError",
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

MAX_PATH: Final = 1_024
"""Most characters of a placeholder's path."""

MAX_STEPS: Final = 64
"""Most steps of a path, counted by its dots: values are nested 32 deep at most, but names may have dots themselves."""

MAX_LOOK_UPS: Final = 20_000
"""Most names that are tried for one attempt at an action: a few milliseconds. A path of three plain steps takes six the
first time, and each placeholder `PLACEHOLDER_COST`."""

PLACEHOLDER_COST: Final = 4
"""A placeholder costs as much as trying so many names, also if its path was looked up before."""

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
    """Opening braces that begin no placeholder, or a path that is too long."""


class UnknownPlaceholderError(TemplateError):
    """A path that leads nowhere in the context."""


class RenderedTooLargeError(TemplateError):
    """The placeholders would bring in more than `MAX_RENDERED` characters."""


class LookUpsSpentError(TemplateError):
    """Filling in would take more look-ups than its budget has."""


@dataclass(slots=True)
class Budget:
    """What renderings that belong together, such as all of one attempt's, may spend.

    Attributes:
        look_ups: Names that may still be tried.
        whole: A budget of which this is a part, and which pays, too.
    """

    look_ups: int = MAX_LOOK_UPS
    whole: Budget | None = None

    def spend(self, look_ups: int, where: Where) -> None:
        """Take off what is about to be done.

        Raises:
            LookUpsSpentError: If there is not so much left.
        """
        self.look_ups -= look_ups
        if self.whole is not None:
            self.whole.spend(look_ups, where)
        if self.look_ups < 0:
            raise LookUpsSpentError("the placeholders take too many look-ups: have fewer, or shorter paths", where)


def placeholders(value: JsonValue) -> set[str]:
    """Return the paths that a value's texts name.

    Raises:
        MalformedTemplateError: If opening braces begin no placeholder, or a path is too long.
    """
    return {
        path for where, text in _texts(value, ()) for token in _TOKEN.finditer(text) if (path := _path(token, where))
    }


def blanked(text: str, stand_in: str) -> str:
    """Return a text with the same stand-in for every placeholder, to look at its form before the values are known.

    Raises:
        MalformedTemplateError: If opening braces begin no placeholder, or a path is too long.
    """
    return _TOKEN.sub(lambda token: stand_in if _path(token, ()) else _OPENING, text)


def render(
    value: JsonValue, context: Mapping[str, Any], *, limit: int = MAX_RENDERED, budget: Budget | None = None
) -> JsonValue:
    """Return a value with every placeholder in its texts filled in.

    Args:
        value: Any JSON value.
        context: What paths are looked up in.
        limit: Most characters that the placeholders may bring in.
        budget: What looking up may cost; one of its own without it.

    Raises:
        MalformedTemplateError: If opening braces begin no placeholder, or a path is too long.
        UnknownPlaceholderError: If a path leads nowhere.
        RenderedTooLargeError: If the limit is passed.
        LookUpsSpentError: If the budget is.
    """
    return _Rendering(context, limit, budget or Budget()).value(value, ())


def render_text(
    text: str,
    context: Mapping[str, Any],
    *,
    escape: Callable[[str], str] = str,
    limit: int = MAX_RENDERED,
    budget: Budget | None = None,
) -> str:
    """Return a text with every placeholder filled in; the result is text even if it is one placeholder.

    Args:
        text: The template.
        context: What paths are looked up in.
        escape: Makes what a placeholder brings in safe for where it goes, as percent-encoding does for a URL.
        limit: Most characters that the placeholders may bring in.
        budget: What looking up may cost; one of its own without it.

    Raises:
        MalformedTemplateError: If opening braces begin no placeholder, or a path is too long.
        UnknownPlaceholderError: If a path leads nowhere.
        RenderedTooLargeError: If the limit is passed.
        LookUpsSpentError: If the budget is.
    """
    return _Rendering(context, limit, budget or Budget(), escape).text(text, ())


def field_path(base: str, where: Where) -> str:
    """Return the wire path of a place: `base.items[0].text`."""
    return base + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where)


@dataclass(slots=True)
class _Rendering:
    context: Mapping[str, Any]
    left: int
    budget: Budget
    escape: Callable[[str], str] = str
    known: dict[str, tuple[Any, str]] = field(default_factory=dict)

    def value(self, value: JsonValue, where: Where) -> JsonValue:
        if isinstance(value, str):
            whole = _PLACEHOLDER.fullmatch(value)
            if whole and not _LITERAL.fullmatch(value):
                found, text = self._found(_path(whole, where), where)
                self._spend(text, where)
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
            return self._spend(self._found(path, where)[1], where) if path else _OPENING

        return _TOKEN.sub(filled, text)

    def _found(self, path: str, where: Where) -> tuple[JsonValue, str]:
        """Return what a path leads to, and that as text."""
        self.budget.spend(PLACEHOLDER_COST, where)
        if path not in self.known:
            found = _look_up(self.context, path, self.budget, where)
            self.known[path] = found, _as_text(found)
        return self.known[path]

    def _spend(self, text: str, where: Where) -> str:
        # Before it is escaped as well: that only makes it longer, and a long text is not escaped to be refused.
        escaped = self.escape(text) if len(text) <= self.left else text
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
    if len(path) > MAX_PATH or path.count(".") >= MAX_STEPS:
        raise MalformedTemplateError(
            f"a placeholder's path may have {MAX_PATH} characters and {MAX_STEPS} steps at most", where
        )
    return path


def _look_up(context: Any, path: str, budget: Budget, where: Where) -> Any:
    ends = [*(index for index, sign in enumerate(path) if sign == "."), len(path)]
    found, missing = _Way(path, ends, budget, where).descend(context, 0)
    if missing:
        raise UnknownPlaceholderError(f"there is no '{path[:100]}' to put in", where)
    return found


@dataclass(frozen=True, slots=True)
class _Way:
    """A path, with the places where its steps end."""

    path: str
    ends: list[int]
    budget: Budget
    where: Where

    def descend(self, value: Any, step: int) -> tuple[Any, bool]:
        """Go on from a step, the longest names first; the second of the pair says that it leads nowhere."""
        if step == len(self.ends):
            return value, False
        begin = self.ends[step - 1] + 1 if step else 0
        if isinstance(value, list):
            index = self.path[begin : self.ends[step]]
            inside = index.isascii() and index.isdigit() and len(index) < 7 and int(index) < len(value)
            return self.descend(value[int(index)], step + 1) if inside else (None, True)
        for last in range(len(self.ends) - 1, step - 1, -1) if isinstance(value, Mapping) else ():
            self.budget.spend(1, self.where)
            name = self.path[begin : self.ends[last]]
            if name in value:
                found, missing = self.descend(value[name], last + 1)
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
