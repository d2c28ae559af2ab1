"""Table stream → function: DynamoDB event source mappings.

Source: "Using AWS Lambda with Amazon DynamoDB", AWS Lambda Developer Guide.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from minoots_local.aws.gate import AwsGate
from minoots_local.aws.streams import StreamRecord, TableStream
from minoots_local.aws.write_path import WritePath
from minoots_local.clock import Clock
from minoots_local.functions import LocalFunction
from minoots_local.logs import logger
from minoots_local.model.hops import Hop, Model
from minoots_local.patterns import Pattern
from minoots_local.players.destinations import QueueDestination
from minoots_local.players.worker import Player

# Lambda backs off between attempts at a batch; by how much it does not say.
_FIRST_PAUSE_MS = 200
_LONGEST_PAUSE_MS = 30_000


class StreamMapping:
    """Feeds one function from one table's stream, in order, at its own pace.

    Args:
        gate: Guards the stream.
        writes: Says what is durable, and remembers the position.
        table: Name of the table.
        stream: Its stream; this mapping is already one of its readers.
        stream_arn: ARN of the stream.
        function: The destination.
        properties: The event's properties in the template.
        on_failure: Where the whereabouts of records that are given up go.
        clock: Time.
        model: How long the hop takes, and what is delivered again.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - a mapping joins this many things
        self,
        gate: AwsGate,
        writes: WritePath,
        table: str,
        stream: TableStream,
        stream_arn: str,
        function: LocalFunction,
        properties: Mapping[str, Any],
        on_failure: QueueDestination | None,
        clock: Clock,
        model: Model,
    ) -> None:
        self._gate = gate
        self._writes = writes
        self._table = table
        self._stream = stream
        self._arn = stream_arn
        self._function = function
        self._clock = clock
        self._model = model
        self._on_failure = on_failure
        self._batch_size = int(properties.get("BatchSize", 100))
        self._window_ms = float(properties.get("MaximumBatchingWindowInSeconds", 0)) * 1000
        self._partial = "ReportBatchItemFailures" in (properties.get("FunctionResponseTypes") or [])
        self._bisect = bool(properties.get("BisectBatchOnFunctionError", False))
        self._most_retries = int(properties.get("MaximumRetryAttempts", -1))
        self._oldest_s = float(properties.get("MaximumRecordAgeInSeconds", -1))
        self._patterns = patterns_of(properties, function.logical_id)
        self._log = logger("streams")
        self._first_seen_ms: float | None = None
        self._arrives_ms: float | None = None
        self._interrupted = False
        self._player = Player("streams", clock, self._round)
        stream.listeners.append(self._player.bell.ring)

    @property
    def name(self) -> str:
        """The mapping's name as a reader of the stream."""
        return self._function.logical_id

    def start(self) -> None:
        """Begin to read."""
        self._player.start()

    def stop(self) -> None:
        """Read no more."""
        self._player.stop()

    def join(self, timeout_s: float) -> None:
        """Wait for the batch under way."""
        self._player.join(timeout_s)

    def _round(self) -> float | None:
        """Hand over what is there; return when to look again."""
        while not self._player.stopping:
            with self._gate.lock:
                records = self._stream.read(self.name, self._batch_size, self._writes.durable)
            if not records:
                return None
            batch = [record for record in records if self._wants(record)]
            if batch and (wait_ms := self._window_left_ms(batch)) > 0:
                return self._clock.now_ms() + wait_ms
            if batch and (arrives_ms := self._arrival_ms(records[0])) > self._clock.now_ms():
                return arrives_ms
            self._first_seen_ms = self._arrives_ms = None
            if batch:
                self._deliver(batch)
                if again := [record for record in batch if self._model.is_delivered_again(Hop.STREAM)]:
                    self._deliver(again)
                if self._interrupted:
                    return None
            self._advance(records[-1].number + 1)
        return None

    def _advance(self, number: int) -> None:
        with self._gate.lock:
            self._stream.advance(self.name, number)
        self._writes.note_position(self._table, self.name, number)

    def _wants(self, record: StreamRecord) -> bool:
        if not self._patterns:
            return True
        essence = record.essence
        return any(pattern.matches(essence) for pattern in self._patterns)

    def _window_left_ms(self, batch: Sequence[StreamRecord]) -> float:
        if len(batch) >= self._batch_size or self._window_ms <= 0:
            return 0.0
        now_ms = self._clock.now_ms()
        self._first_seen_ms = self._first_seen_ms or now_ms
        return self._first_seen_ms + self._window_ms - now_ms

    def _arrival_ms(self, oldest: StreamRecord) -> float:
        """When the next batch reaches the function. Records that are written meanwhile come along, as on AWS."""
        if self._arrives_ms is None:
            self._arrives_ms = oldest.created_ms + self._model.delay_ms(Hop.STREAM)
        return self._arrives_ms

    def _deliver(self, batch: list[StreamRecord]) -> None:
        """Run the function until the batch is done or given up.

        A batch that failed as a whole is halved when the mapping says so, each half keeping the
        count of attempts; a reported failure goes on from the lowest record reported.
        """
        pending: list[tuple[list[StreamRecord], int]] = [(batch, 0)]
        while pending:
            if self._player.stopping:
                self._interrupted = True  # what is left is read again by the next run
                return
            part, attempts = pending.pop(0)
            rest = self._attempt(part)
            if not rest:
                continue
            attempts = attempts + 1 if len(rest) == len(part) else 1
            if self._give_up(rest, attempts):
                continue
            self._pause(attempts)
            if self._bisect and len(rest) > 1 and len(rest) == len(part):
                middle = len(rest) // 2
                pending[:0] = [(rest[:middle], attempts), (rest[middle:], attempts)]
            else:
                pending.insert(0, (rest, attempts))

    def _attempt(self, part: list[StreamRecord]) -> list[StreamRecord]:
        """Run the function once; return what is still to be done."""
        try:
            # Every attempt gets objects of its own: a function may change what it is given.
            records = ",".join(record.as_json(self._arn) for record in part)
            answer = self._function.invoke(json.loads(f'{{"Records":[{records}]}}'))
        except Exception:
            self._log.exception(
                "the function failed; its records are tried again",
                extra={"function": self.name, "records": len(part)},
            )
            return part
        return part[self._resume_at(answer, part) :] if self._partial else []

    def _resume_at(self, answer: Any, part: list[StreamRecord]) -> int:
        """Index of the first record that a function reports as failed."""
        items = answer.get("batchItemFailures") if isinstance(answer, dict) else None
        if not items:
            return len(part)
        numbers = [str(record.number) for record in part]
        reported = [item.get("itemIdentifier") for item in items]
        if any(number not in numbers for number in reported):
            return 0  # Lambda takes a report that it cannot read as a failure of the whole batch
        at = min(numbers.index(number) for number in reported)
        self._log.warning("records failed and are tried again", extra={"function": self.name, "from": numbers[at]})
        return at

    def _give_up(self, rest: list[StreamRecord], attempts: int) -> bool:
        exhausted = 0 <= self._most_retries < attempts
        age_s = self._clock.now_ms() / 1000 - rest[0].created_s
        expired = 0 < self._oldest_s < age_s
        splittable = self._bisect and len(rest) > 1
        if not (exhausted or expired) or (exhausted and splittable and not expired):
            return False
        condition = "RetryAttemptsExhausted" if exhausted else "RecordAgeExceeded"
        self._log.error("gave up on records", extra={"function": self.name, "records": len(rest), "why": condition})
        if self._on_failure:
            self._on_failure.send(self._report(rest, attempts, condition))
        return True

    def _report(self, rest: list[StreamRecord], attempts: int, condition: str) -> dict[str, Any]:
        """What Lambda sends to an on-failure destination: where the records are, not the records."""
        first, last = rest[0], rest[-1]
        return {
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": self._function.arn,
                "condition": condition,
                "approximateInvokeCount": attempts,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "version": "1.0",
            "timestamp": _iso(self._clock.now_ms()),
            "DDBStreamBatchInfo": {
                "shardId": "shardId-00000001541626099285-f35f62ef",
                "startSequenceNumber": str(first.number),
                "endSequenceNumber": str(last.number),
                "approximateArrivalOfFirstRecord": _iso(first.created_s * 1000),
                "approximateArrivalOfLastRecord": _iso(last.created_s * 1000),
                "batchSize": len(rest),
                "streamArn": self._arn,
            },
        }

    def _pause(self, attempts: int) -> None:
        until_ms = self._clock.now_ms() + min(_LONGEST_PAUSE_MS, _FIRST_PAUSE_MS * 2 ** min(attempts - 1, 10))
        while not self._player.stopping and self._clock.now_ms() < until_ms:
            self._player.bell.wait(until_ms)


def patterns_of(properties: Mapping[str, Any], owner: str) -> list[Pattern]:
    """The patterns of a mapping's filter criteria; a record passes that matches any."""
    filters = (properties.get("FilterCriteria") or {}).get("Filters") or []
    return [Pattern(entry["Pattern"], f"{owner}: FilterCriteria") for entry in filters]


def _iso(epoch_ms: float) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
