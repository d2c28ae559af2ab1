"""SQS batches: every message on its own, failures reported one by one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol, TypeVar

from minoots_kernel.application.ports import MessageVisibility
from minoots_kernel.domain.errors import MinootsError, UnknownHintError
from minoots_kernel.domain.messages import MalformedMessageError

__all__ = ["MessagePool", "QueueConsumer", "message_threads"]

logger = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

RETRY_AFTER_S: Final = (2, 15, 90, 360)
"""When a message that failed is delivered again, after its first, second, … delivery. What it waited for is mostly back
within seconds; and five deliveries reach as far as four visibility timeouts of the wake queue, eight minutes."""


class MessagePool(Protocol):
    """Does the same work on several things at once."""

    def map(self, work: Callable[[T], R], items: Iterable[T], /) -> Iterable[R]:
        """Return what the work gave for each item, in their order."""
        ...


def message_threads(size: int) -> MessagePool:
    """Make a pool of threads."""
    return ThreadPoolExecutor(size, thread_name_prefix="message")


class QueueConsumer:
    """Runs the messages of a batch at the same time, so that none delays its siblings.

    A message that raises is reported as a failure of its own: the queue hands it over again, and after its last try
    moves it to its dead-letter queue. The others are done. (Powertools' batch processor takes them one after another,
    or as coroutines; the use cases are plain functions, hence a pool.)

    Args:
        handle: Called with a message's body, and whether that message was delivered before; what it returns is not
            looked at.
        concurrency: Threads; at least the batch size of the mapping, so that every message is begun at once.
        visibility: Brings back messages that failed. The visibility timeout is for those whose function crashed: it
            must outlast the function, and nobody is to wait for it whose failure is known.
        make_pool: Makes the pool of that many threads.
    """

    def __init__(
        self,
        handle: Callable[[str, bool], object],
        concurrency: int,
        visibility: MessageVisibility,
        make_pool: Callable[[int], MessagePool] = message_threads,
    ) -> None:
        self._handle = handle
        self._visibility = visibility
        self._pool = make_pool(concurrency)

    def __call__(self, event: Mapping[str, Any], _context: object) -> dict[str, Any]:
        """Handle an SQS event and return the partial batch response."""
        records = event["Records"]
        done = self._pool.map(self._succeeds, records)
        failures = [record["messageId"] for record, success in zip(records, done, strict=True) if not success]
        return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failures]}

    def _succeeds(self, record: Mapping[str, Any]) -> bool:
        deliveries = int(record["attributes"]["ApproximateReceiveCount"])
        try:
            self._handle(record["body"], deliveries > 1)
        except UnknownHintError as error:
            logger.info("message comes too early", extra={"messageId": record["messageId"], "reason": str(error)})
        except (MinootsError, MalformedMessageError) as error:
            logger.warning("message failed", extra={"messageId": record["messageId"], "reason": str(error)})
        except Exception:
            # One broken message must not take its batch along; the log and the dead-letter queue have it.
            logger.exception("message failed", extra={"messageId": record["messageId"]})
        else:
            return True
        self._bring_back(record, deliveries)
        return False

    def _bring_back(self, record: Mapping[str, Any], deliveries: int) -> None:
        after_s = RETRY_AFTER_S[min(deliveries, len(RETRY_AFTER_S)) - 1]
        try:
            self._visibility.hide(record["receiptHandle"], after_s)
        except Exception as error:
            # It comes back all the same, when its visibility timeout ends.
            logger.warning("message waits longer", extra={"messageId": record["messageId"], "reason": str(error)})
