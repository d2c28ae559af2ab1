"""The stream of a table: records in order, each kept until every reader is past it."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from minoots_local.aws.images import Image, Snapshot

# DynamoDB's sequence numbers are 21 to 40 digits; the local ones count up from here.
FIRST_SEQUENCE_NUMBER = 1100000000017454423009
# Records kept for tools that call GetRecords though no function needs them any more.
_KEPT_FOR_TOOLS = 1000


_encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class TableWrite:
    """What one call did to one item.

    Attributes:
        keys: The item's key attributes.
        before: The item before; None when it is new.
        after: The item after; None when it is gone.
        expired: Whether TTL removed it.
    """

    keys: Image
    before: Snapshot | None
    after: Snapshot | None
    expired: bool = False

    @property
    def old(self) -> Image | None:
        """The old image."""
        return self.before.image if self.before else None

    @property
    def new(self) -> Image | None:
        """The new image."""
        return self.after.image if self.after else None

    @property
    def event_name(self) -> str:
        """INSERT, MODIFY or REMOVE."""
        if self.before is None:
            return "INSERT"
        return "REMOVE" if self.after is None else "MODIFY"


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
            change = event.pop("dynamodb")
            images = "".join(f',"{name}":{image.text.decode()}' for name, image in self._images())
            self.written = f'{_encode(event)[:-1]},"dynamodb":{_encode(change)[:-1]}{images}}}}}'
        return self.written

    @property
    def essence(self) -> dict[str, Any]:
        """The part of the event that filters look at, cheaply."""
        change = {"Keys": self.write.keys, **{name: image.image for name, image in self._images()}}
        return {"eventName": self.write.event_name, "eventSource": "aws:dynamodb", "dynamodb": change}

    def as_api(self) -> dict[str, Any]:
        """The record as GetRecords answers it."""
        body = self._body(datetime.fromtimestamp(self.created_ms / 1000, UTC))
        body["dynamodb"] |= {name: image.image for name, image in self._images()}
        return body

    def fold(self) -> None:
        """Keep no more than the record can be made of again."""
        self.written = None
        for _, image in self._images():
            image.fold()

    def _images(self) -> list[tuple[str, Snapshot]]:
        images = (("NewImage", self.write.after), ("OldImage", self.write.before))
        return [(name, image) for name, image in images if image is not None]

    def _body(self, created: Any) -> dict[str, Any]:
        """The record without its images."""
        write = self.write
        body: dict[str, Any] = {
            "eventID": self.event_id,
            "eventName": write.event_name,
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1",
            "dynamodb": {
                "ApproximateCreationDateTime": created,
                "Keys": write.keys,
                "SequenceNumber": str(self.number),
                "SizeBytes": len(str(write.keys)) + sum(len(image.text) for _, image in self._images()),
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
        }
        if write.expired:
            body["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
        return body


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
        if not self._readers:
            self._let_go(self.next_number - 1)

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
        before = min(self._readers.values())
        self._readers[name] = number
        self._let_go(before)

    def _let_go(self, before: int) -> None:
        """Fold the records that were needed last time and are no more, and drop all but the newest of those."""
        needed = min(self._readers.values(), default=self.next_number)
        for record in self.since(before, needed - before):
            record.fold()
        surplus = needed - self.oldest - _KEPT_FOR_TOOLS
        if surplus > _KEPT_FOR_TOOLS:  # in large steps: each moves the whole list
            del self.records[:surplus]

    def announce(self) -> None:
        """Wake the readers."""
        for listener in self.listeners:
            listener()
