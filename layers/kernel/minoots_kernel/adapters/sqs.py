"""The queues, over SQS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from minoots_kernel.adapters.aws import answering
from minoots_kernel.application.ports import Delayed
from minoots_kernel.domain.errors import DependencyUnavailableError
from minoots_kernel.domain.messages import ActionMessage, WakeUp

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

__all__ = ["SqsActionQueue", "SqsMessageVisibility", "SqsWakeQueue"]

MAX_BATCH: Final = 10
"""The most messages of one SendMessageBatch; ours are far from its limit on bytes."""

T = TypeVar("T")


class _Sender(Generic[T]):
    """Sends messages of one type to one queue."""

    def __init__(self, client: SQSClient, url: str, write: Callable[[T], dict[str, Any]], who: str) -> None:
        self._client = client
        self._url = url
        self._write = write
        self._who = who

    def send(self, batch: Sequence[Delayed[T]]) -> list[Delayed[T]]:
        """Send messages, ten to a call, and return those not accepted.

        Raises:
            DependencyUnavailableError: If the first call is not answered. When a later one is not, its messages and
                those behind them are returned: what was accepted before must not look lost.
        """
        refused: list[Delayed[T]] = []
        for start in range(0, len(batch), MAX_BATCH):
            try:
                refused += self._send(batch[start : start + MAX_BATCH])
            except DependencyUnavailableError:
                if start == 0:
                    raise
                return [*refused, *batch[start:]]
        return refused

    def _send(self, batch: Sequence[Delayed[T]]) -> list[Delayed[T]]:
        messages = [{**self._write(one.message), "DelaySeconds": one.delay_s} for one in batch]
        with answering(self._who):
            if len(messages) == 1:
                self._client.send_message(QueueUrl=self._url, **messages[0])
                return []
            entries: list[Any] = [{"Id": str(index), **message} for index, message in enumerate(messages)]
            reply = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        return [batch[int(failure["Id"])] for failure in reply.get("Failed", [])]


class SqsWakeQueue(_Sender[WakeUp]):
    """The queue of wake-ups."""

    def __init__(self, client: SQSClient, url: str) -> None:
        super().__init__(client, url, lambda wake_up: {"MessageBody": wake_up.to_json()}, "The wake-up queue")


class SqsActionQueue(_Sender[ActionMessage]):
    """The queue of attempts to make.

    A standard queue with a message group per tenant is fair: a tenant with a backlog does not hold up the others, and
    unlike in a FIFO queue each message may have a delay of its own.
    """

    def __init__(self, client: SQSClient, url: str) -> None:
        super().__init__(client, url, _action_message, "The action queue")


class SqsMessageVisibility:
    """When a queue delivers again what it delivered."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def hide(self, receipt_handle: str, for_s: int) -> None:
        """Deliver a message again in so many seconds from now."""
        with answering("The queue"):
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=for_s
            )


def _action_message(message: ActionMessage) -> dict[str, Any]:
    return {"MessageBody": message.to_json(), "MessageGroupId": message.tenant_id}
