"""The table's stream and the mappings that read it: in order per lane, in batches, over and over until it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from zlib import crc32

from minoots_kernel.domain.errors import UnreadableRecordError
from minoots_kernel.domain.events import TimerChange
from minoots_kernel.domain.timer import Status
from tests.simulation.crossing import Crossing
from tests.simulation.faults import Fault
from tests.simulation.journal import Acked, Crashed
from tests.simulation.loop import Task
from tests.simulation.queues import Invoke

__all__ = ["SimulatedStream", "all_but_beats", "read_image", "what_arming_reads"]

LANES: Final = 2
BATCH: Final = 100
MAX_AGE_MS: Final = 3_600_000
HOP_MS: Final = 250
MAX_LATE_MS: Final = 15 * 60_000
POISON: Final = {"poison": {"BOOL": True}}
Record = dict[str, Any]


def what_arming_reads(change: TimerChange) -> bool:
    """Tell whether the filter of kernel_arm's mapping in the template lets a change through."""
    if change.after.status is Status.SCHEDULED:
        return all_but_beats(change)
    before, ends = change.before, {Status.CANCELLED, Status.PAUSED}
    return before is not None and before.status is Status.ARMED and change.after.status in ends


def all_but_beats(change: TimerChange) -> bool:
    """Tell whether the filter of event_fabric's mapping lets a change through: heartbeats are none of its business."""
    return change.before is None or change.before.beats == change.after.beats


def read_image(old: Any, new: Any) -> TimerChange:
    """Read a record's images; here the new one carries the change itself."""
    change = new.get("change")
    if change is None:
        raise UnreadableRecordError("no timer")
    assert (old is None) == (change.before is None)
    return change  # type: ignore[no-any-return]


class Lane:
    """The part of the stream that is read in its own order."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.records: list[Record] = []
        self.busy = False
        self.size = BATCH
        self.failures = 0


class SimulatedStream:
    """One mapping of the stream to a function.

    Attributes:
        invoke: Starts the function with an event.
        given_up: Changes that were too old, or lost: the mapping's failure destination has only where they stood.
        poisoned: Sequence numbers of records that nobody can read, but for lost ones.
    """

    def __init__(
        self, name: str, wanted: Callable[[TimerChange], bool], cross: Crossing, subject: Callable[[str], str]
    ) -> None:
        self.name = name
        self.invoke: Invoke
        self.given_up: list[TimerChange] = []
        self.poisoned: list[str] = []
        self.lanes = [Lane(f"{name}/{number}") for number in range(LANES)]
        self._wanted, self._cross, self._subject = wanted, cross, subject
        self._count = 0

    @property
    def idle(self) -> bool:
        """Whether everything was read."""
        return not any(lane.records for lane in self.lanes)

    def append(self, change: TimerChange) -> None:
        """Take a change of the table."""
        lane = self.lanes[crc32(change.after.id.encode()) % LANES]
        if self._cross.fates.strikes(Fault.STREAM_POISON, self.name, self._subject(change.after.id)):
            record = self._record(POISON, None)
            self.poisoned.append(record["dynamodb"]["SequenceNumber"])
            self._put(lane, record)
        if self._wanted(change):
            self._put(lane, self._record({"change": change}, change.before))

    def _put(self, lane: Lane, record: Record) -> None:
        lane.records.append(record)
        if not lane.busy:
            lane.busy = True
            self._read_in(lane, self._cross.chance.between(1, HOP_MS, "hop", lane.name))

    def _record(self, image: Any, before: Any) -> Record:
        self._count += 1
        image = {
            "SequenceNumber": f"{self._count:012d}",
            "NewImage": image,
            "ApproximateCreationDateTime": self._cross.loop.now_ms / 1000,
        } | ({"OldImage": {"change": before}} if before is not None else {})
        return {"eventID": f"{self.name}-{self._count}", "eventName": "MODIFY", "dynamodb": image}

    def _read_in(self, lane: Lane, delay_ms: int) -> None:
        if self._cross.fates.strikes(Fault.STREAM_LATE, self.name, lane.name):
            delay_ms += self._cross.chance.below(MAX_LATE_MS, "stream late", lane.name)
        self._cross.loop.at(self._cross.loop.now_ms + delay_ms, lambda: self._deliver(lane))

    def _deliver(self, lane: Lane) -> None:
        batch = lane.records[: lane.size]
        if not batch:
            lane.busy = False
            return
        self.invoke({"Records": batch}, lane.name, lambda main: self._done(lane, batch, main))

    def _done(self, lane: Lane, batch: list[Record], main: Task | None) -> None:
        """Go on behind the last record that is done; after a crash, with half as many."""
        fates, done = self._cross.fates, len(batch)
        if main is None or main.error is not None:
            self._cross.journal.add(Crashed, lane.name, "its function crashed")
            done, lane.size = 0, max(1, len(batch) // 2)
        else:
            failed = {one["itemIdentifier"] for one in main.result["batchItemFailures"]}
            numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
            done = min((numbers.index(one) for one in failed), default=done)
            lane.size = BATCH
            self._acknowledge(batch[:done], main)
        if done and fates.strikes(Fault.STREAM_TWICE, self.name, lane.name):
            done = self._cross.chance.below(done, "stream twice", lane.name)
        if done < len(batch) and self._is_lost(batch[done]):
            done += 1
        del lane.records[:done]
        lane.failures = lane.failures + 1 if done < len(batch) else 0
        self._read_in(lane, min(500 << min(lane.failures, 6), 30_000) if lane.failures else 1)

    def _is_lost(self, record: Record) -> bool:
        """Tell whether a record that failed is given up: the mapping does so with old ones, a fault with others."""
        image = record["dynamodb"]
        old = self._cross.loop.now_ms - int(image["ApproximateCreationDateTime"] * 1000) > MAX_AGE_MS
        lost = self.name == "kernel_arm" and self._cross.fates.strikes(Fault.STREAM_LOST, self.name, "record")
        if lost and image["SequenceNumber"] in self.poisoned:
            self.poisoned.remove(image["SequenceNumber"])
        if (lost or old) and "change" in image["NewImage"]:
            self.given_up.append(image["NewImage"]["change"])
        return lost or old

    def _acknowledge(self, batch: list[Record], main: Task) -> None:
        for record in batch:
            change = record["dynamodb"]["NewImage"].get("change")
            if change is not None:
                self._cross.journal.add(Acked, main, change, False, change.after)
