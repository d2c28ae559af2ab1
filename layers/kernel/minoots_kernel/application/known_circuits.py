"""What one execution environment knows of circuits: what it read a moment ago, and failures that it saw itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Final

from minoots_kernel.application.circuit_ports import CircuitStore
from minoots_kernel.domain.circuits import Circuit
from minoots_kernel.domain.errors import MinootsError, VersionMismatchError

__all__ = ["KnownCircuits"]

logger = logging.getLogger(__name__)

KEPT_MS: Final = 1_000
"""How long what was read is believed: so long an environment may go on after another one opened a circuit."""

MOST_KEPT: Final = 4_096
MAX_TRIES: Final = 5

Key = tuple[str, str]


class KnownCircuits:
    """Circuits as they were read. Safe for the threads of an environment.

    Args:
        store: Where all environments keep them.
    """

    def __init__(self, store: CircuitStore) -> None:
        self._store = store
        self._lock = Lock()
        self._read: dict[Key, tuple[int, Circuit]] = {}
        self._failures: dict[Key, int] = {}

    def of(self, tenant_id: str, names: Sequence[str], now_ms: int) -> list[Circuit]:
        """Return circuits by name. A store that does not answer closes none: it must not be what stops everything."""
        with self._lock:
            kept = [self._read.get((tenant_id, name)) for name in names]
        if all(one is not None and 0 <= now_ms - one[0] < KEPT_MS for one in kept):
            return [one[1] for one in kept if one is not None]
        try:
            found = self._store.get_many(tenant_id, names)
        except MinootsError as error:
            logger.warning("circuits cannot be read", extra={"error": error.detail})
            return [Circuit(tenant_id, name) for name in names]
        circuits = [found.get(name) or Circuit(tenant_id, name) for name in names]
        for circuit in circuits:
            self.learn(circuit, now_ms)
        return circuits

    def afresh(self, circuit: Circuit, now_ms: int) -> Circuit:
        """Return a circuit as it stands now.

        Raises:
            DependencyUnavailableError: If the store does not answer.
        """
        found = self._store.get_many(circuit.tenant_id, [circuit.name]).get(circuit.name)
        present = found or Circuit(circuit.tenant_id, circuit.name)
        self.learn(present, now_ms)
        return present

    def learn(self, circuit: Circuit, now_ms: int) -> None:
        """Take down how a circuit stands."""
        with self._lock:
            if len(self._read) >= MOST_KEPT:
                self._read.clear()
            self._read[circuit.tenant_id, circuit.name] = (now_ms, circuit)

    def note(self, circuit: Circuit) -> None:
        """Take down what was just done to a circuit; what else is known of it is as old as it was."""
        key = (circuit.tenant_id, circuit.name)
        with self._lock:
            if key in self._read:
                self._read[key] = (self._read[key][0], circuit)

    def change(self, circuit: Circuit, change: Callable[[Circuit, int], Circuit], now_ms: int) -> Circuit | None:
        """Change a circuit in the store; returns what was made of it, none if there was nothing to change.

        Raises:
            DependencyUnavailableError: If the store does not answer.
            VersionMismatchError: If too many change it at once.
        """
        for last in range(MAX_TRIES - 1, -1, -1):
            before = self.afresh(circuit, now_ms)
            after = change(before, now_ms)
            if after is before:
                return None
            try:
                self._store.change(before, after)
            except VersionMismatchError:
                if not last:
                    raise
                continue
            self.learn(after, now_ms)
            return after
        return None

    def count_failure(self, circuit: Circuit) -> int:
        """Return how many failures in a row this environment has seen, with the one now."""
        key = (circuit.tenant_id, circuit.name)
        with self._lock:
            if len(self._failures) >= MOST_KEPT:
                self._failures.clear()
            self._failures[key] = self._failures.get(key, 0) + 1
            return self._failures[key]

    def forget_failures(self, circuit: Circuit) -> None:
        """Begin to count anew."""
        with self._lock:
            self._failures.pop((circuit.tenant_id, circuit.name), None)
