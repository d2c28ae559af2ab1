"""What the use cases need of the world. Every adapter of a port passes the port's one conformance suite.

All calls may raise `DependencyUnavailableError` when the other side does not answer or refuses for load; the same call
may then succeed later, and, for writes, may have happened. A call that sends many messages raises only if none was
accepted; what is left over when the other side fails midway is returned as refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from minoots_contract.actions import Action
from minoots_contract.events import CloudEvent
from minoots_kernel.domain.answers import Answer
from minoots_kernel.domain.authority import Sight, Thing
from minoots_kernel.domain.chains import Asking
from minoots_kernel.domain.dead_letters import ANY_LETTER, DeadLetter, LetterFilter, LetterState
from minoots_kernel.domain.destinations import Destination
from minoots_kernel.domain.errors import MinootsError
from minoots_kernel.domain.messages import ActionMessage, WakeUp
from minoots_kernel.domain.targets import TargetMessage
from minoots_kernel.domain.timer import Status, Timer
from minoots_kernel.domain.timer_filter import EVERY, TimerFilter
from minoots_kernel.domain.webhooks import WebhookRequest

__all__ = [
    "ActionPerformer",
    "ActionQueue",
    "Clock",
    "CursorKey",
    "DeadLetterStore",
    "Delayed",
    "DestinationStore",
    "EventBus",
    "IdFactory",
    "MessageVisibility",
    "Metrics",
    "Page",
    "Performed",
    "SecretBox",
    "TargetSender",
    "TimerKey",
    "TimerStore",
    "WakeQueue",
    "WakeSchedules",
    "WebhookSender",
]

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

    def put(self, letter: DeadLetter) -> None:
        """Store a dead letter; it takes the place of one of an earlier death, as `domain.dead_letters.follows` says.

        One of the same death, or of a later one, stays as it is, whatever has become of it.
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


class CursorKey(Protocol):
    """Has the secret that cursors of listings are signed with."""

    def cursor_key(self) -> bytes:
        """Return it: 32 bytes, the same in every process of a deployment for as long as nobody removes it."""
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


class WakeQueue(Protocol):
    """The queue of wake-ups."""

    def send(self, batch: Sequence[Delayed[WakeUp]]) -> list[Delayed[WakeUp]]:
        """Send wake-ups, any number, in as few calls as the queue allows.

        Returns:
            Those that the queue did not accept.
        """
        ...


class MessageVisibility(Protocol):
    """When a queue delivers again what it delivered."""

    def hide(self, receipt_handle: str, for_s: int) -> None:
        """Deliver a message again in so many seconds from now, whatever the queue's visibility timeout.

        Args:
            receipt_handle: The receipt of the delivery under way.
            for_s: 0 to 43,200 whole seconds.
        """
        ...


class ActionQueue(Protocol):
    """The queue of attempts to make, fair between tenants."""

    def send(self, batch: Sequence[Delayed[ActionMessage]]) -> list[Delayed[ActionMessage]]:
        """Send action messages, any number, in as few calls as the queue allows.

        Returns:
            Those that the queue did not accept.
        """
        ...


class WakeSchedules(Protocol):
    """One-shot schedules that put a wake-up on the wake queue."""

    def put(self, wake_up: WakeUp, at_ms: int) -> None:
        """Make the schedule named after the wake-up, for a whole second; one that exists already is left as it is."""
        ...

    def delete(self, wake_up: WakeUp) -> None:
        """Remove the schedule named after the wake-up; that there is none is no error."""
        ...


class EventBus(Protocol):
    """Where events of timers are published."""

    def publish(self, events: Sequence[CloudEvent]) -> list[CloudEvent]:
        """Publish events, any number.

        Returns:
            Those that the bus did not accept.
        """
        ...


Performed = Answer
"""What a good attempt leaves to be written down; nothing of a receiver that gives no answer."""


class ActionPerformer(Protocol):
    """Makes attempts at actions of one kind."""

    def perform(
        self, timer: Timer, action: Action, attempt: int, now_ms: int, asking: Asking | None = None
    ) -> Performed:
        """Make one attempt; that it returns means that it succeeded.

        Args:
            timer: The fired timer.
            action: Which of its actions, of the performer's kind.
            attempt: The attempt's number, from 1.
            now_ms: When it starts, epoch milliseconds.
            asking: Whom it asks for an acknowledgement, and by what token, if it does.

        Raises:
            TransientActionError: If another attempt may succeed.
            PermanentActionError: If none will.
        """
        ...


class WebhookSender(Protocol):
    """Makes the HTTP call of a webhook action."""

    def send(self, request: WebhookRequest) -> Answer:
        """Send one request.

        Returns:
            The receiver's answer, its status 200 to 299.

        Raises:
            TransientActionError: If another attempt may succeed.
            PermanentActionError: If none will. Either has the receiver's answer, as far as there was one.
            PutOffError: If the receiver's name cannot be looked up now; nothing was sent.
        """
        ...


class TargetSender(Protocol):
    """Sends, publishes or starts what a workflow event names."""

    def send(self, message: TargetMessage) -> None:
        """Send one message.

        A start of an execution that was started by an earlier attempt counts as done.

        Raises:
            TransientActionError: If another attempt may succeed.
            PermanentActionError: If none will.
        """
        ...


class Metrics(Protocol):
    """Where measurements go."""

    def count(self, name: str, value: int = 1) -> None:
        """Add to a counter."""
        ...

    def milliseconds(self, name: str, value: int) -> None:
        """Record a duration."""
        ...
