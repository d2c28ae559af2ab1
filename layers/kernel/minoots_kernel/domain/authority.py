"""What a call is about, and who says whether it may go on once that is known.

The role that a route takes is checked at the door. A tenant with policies of its own has them asked instead, and they
may go by what a timer is called or labelled: so they are asked by the use cases, between the read and the write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeVar

__all__ = ["BY_ROLE", "Authority", "Sight", "Thing", "ThingType", "Value", "timer_as_thing"]

T = TypeVar("T")

ThingType = Literal["Tenant", "Timer", "DeadLetter", "Destination", "CommandTemplate", "Inbox", "Key"]
"""The sorts of things that calls are about, as policies name them."""

Sight = Callable[[Sequence[T]], Sequence[T]]
"""Returns those of a listing's entries that its caller may see, in their order."""

Value = str | int | frozenset[str]
"""What an attribute may be: a text, an instant in epoch milliseconds, or a set of texts."""


@dataclass(frozen=True, slots=True)
class Thing:
    """What a call is about, as policies see it.

    Attributes:
        type: Of which sort it is.
        id: Its id or name within the tenant.
        attributes: What policies may go by.
        tags: Labels.
    """

    type: ThingType
    id: str
    attributes: Mapping[str, Value] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def timer_as_thing(
    timer_id: str, *, name: str, status: str, requested_by: str, fire_at_ms: int, labels: Mapping[str, str]
) -> Thing:
    """Return a timer, of which so much is known, as policies see it."""
    attributes: dict[str, Value] = {"name": name, "status": status, "requestedBy": requested_by, "fireAt": fire_at_ms}
    return Thing("Timer", timer_id, attributes, labels)


class Authority(Protocol):
    """Says whether a call may go on."""

    @property
    def by_role(self) -> bool:
        """Whether the caller's role has decided already, and nothing need be read to be asked about."""
        ...

    def check(self, *things: object) -> None:
        """Let a call go on that is about these, as they were read or as they are to be stored.

        Raises:
            ForbiddenError: If it may not.
        """
        ...

    def check_each(self, thing: object) -> None:
        """Let one of many things pass, upon which the call decides as one about that thing alone would.

        Raises:
            ForbiddenError: If the caller may not do that with it; the others are not touched by that.
        """
        ...

    def visible(self, things: Sequence[T]) -> tuple[T, ...]:
        """Return those that the caller may see, in their order."""
        ...

    def finish(self) -> None:
        """Take notice that the call has been answered well.

        Raises:
            RuntimeError: If nobody asked whether it may be.
        """
        ...


class _ByRole:
    """The role was checked at the door, and nothing else is to be asked."""

    by_role = True

    def check(self, *_things: object) -> None:
        """Let it pass."""

    def check_each(self, _thing: object) -> None:
        """Let it pass."""

    def visible(self, things: Sequence[T]) -> tuple[T, ...]:
        """Return them all."""
        return tuple(things)

    def finish(self) -> None:
        """Do nothing."""


BY_ROLE: Final[Authority] = _ByRole()
"""For calls upon which the role alone decides."""
