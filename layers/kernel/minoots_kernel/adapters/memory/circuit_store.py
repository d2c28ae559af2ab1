"""Circuits in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import Lock

from minoots_kernel.domain.circuits import Circuit, Pace
from minoots_kernel.domain.errors import VersionMismatchError

__all__ = ["MemoryCircuitStore"]


class MemoryCircuitStore:
    """Circuits in a dictionary."""

    def __init__(self) -> None:
        self._circuits: dict[tuple[str, str], Circuit] = {}
        self._lock = Lock()

    def get_many(self, tenant_id: str, names: Sequence[str]) -> dict[str, Circuit]:
        """Return those of a tenant's circuits of which anything is stored, by name."""
        with self._lock:
            found = ((name, self._circuits.get((tenant_id, name))) for name in names)
            return {name: circuit for name, circuit in found if circuit is not None}

    def change(self, before: Circuit, after: Circuit) -> None:
        """Store a circuit's state; see the port."""
        with self._lock:
            stored = self._stored(after)
            if stored.version != before.version:
                raise VersionMismatchError(f"The circuit '{after.name}' was changed by another.")
            self._put(replace(after, slots=stored.slots, turn_us=stored.turn_us, begun_us=stored.begun_us))

    def take(self, circuit: Circuit, slot: int, until_ms: int, now_ms: int) -> bool:
        """Take a slot; see the port."""
        with self._lock:
            stored = self._stored(circuit)
            if stored.slots.get(slot, 0) > now_ms:
                return False
            self._put(stored.with_slot(slot, until_ms))
            return True

    def give_back(self, circuit: Circuit, slot: int, until_ms: int) -> None:
        """Give a slot back; see the port."""
        with self._lock:
            stored = self._stored(circuit)
            if stored.slots.get(slot) == until_ms:
                left = {taken: end for taken, end in stored.slots.items() if taken != slot}
                self._put(replace(stored, slots=left))

    def next_turn(self, circuit: Circuit, pace: Pace, now_ms: int, horizon_ms: int) -> int | None:
        """Take the next turn of a pace; see the port."""
        with self._lock:
            stored = self._stored(circuit)
            now_us = now_ms * 1000
            queued = stored.turn_us > now_us
            begins_us = stored.turn_us if queued else max(now_us, stored.begun_us - pace.tolerance_us)
            if begins_us > now_us + horizon_ms * 1000:
                return None
            self._put(stored.with_turn(begins_us + pace.interval_us))
            return -(-begins_us // 1000)

    def begin(self, circuit: Circuit, pace: Pace, now_ms: int, slack_ms: int | None) -> bool:
        """Count an attempt as begun if its pace allows it; see the port."""
        with self._lock:
            stored, now_us = self._stored(circuit), now_ms * 1000
            if slack_ms is None and stored.turn_us > now_us:
                return False
            if stored.begun_us > now_us + pace.tolerance_us + (slack_ms or 0) * 1000:
                return False
            self._put(replace(stored, begun_us=max(stored.begun_us, now_us) + pace.interval_us))
            return True

    def _stored(self, circuit: Circuit) -> Circuit:
        return self._circuits.get((circuit.tenant_id, circuit.name)) or Circuit(circuit.tenant_id, circuit.name)

    def _put(self, circuit: Circuit) -> None:
        self._circuits[circuit.tenant_id, circuit.name] = circuit
