"""The event bus, over EventBridge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from minoots_contract.events import CloudEvent
from minoots_kernel.adapters.aws import answering
from minoots_kernel.domain.errors import DependencyUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_events.client import EventBridgeClient

__all__ = ["SOURCE", "EventBridgeBus"]

SOURCE: Final = "io.minoots"
MAX_BATCH: Final = 10
MAX_BATCH_BYTES: Final = 240_000
"""PutEvents takes 256 KB in all, of which the entries' other fields are a part."""

Entry = tuple[CloudEvent, dict[str, Any]]


class EventBridgeBus:
    """Puts events on a bus: the CloudEvent is the detail, its type the detail type, so that rules can choose by it."""

    def __init__(self, client: EventBridgeClient, name: str) -> None:
        self._client = client
        self._name = name

    def publish(self, events: Sequence[CloudEvent]) -> list[CloudEvent]:
        """Publish events, and return those not accepted.

        Raises:
            DependencyUnavailableError: If the first call is not answered. When a later one is not, its events and those
                behind them are returned.
        """
        entries = [(event, self._entry(event)) for event in events]
        # One event too large for the bus makes it refuse the whole call, so it is not even tried.
        refused = [event for event, entry in entries if _size(entry) > MAX_BATCH_BYTES]
        batches = list(_batches([pair for pair in entries if _size(pair[1]) <= MAX_BATCH_BYTES]))
        for index, batch in enumerate(batches):
            try:
                refused += self._put(batch)
            except DependencyUnavailableError:
                if index == 0:
                    raise
                return [*refused, *(event for rest in batches[index:] for event, _ in rest)]
        return refused

    def _entry(self, event: CloudEvent) -> dict[str, Any]:
        return {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": event.type,
            "Detail": event.model_dump_json(by_alias=True, exclude_none=True),
            "Time": datetime.fromtimestamp(event.time / 1000, UTC),
        }

    def _put(self, batch: list[Entry]) -> list[CloudEvent]:
        entries: list[Any] = [entry for _, entry in batch]
        with answering("The event bus"):
            reply = self._client.put_events(Entries=entries)
        results = reply.get("Entries", [])
        return [event for (event, _), result in zip(batch, results, strict=False) if "ErrorCode" in result]


def _batches(entries: list[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        length = _size(entry[1])
        if batch and (len(batch) == MAX_BATCH or size + length > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += length
    if batch:
        yield batch


def _size(entry: dict[str, Any]) -> int:
    return len(entry["Detail"].encode())
