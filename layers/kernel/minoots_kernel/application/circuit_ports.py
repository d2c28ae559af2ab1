"""What protecting receivers needs of the world, and what it offers to performers; as `ports`, by another name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol

from minoots_kernel.domain.circuits import Call, Circuit, Pace

__all__ = ["NO_SHIELD", "CircuitStore", "Shield", "Watch"]


class CircuitStore(Protocol):
    """Circuits that every execution environment sees. Reads are strongly consistent."""

    def get_many(self, tenant_id: str, names: Sequence[str]) -> dict[str, Circuit]:
        """Return those of a tenant's circuits of which anything is stored, by name."""
        ...

    def change(self, before: Circuit, after: Circuit) -> None:
        """Store a circuit's state if it still stands at the version of `before`; slots and turns stay as they are.

        Raises:
            VersionMismatchError: If another write came first.
        """
        ...

    def take(self, circuit: Circuit, slot: int, until_ms: int, now_ms: int) -> bool:
        """Take a slot until a lease runs out, if nobody has it; say whether that worked.

        Args:
            circuit: Which circuit; its state plays no part.
            slot: The slot, from 0.
            until_ms: When the lease ends, epoch milliseconds.
            now_ms: The service's clock, epoch milliseconds.
        """
        ...

    def give_back(self, circuit: Circuit, slot: int, until_ms: int) -> None:
        """Give a slot back before its lease ends; one that somebody else has by now stays theirs."""
        ...

    def next_turn(self, circuit: Circuit, pace: Pace, now_ms: int, horizon_ms: int) -> int | None:
        """Take the next turn of a pace; each is given once, an interval after the one before, and counts for nothing.

        Args:
            circuit: Which circuit. Its `turn_us` may be old; it saves a write that would be in vain.
            pace: The pace.
            now_ms: The service's clock, epoch milliseconds.
            horizon_ms: How far away a turn may be, milliseconds.

        Returns:
            When the turn begins, epoch milliseconds: now or later, and not before the pace allows an attempt after
            those that have begun. None if all turns within the horizon are given, or too many ask at once.
        """
        ...

    def begin(self, circuit: Circuit, pace: Pace, now_ms: int, slack_ms: int | None) -> bool:
        """Count an attempt as begun if its pace allows it now; say whether it does.

        Over any time of `t` seconds as many are let through as `burst + per_second * (t + slack)`, and no more.

        Args:
            circuit: Which circuit. Its `begun_us` may be old; it saves a write that would be in vain.
            pace: The pace.
            now_ms: The service's clock, epoch milliseconds.
            slack_ms: How far ahead of the pace it may be, milliseconds. None for an attempt without a turn, which may
                not be ahead at all, nor go before those who have one.
        """
        ...


Watch = Callable[[int, Callable[[], None]], AbstractContextManager[None]]
"""Calls back once, from whichever thread, if the block lasts longer than so many milliseconds."""


class Shield(Protocol):
    """Stands before receivers."""

    def admitted(self, call: Call) -> AbstractContextManager[None]:
        """Let a call through for as long as the block lasts; how the block ends says how the receiver is.

        Raises:
            PutOffError: If it may not go through now.
            DependencyUnavailableError: If it needs a slot or a turn, and the store of circuits does not answer.
        """
        ...


class _NoShield:
    @contextmanager
    def admitted(self, call: Call) -> Iterator[None]:
        """Let a call through; see `Shield`."""
        yield


NO_SHIELD: Final[Shield] = _NoShield()
"""Lets everything through."""
