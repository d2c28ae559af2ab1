"""A standard SQS queue whose every operation is O(log n) in the messages that it holds.

moto's own queue walks all messages, asking the clock twice for each, some fifteen times per call.
This one keeps moto's `Message` and behaviour: one suite runs against both
(`tests/unit/local/test_queue_behaviour.py`).
"""

import heapq
from collections.abc import Callable
from enum import Enum
from typing import Any

from moto.core.utils import unix_time_millis
from moto.sqs.exceptions import InvalidParameterValue, ReceiptHandleIsInvalid
from moto.sqs.models import Message, Queue

from minoots_local.aws.fair_order import FairOrder
from minoots_local.clock import Clock, SystemClock

# Deleting a message twice succeeds; SQS does not say for how long, memory asks for a bound.
_REMEMBERED_RECEIPTS = 50_000
_LONGEST_VISIBILITY_MS = 43_200_000


class _Place(Enum):
    READY = "ready"
    DELAYED = "delayed"
    IN_FLIGHT = "in flight"


class _Entry:
    """A message and where it lies; what holds `(…, version, entry)` with an old version is stale."""

    __slots__ = ("message", "number", "place", "version")

    def __init__(self, message: Message, number: int) -> None:
        self.message = message
        self.number = number
        self.place = _Place.READY
        self.version = 0

    @property
    def group(self) -> str | None:
        """The tenant that the message belongs to, if it has one."""
        return None if self.message.group_id is None else str(self.message.group_id)


class LeanQueue(Queue):
    """moto's queue on heaps: one of each tenant's ready messages by age, one of the others by instant.

    Attributes:
        listeners: Called, under the gate's lock, when messages may have become receivable earlier.
        clock: What long polls wait by.
    """

    def __new__(cls, *_args: Any, **_kwargs: Any) -> "LeanQueue":
        """Make the object without moto's registry of instances, which never lets go of them."""
        return object.__new__(cls)

    def __init__(self, name: str, region: str, account_id: str, **kwargs: Any) -> None:
        self.listeners: list[Callable[[], None]] = []
        self.clock: Clock = SystemClock()
        self._clear()
        self._forgotten: dict[str, None] = {}
        super().__init__(name, region, account_id, **kwargs)

    def _clear(self) -> None:
        self._entries: dict[int, _Entry] = {}
        self._by_receipt: dict[str, _Entry] = {}
        self._ready = FairOrder()
        self._later: list[tuple[float, int, int, _Entry]] = []
        self._counts = dict.fromkeys(_Place, 0)
        self._next_number = 0

    # What moto's own code reads and resets.

    @property
    def _messages(self) -> list[Message]:
        return [entry.message for entry in self._entries.values()]

    @_messages.setter
    def _messages(self, messages: list[Message]) -> None:
        self._clear()
        for message in messages:
            self.add_message(message)

    @property
    def messages(self) -> list[Message]:
        """Messages that can be received now, oldest first."""
        self._promote()
        ready = [entry for entry in self._entries.values() if entry.place is _Place.READY]
        return [entry.message for entry in ready]

    @property
    def approximate_number_of_messages(self) -> int:
        """How many messages can be received now."""
        self._promote()
        return self._counts[_Place.READY]

    @property
    def approximate_number_of_messages_delayed(self) -> int:
        """How many messages were sent with a delay that has not passed."""
        self._promote()
        return self._counts[_Place.DELAYED]

    @property
    def approximate_number_of_messages_not_visible(self) -> int:
        """How many messages were received and are hidden."""
        self._promote()
        return self._counts[_Place.IN_FLIGHT]

    # Sending, receiving, deleting.

    def add_message(self, message: Message) -> None:
        """Take a message in, to be received once its delay has passed."""
        entry = _Entry(message, self._next_number)
        self._next_number += 1
        self._entries[entry.number] = entry
        for receipt in message.all_receipt_handles:
            if receipt:  # a message that comes from the queue whose dead letter it is
                self._by_receipt[receipt] = entry
        self._counts[entry.place] += 1
        self._place(entry)
        self.announce()

    def next_receivable_ms(self) -> float | None:
        """When a receive will next yield something: a past instant for now, None for never."""
        self._promote()
        if self._ready:
            return 0.0
        return self._later[0][0] if self._later else None

    def receive(self, count: int, visibility_timeout_s: int) -> list[Message]:
        """Up to `count` messages, now hidden; those received too often go to the dead-letter queue."""
        self._promote()
        received: list[_Entry] = []
        while len(received) < count and (entry := self._ready.pop()) is not None:
            assert isinstance(entry, _Entry)
            message = entry.message
            if self._expired(message):
                self._remove(entry)
            elif self._exhausted(message):
                self._remove(entry)
                self.dead_letter_queue.add_message(message)  # type: ignore[union-attr]
            else:
                message.mark_received(visibility_timeout=visibility_timeout_s)
                self._by_receipt[str(message.receipt_handle)] = entry
                received.append(entry)
        for entry in received:  # afterwards: with no visibility timeout it is ready again at once
            self._place(entry)
        return [entry.message for entry in received]

    def delete_message(self, receipt_handle: str) -> None:
        """Delete by any receipt handle that the message ever had; again is no error.

        Raises:
            ReceiptHandleIsInvalid: No message ever had this handle.
        """
        entry = self._by_receipt.get(receipt_handle)
        if entry is None:
            if receipt_handle in self._forgotten:
                return
            raise ReceiptHandleIsInvalid
        for receipt in entry.message.all_receipt_handles:
            if receipt:
                self._forgotten[receipt] = None
        while len(self._forgotten) > _REMEMBERED_RECEIPTS:
            del self._forgotten[next(iter(self._forgotten))]
        self._remove(entry)

    def hide(self, receipt_handle: str, visibility_timeout_s: int) -> None:
        """Set for how long from now a received message stays hidden.

        Raises:
            ReceiptHandleIsInvalid: No message ever had this handle.
            InvalidParameterValue: Hidden for more than twelve hours in all.
        """
        entry = self._by_receipt.get(receipt_handle)
        if entry is None:
            raise ReceiptHandleIsInvalid
        message = entry.message
        until = unix_time_millis() + int(visibility_timeout_s) * 1000
        if until - (message.sent_timestamp or 0) > _LONGEST_VISIBILITY_MS:
            raise InvalidParameterValue(
                f"Value {visibility_timeout_s} for parameter VisibilityTimeout is invalid. "
                "Reason: Total VisibilityTimeout for the message is beyond the limit "
                "[43200 seconds]"
            )
        message.change_visibility(visibility_timeout_s)
        self._place(entry)
        self.announce()

    def announce(self) -> None:
        """Wake whoever waits for messages."""
        with self._messages_lock:
            self.clock.notify(self._messages_lock)
        for listener in self.listeners:
            listener()

    # Keeping the heaps.

    def _place(self, entry: _Entry) -> None:
        """Put a message where its delay and visibility say it belongs."""
        now, message = unix_time_millis(), entry.message
        entry.version += 1
        due = max(message.delayed_until, message.visible_at)
        if now < message.delayed_until:
            place = _Place.DELAYED
        elif now <= message.visible_at:
            place = _Place.IN_FLIGHT
        else:
            place = _Place.READY
        self._move(entry, place)
        if place is _Place.READY:
            self._ready.push(entry)
        else:
            heapq.heappush(self._later, (due, entry.number, entry.version, entry))

    def _promote(self) -> None:
        """Move what has become receivable to the ready heap."""
        now = unix_time_millis()
        while self._later:
            due, _, version, entry = self._later[0]
            if version == entry.version and due >= now:
                return
            heapq.heappop(self._later)
            if version == entry.version:
                self._place(entry)

    def _move(self, entry: _Entry, place: _Place | None) -> None:
        """Count a message where it lies now, or nowhere."""
        self._counts[entry.place] -= 1
        if entry.place is _Place.IN_FLIGHT:
            self._ready.ended(entry)
        if place is None:
            return
        self._counts[place] += 1
        if place is _Place.IN_FLIGHT:
            self._ready.began(entry)
        entry.place = place

    def _remove(self, entry: _Entry) -> None:
        del self._entries[entry.number]
        self._move(entry, None)
        entry.version += 1
        for receipt in entry.message.all_receipt_handles:
            if receipt:
                self._by_receipt.pop(receipt, None)

    def _expired(self, message: Message) -> bool:
        kept_ms = float(self.message_retention_period) * 1000  # type: ignore[attr-defined]
        return (message.sent_timestamp or 0) + kept_ms <= unix_time_millis()

    def _exhausted(self, message: Message) -> bool:
        policy = self.redrive_policy
        return (
            self.dead_letter_queue is not None
            and policy is not None
            and message.approximate_receive_count >= int(policy["maxReceiveCount"])
        )
