"""Where the consumers of the table's stream keep what they could not process; as `ports`, of which this is a part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from minoots_kernel.application.ports import Page

__all__ = ["ParkedRecord", "ParkedRecordStore"]


@dataclass(frozen=True, slots=True)
class ParkedRecord:
    """A stream record that could not be processed.

    Attributes:
        consumer: Who could not.
        id: Its event id, or what stands for it if it has none.
        record: As the stream handed it over.
        reason: What was in the way.
    """

    consumer: str
    id: str
    record: dict[str, Any]
    reason: str


class ParkedRecordStore(Protocol):
    """Stream records that could not be processed, kept whole because the stream forgets them after a day."""

    def put(self, consumer: str, record: dict[str, Any], reason: str) -> None:
        """Keep a record (as the stream handed it over); keeping it again changes nothing."""
        ...

    def page(self, consumer: str, *, limit: int, position: str | None = None) -> Page[ParkedRecord]:
        """List a consumer's records by id, eventually consistent.

        Args:
            consumer: Whose.
            limit: At most how many.
            position: The id after which to go on.
        """
        ...

    def remove(self, record: ParkedRecord) -> None:
        """Forget a record that has been processed; one that is not there is no error."""
        ...
