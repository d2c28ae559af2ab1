"""Queue → function: SQS event source mappings.

Source: "Using Lambda with Amazon SQS", AWS Lambda Developer Guide.
"""

import copy
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from moto.sqs.models import Message

from minoots_local.aws.gate import AwsGate
from minoots_local.aws.lean_queue import LeanQueue
from minoots_local.clock import Clock, take_time
from minoots_local.functions import LocalFunction
from minoots_local.logs import logger
from minoots_local.model.hops import Hop, Model
from minoots_local.players.concurrency import Concurrency
from minoots_local.players.worker import Player

# Of one mapping. Functions wait out a timer's last second: too few, and the next timers come late.
DEFAULT_CONCURRENCY = 32
# What it grows to while batches are stuck; on AWS that is in the thousands.
MOST_CONCURRENCY = 96
_LARGEST_BATCH = 10_000


class QueueMapping:
    """Feeds one function from one queue.

    A thread takes messages off the queue the moment they can be received (the queue tells when)
    and hands batches to a pool. What the function reports as failed stays hidden for its visibility
    timeout and comes back; the rest is deleted.

    Args:
        gate: Guards the queue.
        queue: The source.
        function: The destination.
        properties: The event's properties in the template.
        clock: Time.
        model: How long the hop takes, and what is delivered again.
    """

    def __init__(
        self,
        gate: AwsGate,
        queue: LeanQueue,
        function: LocalFunction,
        properties: Mapping[str, Any],
        clock: Clock,
        model: Model,
    ) -> None:
        self._gate = gate
        self._queue = queue
        self._function = function
        self._clock = clock
        self._model = model
        self._batch_size = min(int(properties.get("BatchSize", 10)), _LARGEST_BATCH)
        self._window_ms = float(properties.get("MaximumBatchingWindowInSeconds", 0)) * 1000
        self._partial = "ReportBatchItemFailures" in (properties.get("FunctionResponseTypes") or [])
        scaling = properties.get("ScalingConfig") or {}
        most = int(scaling.get("MaximumConcurrency", MOST_CONCURRENCY))
        self._scale = Concurrency(min(DEFAULT_CONCURRENCY, most), most)
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=f"{function.logical_id}-batch")
        self._log = logger("queues")
        self._gathered: list[Message] = []
        self._gathering_since_ms = 0.0
        self._player = Player("queues", clock, self._round)
        queue.listeners.append(self._player.bell.ring)

    def start(self) -> None:
        """Begin to poll."""
        self._player.start()

    def stop(self) -> None:
        """Take no more messages."""
        self._player.stop()

    def join(self, timeout_s: float) -> None:
        """Wait for the poller; batches under way end by themselves."""
        self._player.join(timeout_s)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _round(self) -> float | None:
        """Hand over what can be received; return when there will be more."""
        while not self._player.stopping:
            began_ms = self._clock.now_ms()
            if not self._scale.begin(began_ms):
                # A batch that ends rings the bell; until then there may be room for one more at a time.
                return self._scale.next_room_ms(began_ms) if self._has_backlog() else None
            batch, again_ms = self._gather()
            if not batch:
                self._scale.end(began_ms)
                return again_ms
            self._pool.submit(self._clock.hand_over(self._run), batch, began_ms)
        return None

    def _has_backlog(self) -> bool:
        with self._gate.lock:
            due_ms = self._queue.next_receivable_ms()
        return due_ms is not None and due_ms <= self._clock.now_ms()

    def _gather(self) -> tuple[list[Message], float | None]:
        """A batch, or when to look again. Within the window a batch waits to fill up."""
        with self._gate.lock:
            wanted = self._batch_size - len(self._gathered)
            timeout_s = self._queue.visibility_timeout  # type: ignore[attr-defined]
            found = self._queue.receive(wanted, timeout_s)
            for message in found:
                if self._model.is_delivered_again(Hop.QUEUE):
                    self._queue.add_message(self._twin(message))
            again_ms = self._queue.next_receivable_ms()
        now_ms = self._clock.now_ms()
        if found and not self._gathered:
            self._gathering_since_ms = now_ms
        self._gathered += found
        until_ms = self._gathering_since_ms + self._window_ms
        if self._gathered and (len(self._gathered) >= self._batch_size or now_ms >= until_ms):
            batch, self._gathered = self._gathered, []
            return batch, None
        if self._gathered:
            again_ms = until_ms if again_ms is None else min(until_ms, again_ms)
        return [], again_ms

    def _twin(self, message: Message) -> Message:
        """The same message once more, as one of the queue's servers keeps it that missed the first delivery."""
        twin = copy.copy(message)
        twin.receipt_handle, twin._old_receipt_handles = None, []
        twin.approximate_receive_count -= 1
        twin.visible_at = 0.0
        twin.delayed_until = self._clock.now_ms() + self._model.delay_ms(Hop.SECOND_DELIVERY)
        return twin

    def _run(self, batch: list[Message], began_ms: float) -> None:
        try:
            take_time(self._clock, self._model.delay_ms(Hop.QUEUE))
            failed = self._invoke(batch)
            with self._gate.lock:
                for message in batch:
                    if message.id not in failed and message.receipt_handle:
                        self._queue.delete_message(message.receipt_handle)
        finally:
            self._scale.end(began_ms)
            self._player.bell.ring()

    def _invoke(self, batch: list[Message]) -> set[str]:
        """Run the function; return the ids of the messages that it did not get done."""
        everything = {message.id for message in batch}
        event = {"Records": [self._record(message) for message in batch]}
        try:
            answer = self._function.invoke(event)
        except Exception:
            self._log.exception(
                "the function failed; its messages come back after their visibility timeout",
                extra={"function": self._function.logical_id, "messages": len(batch)},
            )
            return everything
        if not self._partial:
            return set()
        failed = reported_failures(answer, everything)
        if failed:
            self._log.warning(
                "messages failed and will come back",
                extra={"function": self._function.logical_id, "messages": len(failed)},
            )
        return failed

    def _record(self, message: Message) -> dict[str, Any]:
        attributes: dict[str, Any] = {
            "ApproximateReceiveCount": str(message.approximate_receive_count),
            "SentTimestamp": str(message.sent_timestamp),
            "SenderId": message.sender_id,
            "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
        }
        if message.group_id is not None:
            attributes["MessageGroupId"] = message.group_id
        if trace := (message.system_attributes or {}).get("AWSTraceHeader"):
            attributes["AWSTraceHeader"] = trace.get("StringValue")
        return {
            "messageId": message.id,
            "receiptHandle": message.receipt_handle,
            "body": message.body,
            "attributes": attributes,
            "messageAttributes": _message_attributes(message),
            "md5OfBody": message.body_md5,
            "eventSource": "aws:sqs",
            "eventSourceARN": self._queue.queue_arn,
            "awsRegion": self._queue.region,
        }


def _message_attributes(message: Message) -> dict[str, Any]:
    """Message attributes as Lambda spells them: camelCase, list values present and empty."""
    return {
        name: {
            **{key[0].lower() + key[1:]: part for key, part in value.items() if part is not None},
            "stringListValues": [],
            "binaryListValues": [],
        }
        for name, value in message.message_attributes.items()
    }


def reported_failures(answer: Any, everything: set[str]) -> set[str]:
    """Ids of the messages that a function reports as failed.

    An answer that is no report, or that names an id which was not in the batch, fails all of it.
    """
    if answer is None or answer == {}:
        return set()
    items = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if items is None:
        return set() if isinstance(answer, dict) else everything
    failed = {item.get("itemIdentifier") if isinstance(item, dict) else None for item in items}
    return failed if failed <= everything else everything  # type: ignore[return-value]
