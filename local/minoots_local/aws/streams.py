"""The stream of a table: records in order, each kept until every reader is past it."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from minoots_local.aws.images import Image

# DynamoDB's sequence numbers are 21 to 40 digits; the local ones count up from here.
FIRST_SEQUENCE_NUMBER = 1100000000017454423009
# Records kept for tools that call GetRecords though no function needs them any more.
_KEPT_FOR_TOOLS = 1000


@dataclass(frozen=True, slots=True)
class TableWrite:
    """What one call did to one item.

    Attributes:
        keys: The item's key attributes.
        old: The item before; None when it is new.
        new: The item after; None when it is gone.
        expired: Whether TTL removed it.
    """

    keys: Image
    old: Image | None
    new: Image | None
    expired: bool = False

    @property
    def event_name(self) -> str:
        """INSERT, MODIFY or REMOVE."""
        if self.old is None:
            return "INSERT"
        return "REMOVE" if self.new is None else "MODIFY"


@dataclass(slots=True)
class StreamRecord:
    """One record of a stream.

    Attributes:
        number: Its sequence number.
        write: What it reports.
        created_ms: When the write was made, epoch milliseconds.
        ticket: The journal's ticket: the record may be read once that is durable.
        event_id: Its id.
        written: What `as_json` answers, once it was asked.
    """

    number: int
    write: TableWrite
    created_ms: float
    ticket: int = 0
    event_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    written: str | None = field(default=None, repr=False, compare=False)

    @property
    def created_s(self) -> int:
        """When the write was made, epoch seconds, as far as a record says it."""
        return int(self.created_ms / 1000)

    def as_json(self, source_arn: str) -> str:
        """The record as Lambda hands it to a function, in JSON: written down once for all readers and attempts."""
        if self.written is None:
            event = self._body(self.created_s)
            event["eventSourceARN"] = source_arn
            self.written = json.dumps(event, separators=(",", ":"))
        return self.written

    @property
    def essence(self) -> dict[str, Any]:
        """The part of the event that filters look at, cheaply."""
        write = self.write
        images = {"Keys": write.keys, "NewImage": write.new, "OldImage": write.old}
        change = {name: image for name, image in images.items() if image is not None}
        return {"eventName": write.event_name, "eventSource": "aws:dynamodb", "dynamodb": change}

    def as_api(self) -> dict[str, Any]:
        """The record as GetRecords answers it."""
        return self._body(datetime.fromtimestamp(self.created_ms / 1000, UTC))

    def _body(self, created: Any) -> dict[str, Any]:
        write = self.write
        change: dict[str, Any] = {
            "ApproximateCreationDateTime": created,
            "Keys": write.keys,
            "SequenceNumber": str(self.number),
            "SizeBytes": _size(write.keys) + _size(write.new) + _size(write.old),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        }
        if write.new is not None:
            change["NewImage"] = write.new
        if write.old is not None:
            change["OldImage"] = write.old
        body: dict[str, Any] = {
            "eventID": self.event_id,
            "eventName": write.event_name,
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1",
            "dynamodb": change,
        }
        if write.expired:
            body["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
        return body


def _size(image: Image | None) -> int:
    return sum(len(name) + len(str(value)) for name, value in (image or {}).items())


class TableStream:
    """The records of one table; used under the gate's lock.

    Attributes:
        enabled: Whether the table has a stream at all.
        records: What is kept, oldest first.
        listeners: Called when there may be something new to read.
    """

    def __init__(self) -> None:
        self.enabled = False
        self.records: list[StreamRecord] = []
        self.next_number = FIRST_SEQUENCE_NUMBER
        self.listeners: list[Callable[[], None]] = []
        self._readers: dict[str, int] = {}

    @property
    def oldest(self) -> int:
        """Sequence number of the oldest record kept, or of the next one."""
        return self.records[0].number if self.records else self.next_number

    def restore(self, records: list[StreamRecord], next_number: int) -> None:
        """Go on where an earlier run stopped."""
        self.records = records
        self.next_number = next_number

    def append(self, write: TableWrite, created_ms: float, ticket: int) -> None:
        """Add a record with the number that `next_number` announced."""
        if self.enabled:
            self.records.append(StreamRecord(self.next_number, write, created_ms, ticket))
        self.next_number += 1

    def add_reader(self, name: str, position: int | None = None) -> None:
        """Keep records for a reader from `position` on (None: from the oldest)."""
        self._readers[name] = max(self.oldest, position if position is not None else self.oldest)

    def position(self, name: str) -> int:
        """Sequence number that a reader is to read next."""
        return self._readers[name]

    def read(self, name: str, limit: int, durable: int) -> list[StreamRecord]:
        """What a reader is to read next: at most `limit` records that are safely on disk."""
        batch = []
        for record in self.since(self._readers[name], limit):
            if record.ticket > durable:
                break
            batch.append(record)
        return batch

    def since(self, number: int, limit: int) -> list[StreamRecord]:
        """At most `limit` records from a sequence number on."""
        # Numbers are contiguous: every write has one, and every write is kept.
        start = max(0, number - self.oldest)
        return self.records[start : start + limit]

    def advance(self, name: str, number: int) -> None:
        """Note that a reader is done with everything before `number`, and let go of what nobody needs."""
        self._readers[name] = number
        needed = min(self._readers.values())
        surplus = needed - self.oldest - _KEPT_FOR_TOOLS
        if surplus > _KEPT_FOR_TOOLS:  # in large steps: each moves the whole list
            del self.records[:surplus]

    def announce(self) -> None:
        """Wake the readers."""
        for listener in self.listeners:
            listener()
