"""Parked stream records in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

__all__ = ["MemoryParkedRecordStore", "ParkedRecord"]


@dataclass(frozen=True, slots=True)
class ParkedRecord:
    """A record that could not be processed, and why."""

    consumer: str
    record: dict[str, Any]
    reason: str


class MemoryParkedRecordStore:
    """Parked records in a dictionary."""

    def __init__(self) -> None:
        self._parked: dict[tuple[str, str], ParkedRecord] = {}

    @property
    def parked(self) -> list[ParkedRecord]:
        """What was parked, in the order it came."""
        return list(self._parked.values())

    def put(self, consumer: str, record: dict[str, Any], reason: str) -> None:
        """Keep a record; keeping it again changes nothing."""
        identifier = str(record.get("eventID") or json.dumps(record))
        self._parked.setdefault((consumer, identifier), ParkedRecord(consumer, record, reason))
