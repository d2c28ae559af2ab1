"""What is kept: timers, dead letters, destinations, and the secrets of these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from minoots_kernel.application.ports.basics import Page, TimerKey
from minoots_kernel.domain.authority import Sight, Thing
from minoots_kernel.domain.dead_letters import ANY_LETTER, DeadLetter, LetterFilter, LetterState
from minoots_kernel.domain.destinations import Destination
from minoots_kernel.domain.errors import MinootsError
from minoots_kernel.domain.timer import Status, Timer
from minoots_kernel.domain.timer_filter import EVERY, TimerFilter

__all__ = ["CursorKey", "DeadLetterStore", "DestinationStore", "SecretBox", "TimerStore"]


class TimerStore(Protocol):
    """The truth about timers. Reads by key are strongly consistent; each write is one conditional write on one item."""

    @property
    def check_shards(self) -> int:
        """How many shards the sweep's index has."""
        ...

    def create(self, timer: Timer) -> None:
        """Store a new timer.

        Raises:
            AlreadyExistsError: If the id is taken by another write.
            InvalidTimerError: If the timer is larger than the store can hold.
        """
        ...

    def create_many(self, timers: Sequence[Timer]) -> dict[str, MinootsError]:
        """Store new timers, any number, in few calls and on no condition.

        Args:
            timers: With ids that the service has drawn for them and told nobody.

        Returns:
            Why a timer was not stored, by its id, of those that were not: one that is too large, or one that the store
            did not take or did not say so of, which may be stored all the same.
        """
        ...

    def get(self, key: TimerKey) -> Timer | None:
        """Return the timer as it stands, or none."""
        ...

    def get_many(self, keys: Sequence[TimerKey]) -> list[Timer]:
        """Return those of the timers that exist, in no order; one that cannot be read is logged and left out."""
        ...

    def replace(self, before: Timer, after: Timer) -> None:
        """Replace a timer if it still stands at the version of `before`.

        A write whose answer was lost and that is made again by the client library counts as done, not as a mismatch.

        Raises:
            VersionMismatchError: If another write came first, or the timer is gone.
        """
        ...

    def beat(self, key: TimerKey, now_ms: int) -> Timer | None:
        """Push a heartbeat timer out, as `domain.heartbeats.beaten` says, in one conditional write without a read.

        Args:
            key: Which timer.
            now_ms: When it was beaten, epoch milliseconds.

        Returns:
            The timer as the write left it; none if there is no such timer or nothing to push.
        """
        ...

    def page(
        self,
        tenant_id: str,
        *,
        statuses: frozenset[Status],
        limit: int,
        position: str | None = None,
        wanted: TimerFilter = EVERY,
        oldest_first: bool = False,
        sight: Sight[Thing] | None = None,
    ) -> Page[Timer]:
        """List a tenant's timers by descending id (newest first) or by ascending id, eventually consistent.

        Args:
            tenant_id: Whose timers.
            statuses: Only timers in one of these; all when empty.
            limit: Most timers to return, at least 1.
            position: `next_position` of the page before.
            wanted: Only timers of which this holds, too.
            oldest_first: Whether by ascending id.
            sight: Returns those timers that may be seen; all when none. The page is filled with these, and it and
                `next_position` are what they would be if the others did not match.

        Raises:
            InvalidTimerError: If the position is none that a page ever named.
        """
        ...

    def due_for_check(
        self, shard: int, until_ms: int, limit: int, position: str | None = None, *, since_ms: int = 0
    ) -> Page[TimerKey]:
        """List timers whose `next_check_at_ms` is from `since_ms` to `until_ms`, the earliest first.

        The index behind it may be stale.
        """
        ...


class DeadLetterStore(Protocol):
    """Actions that exhausted their attempts."""

    def put(self, letter: DeadLetter) -> bool:
        """Store a dead letter; it takes the place of one of an earlier death, as `domain.dead_letters.follows` says.

        One of the same death, or of a later one, stays as it is, whatever has become of it.

        Returns:
            Whether the letter was stored: not if there was one of its death, or of a later one.
        """
        ...

    def get(self, tenant_id: str, letter_id: str) -> DeadLetter | None:
        """Return a letter, dead or not, strongly consistent; of one that was discarded only what it was about is left.

        None if there was none, or it is so long ago that it is forgotten.
        """
        ...

    def mark(self, letter: DeadLetter, state: LetterState, at_ms: int) -> None:
        """Write down what became of a letter that was dead; of a letter of another death, or of one marked, nothing.

        Args:
            letter: The letter as it was read.
            state: Redriven, or discarded: that forgets the request and the story.
            at_ms: When, epoch milliseconds.
        """
        ...

    def page(
        self,
        tenant_id: str,
        *,
        wanted: LetterFilter = ANY_LETTER,
        limit: int,
        position: str | None = None,
        sight: Sight[DeadLetter] | None = None,
    ) -> Page[DeadLetter]:
        """List a tenant's letters that are dead, by descending id, eventually consistent; as `TimerStore.page`."""
        ...


class DestinationStore(Protocol):
    """Destinations of webhooks. Reads by name are strongly consistent."""

    def get_many(self, tenant_id: str, names: Sequence[str]) -> dict[str, Destination]:
        """Return those of the destinations that exist, by name."""
        ...

    def create(self, destination: Destination) -> None:
        """Store a new destination.

        Raises:
            AlreadyExistsError: If the tenant has one of that name.
        """
        ...

    def replace(self, before: Destination, after: Destination) -> None:
        """Replace a destination if it still stands at the version of `before`.

        Raises:
            VersionMismatchError: If another write came first, or it is gone.
        """
        ...

    def delete(self, tenant_id: str, name: str) -> bool:
        """Remove a destination; say whether there was one."""
        ...

    def page(self, tenant_id: str, *, limit: int, position: str | None = None) -> Page[Destination]:
        """List a tenant's destinations by name, eventually consistent; as `TimerStore.page`."""
        ...


class SecretBox(Protocol):
    """Makes secrets unreadable where they are kept. What seals need not be able to open, and the other way round."""

    def seal(self, tenant_id: str, destination: str, secret: str) -> str:
        """Return a secret sealed; it opens for the same tenant and destination only.

        Args:
            tenant_id: Whose secret.
            destination: For which destination.
            secret: At most 4,096 bytes of UTF-8, at least 1.
        """
        ...

    def open(self, tenant_id: str, destination: str, sealed: str) -> str:
        """Return the secret.

        Raises:
            SealedSecretError: If it was not sealed for these, or can no longer be opened.
        """
        ...


class CursorKey(Protocol):
    """Has the secret that cursors of listings are signed with."""

    def cursor_key(self) -> bytes:
        """Return it: 32 bytes, the same in every process of a deployment for as long as nobody removes it."""
        ...
