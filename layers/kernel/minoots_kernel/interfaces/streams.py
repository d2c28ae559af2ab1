"""Records of the table's stream: the outbox of every write (ADR 0001)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from minoots_kernel.application.parking_ports import ParkedRecord, ParkedRecordStore
from minoots_kernel.application.ports import Clock
from minoots_kernel.domain.errors import MinootsError, UnreadableRecordError
from minoots_kernel.domain.events import TimerChange

__all__ = ["PARK_AFTER_MS", "StreamConsumer"]

logger = logging.getLogger(__name__)

PARK_AFTER_MS: Final = 10 * 60 * 1000
"""A record that still fails at this age is parked: it must not hold up its shard until the stream forgets it."""
PARKED_AT_ONCE: Final = 100
"""How many parked records one invocation tries again: as many as a batch of the stream has."""

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StreamConsumer:
    """Reads records, hands the changes of timers over in one go, and reports or parks what failed.

    A poison record is parked at once, whole, in the table: the stream's own failure destination would hold only where
    it stood in a stream that forgets it within a day. A record that fails for a passing reason is reported, and tried
    again by the mapping, until it is old.

    Attributes:
        name: The consumer, as parked records name it.
        read: Makes a change of the old and the new image; raises `UnreadableRecordError` if it cannot.
        handle: Takes the changes; returns the indexes of those that failed for a passing reason.
    """

    name: str
    read: Callable[[Record | None, Record], TimerChange]
    handle: Callable[[Sequence[TimerChange]], set[int]]
    parked: ParkedRecordStore
    clock: Clock

    def __call__(self, event: Mapping[str, Any], _context: object) -> dict[str, Any]:
        """Handle a DynamoDB stream event and return the partial batch response.

        Invoked by hand with `{"parked": true}` it tries again what it has parked, by id from the first; the answer is
        `{"done": 98, "left": [{"id": …, "reason": …}], "next": "…"}`, and `{"parked": next}` goes on after those.
        """
        if "parked" in event:
            return self._try_parked(event["parked"])
        records: list[Record] = []
        changes: list[TimerChange] = []
        failed: list[Record] = []
        for record in event["Records"]:
            image = record["dynamodb"]
            if record["eventName"] == "REMOVE" or "NewImage" not in image:
                continue  # clean-up by TTL is no event
            try:
                change = self.read(image.get("OldImage"), image["NewImage"])
            except UnreadableRecordError as error:
                failed += self._park(record, str(error))
            else:
                records.append(record)
                changes.append(change)
        failed += self._handle(records, changes)
        return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]} for record in failed]}

    def _try_parked(self, after: Any) -> dict[str, Any]:
        """Handle parked records once more, and forget those that are done."""
        page = self.parked.page(self.name, limit=PARKED_AT_ONCE, position=after if isinstance(after, str) else None)
        tried: list[ParkedRecord] = []
        changes: list[TimerChange] = []
        left: list[tuple[ParkedRecord, str]] = []
        for one in page.items:
            image = one.record["dynamodb"]
            try:
                changes.append(self.read(image.get("OldImage"), image["NewImage"]))
                tried.append(one)
            except UnreadableRecordError as error:
                left.append((one, str(error)))
        failed, why = self._handled(changes)
        for index, one in enumerate(tried):
            if index in failed:
                left.append((one, why))
            else:
                self.parked.remove(one)
        return {
            "done": len(page.items) - len(left),
            "left": [{"id": one.id, "reason": reason} for one, reason in left],
            "next": page.next_position,
        }

    def _handled(self, changes: Sequence[TimerChange]) -> tuple[set[int], str]:
        """Hand changes over; returns the indexes of those that failed, and why."""
        try:
            return (self.handle(changes) if changes else set()), "failed again"
        except MinootsError as error:
            logger.warning("changes failed", extra={"consumer": self.name, "reason": error.detail})
            return set(range(len(changes))), error.detail

    def _handle(self, records: list[Record], changes: list[TimerChange]) -> list[Record]:
        unfinished: list[Record] = []
        failed, _ = self._handled(changes)
        for index in sorted(failed):
            if self._age_ms(records[index]) >= PARK_AFTER_MS:
                unfinished += self._park(records[index], "failed until it was old")
            else:
                unfinished.append(records[index])
        return unfinished

    def _park(self, record: Record, reason: str) -> list[Record]:
        """Park a record; returned again if even that fails, so that the mapping keeps it."""
        logger.error("stream record parked", extra={"consumer": self.name, "eventID": record["eventID"], "why": reason})
        try:
            self.parked.put(self.name, dict(record), reason)
        except MinootsError as error:
            logger.warning("parking failed", extra={"eventID": record["eventID"], "reason": error.detail})
            return [record]
        return []

    def _age_ms(self, record: Record) -> int:
        created_s = float(record["dynamodb"].get("ApproximateCreationDateTime", self.clock.now_ms() / 1000))
        return self.clock.now_ms() - int(created_s * 1000)
