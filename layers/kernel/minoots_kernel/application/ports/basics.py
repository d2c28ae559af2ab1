"""What several ports speak of, and the smallest of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

__all__ = ["Clock", "Delayed", "IdFactory", "Metrics", "Page", "TimerKey"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A stretch of a listing.

    Attributes:
        items: What was found, in the listing's order; may be fewer than the limit, even none, before the end.
        next_position: Where the following page begins, or none at the end.
    """

    items: tuple[T, ...]
    next_position: str | None = None


@dataclass(frozen=True, slots=True)
class TimerKey:
    """What identifies a timer."""

    tenant_id: str
    timer_id: str


@dataclass(frozen=True, slots=True)
class Delayed(Generic[T]):
    """A message and how long the queue is to hold it back: 0 to 900 whole seconds."""

    message: T
    delay_s: int = 0


class Clock(Protocol):
    """The service's clock."""

    def now_ms(self) -> int:
        """Return epoch milliseconds."""
        ...

    def sleep_ms(self, duration_ms: int) -> None:
        """Wait; a duration of zero or less returns at once."""
        ...


class IdFactory(Protocol):
    """Makes ids of new timers."""

    def new_id(self) -> str:
        """Return a fresh id; ids sort by the time they were made (UUIDv7)."""
        ...


class Metrics(Protocol):
    """Where measurements go."""

    def count(self, name: str, value: int = 1) -> None:
        """Add to a counter."""
        ...

    def milliseconds(self, name: str, value: int) -> None:
        """Record a duration."""
        ...
