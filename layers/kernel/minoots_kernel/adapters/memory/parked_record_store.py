"""Parked stream records in memory."""

from __future__ import annotations

import json
from typing import Any

from minoots_kernel.application.parking_ports import ParkedRecord
from minoots_kernel.application.ports import Page

__all__ = ["MemoryParkedRecordStore"]


class MemoryParkedRecordStore:
    """Parked records in a dictionary."""

    def __init__(self) -> None:
        self._parked: dict[tuple[str, str], ParkedRecord] = {}

    @property
    def parked(self) -> list[ParkedRecord]:
        """What is parked, in the order it came."""
        return list(self._parked.values())

    def put(self, consumer: str, record: dict[str, Any], reason: str) -> None:
        """Keep a record; keeping it again changes nothing."""
        identifier = str(record.get("eventID") or json.dumps(record))
        self._parked.setdefault((consumer, identifier), ParkedRecord(consumer, identifier, record, reason))

    def page(self, consumer: str, *, limit: int, position: str | None = None) -> Page[ParkedRecord]:
        """List a consumer's records; see the port."""
        left = [one for one in self.parked if one.consumer == consumer and (position is None or one.id > position)]
        found = sorted(left, key=lambda one: one.id)[:limit]
        return Page(tuple(found), found[-1].id if len(left) > limit else None)

    def remove(self, record: ParkedRecord) -> None:
        """Forget a record; see the port."""
        self._parked.pop((record.consumer, record.id), None)
