"""Durations as people write them, exact to the millisecond.

Two grammars are accepted, and nothing else:

* compact: one or more ``<number><unit>`` terms with units ``w d h m s ms``, each at most once and from the largest to
  the smallest: ``30s``, ``1h30m``, ``1.5h``, ``2w``;
* ISO 8601 (5.5.2.2): ``PnW`` or ``PnDTnHnMnS`` with at least one component, of which only the last may have a
  fraction: ``PT1H30M``, ``P1D``. Years and months are refused because they have no fixed length.

Digits are ASCII, blanks and signs are refused, and a value that is not a whole number of milliseconds is refused rather
than rounded, so a duration never means something other than what it says.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

__all__ = ["MAX_DURATION_MS", "MAX_DURATION_TEXT", "InvalidDurationError", "format_duration", "parse_duration"]

MAX_DURATION_TEXT: Final = 64
"""Longest duration text that is read, in characters."""

MAX_DURATION_MS: Final = 366 * 10_000 * 86_400_000
"""Longest duration, in milliseconds: past it no calendar date remains (the calendar ends with year 9999)."""

_UNIT_MS: Final[dict[str, int]] = {
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_NUMBER: Final = r"[0-9]+(?:\.[0-9]+)?"
_COMPACT: Final = re.compile("".join(f"(?:(?P<{unit}>{_NUMBER}){unit})?" for unit in _UNIT_MS))
_ISO_WEEKS: Final = re.compile(rf"P(?P<w>{_NUMBER})W")
_ISO: Final = re.compile(
    rf"P(?:(?P<d>{_NUMBER})D)?(?:T(?=[0-9])(?:(?P<h>{_NUMBER})H)?(?:(?P<m>{_NUMBER})M)?(?:(?P<s>{_NUMBER})S)?)?"
)
_ISO_CALENDAR: Final = re.compile(r"P[^T]*[0-9][YM]")


class InvalidDurationError(ValueError):
    """A duration that is not in the grammar, not positive, not whole milliseconds, or too long."""


def parse_duration(value: str | int) -> int:
    """Read a duration.

    Args:
        value: Text in one of the module's grammars, or a whole number of milliseconds.

    Returns:
        Milliseconds, from 1 to `MAX_DURATION_MS`.

    Raises:
        InvalidDurationError: If the value is anything else; the message says what to write instead.
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InvalidDurationError("a duration is text such as '1h30m' or a whole number of milliseconds")
    milliseconds = Fraction(value) if isinstance(value, int) else _parse_text(value)
    if milliseconds.denominator != 1:
        raise InvalidDurationError("a duration must be a whole number of milliseconds")
    if milliseconds <= 0:
        raise InvalidDurationError("a duration must be longer than zero")
    if milliseconds > MAX_DURATION_MS:
        raise InvalidDurationError("the duration ends after the year 9999")
    return int(milliseconds)


def format_duration(milliseconds: int) -> str:
    """Write a duration in the compact grammar.

    Args:
        milliseconds: A positive whole number.

    Returns:
        The shortest exact text, such as ``1h30m``; `parse_duration` reads it back to the same number.

    Raises:
        InvalidDurationError: If the number is not positive.
    """
    if milliseconds <= 0:
        raise InvalidDurationError("a duration must be longer than zero")
    text, rest = "", milliseconds
    for unit, size in _UNIT_MS.items():
        count, rest = divmod(rest, size)
        text += f"{count}{unit}" if count else ""
    return text


def _parse_text(text: str) -> Fraction:
    if len(text) > MAX_DURATION_TEXT:
        raise InvalidDurationError(f"a duration has at most {MAX_DURATION_TEXT} characters")
    if _ISO_CALENDAR.match(text):
        raise InvalidDurationError("years and months have no fixed length: write days, or give fireAt")
    match = _ISO_WEEKS.fullmatch(text) or _ISO.fullmatch(text) or _COMPACT.fullmatch(text)
    terms = {unit: number for unit, number in match.groupdict().items() if number} if match else {}
    if not terms:
        raise InvalidDurationError("write a duration as '90s', '1h30m', '2w' or 'PT1H30M'")
    if text.startswith("P") and any("." in number for number in list(terms.values())[:-1]):
        raise InvalidDurationError("in ISO 8601 only the last component may have a fraction")
    return sum((Fraction(number) * _UNIT_MS[unit] for unit, number in terms.items()), Fraction())
