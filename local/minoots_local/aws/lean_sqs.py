"""moto's SQS backend with lean queues, and long polls that hold nobody up."""

import copy
import threading
from typing import Any

from moto.core.utils import unix_time_millis
from moto.sqs import urls as sqs_urls
from moto.sqs.models import Message, Queue, SQSBackend, _filter_message_attributes

from minoots_local.aws.lean_queue import LeanQueue
from minoots_local.clock import Clock, SystemClock


class LeanSqsBackend(SQSBackend):
    """moto's SQS with lean standard queues; FIFO queues stay moto's own.

    Args:
        region_name: Region of the backend.
        account_id: Account of the backend.
        lock: The gate's lock; a long poll lets go of it while it waits.
        clock: Time.
    """

    @property
    def _url_module(self) -> Any:
        # moto looks for a backend's URLs beside the module of its class.
        return sqs_urls

    def __init__(
        self, region_name: str, account_id: str, lock: "threading.RLock | None" = None, clock: Clock | None = None
    ) -> None:
        super().__init__(region_name, account_id)
        self._lock = lock or threading.RLock()
        self._clock = clock or SystemClock()

    def create_queue(self, name: str, tags: dict[str, str] | None = None, **kwargs: Any) -> Queue:
        """Create a queue, or return the one of that name when its attributes agree."""
        if name in self.queues or str(kwargs.get("FifoQueue", "")).lower() == "true":
            queue = super().create_queue(name, tags, **kwargs)
        else:
            kwargs.pop("region", None)
            queue = LeanQueue(  # type: ignore[abstract] # moto leaves its own model abstract, too
                name, region=self.region_name, account_id=self.account_id, **kwargs
            )
            queue.tags = tags or {}
            queue.clock = self._clock
            self.queues[name] = queue
        # Waiting on a condition over the gate's own lock releases it: a long poll blocks nobody.
        queue._messages_lock = threading.Condition(self._lock)
        return queue

    def receive_message(
        self,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> list[Message]:
        """Receive, waiting up to `wait_seconds_timeout` for a first message."""
        queue = self.get_queue(queue_name)
        if not isinstance(queue, LeanQueue):
            return super().receive_message(
                queue_name, count, wait_seconds_timeout, visibility_timeout, message_attribute_names
            )
        until_ms = unix_time_millis() + wait_seconds_timeout * 1000
        while True:
            messages = queue.receive(count, visibility_timeout)
            if messages or unix_time_millis() >= until_ms:
                return [_shown(message, message_attribute_names or []) for message in messages]
            due = queue.next_receivable_ms()
            with queue._messages_lock:
                self._clock.wait(queue._messages_lock, until_ms if due is None else min(until_ms, due + 1))

    def change_message_visibility(self, queue_name: str, receipt_handle: str, visibility_timeout: int) -> None:
        """Set for how long from now a received message stays hidden."""
        queue = self.get_queue(queue_name)
        if isinstance(queue, LeanQueue):
            queue.hide(receipt_handle, visibility_timeout)
        else:
            super().change_message_visibility(queue_name, receipt_handle, visibility_timeout)


def _shown(message: Message, attribute_names: list[str]) -> Message:
    """A message as a receiver sees it: only the attributes that it asked for."""
    shown = copy.copy(message)
    _filter_message_attributes(shown, attribute_names)
    return shown
