"""Times and states in words, as tables show them."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from minoots_contract.timers import TimerReply

__all__ = ["countdown", "due", "lateness", "note", "printable", "span"]

_UNITS: Final = (("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))
_WAITING: Final = frozenset({"scheduled", "armed"})


def span(milliseconds: int) -> str:
    """Write a length of time in its two largest units: ``4m 12s``; under a second ``250ms``."""
    if milliseconds < 1_000:
        return f"{milliseconds}ms"
    largest = next(index for index, (_, size) in enumerate(_UNITS) if milliseconds >= size)
    parts, rest = [], milliseconds
    for unit, size in _UNITS[largest : largest + 2]:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts)


def due(instant_ms: int, now_ms: int) -> str:
    """Write an instant as seen from now: ``in 4m 12s``, ``now``, ``3m ago``."""
    distance_ms = instant_ms - now_ms
    if abs(distance_ms) < 1_000:
        return "now"
    return f"in {span(distance_ms)}" if distance_ms > 0 else f"{span(-distance_ms)} ago"


def countdown(timer: TimerReply, now_ms: int) -> str:
    """Write what a timer is waiting for; the last minute runs in tenths of a second."""
    if timer.status not in _WAITING:
        return timer.status if timer.fired_at is None else f"fired {due(timer.fired_at, now_ms)}"
    left_ms = timer.fire_at - now_ms
    if left_ms <= 0:
        return "due now"
    return f"in {left_ms / 1000:.1f}s" if left_ms < 60_000 else f"in {span(left_ms)}"


def lateness(milliseconds: int) -> str:
    """Write how late a timer fired: ``38 ms late``, ``1.2 s late``."""
    if milliseconds < 1_000:
        return f"{milliseconds} ms late"
    return f"{milliseconds / 1000:.1f} s late" if milliseconds < 60_000 else f"{span(milliseconds)} late"


def note(timer: TimerReply) -> str:
    """Write what else is worth knowing in a row: lateness, how far actions are, why it ended."""
    parts = [] if timer.lateness_ms is None else [lateness(timer.lateness_ms)]
    if timer.status == "fired" and timer.actions:
        done = sum(action.state == "succeeded" for action in timer.actions)
        parts.append(f"{done} of {len(timer.actions)} actions done")
    if timer.remaining_ms is not None:
        parts.append(f"{span(timer.remaining_ms)} left")
    why = timer.cancel_reason if timer.status == "cancelled" else timer.failure_reason
    return ", ".join([*parts, *([why] if why else [])])


def printable(text: str) -> str:
    """Return text that cannot steer a terminal: control and format characters are written as escapes.

    A timer's name, and far more a receiver's error text, comes from elsewhere.
    """
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in {"Cc", "Cf", "Cs"}
        else character
        for character in text
    )
