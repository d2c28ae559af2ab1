"""Hold attempts to the pace of their tenant and of their receiver.

Two things are kept of each pace. *What began*: an attempt begins if the pace allows it at that instant, and is counted
then and there, so that the limit holds over any time whatever came late. *Turns*: an attempt that may not begin is told
when to come again, an interval after the one before it. A turn is a place in the queue and no more: whoever comes back
with one is counted like everybody else, but may be a little ahead of the pace, because messages are a little late. A
turn that is later than that has lapsed, as far as others began in the meantime, and a new one is given.

The tenant's queue comes first and the receiver's last, and nothing is counted for an attempt that has still to queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from minoots_kernel.application.circuit_ports import CircuitStore
from minoots_kernel.application.known_circuits import KnownCircuits
from minoots_kernel.domain.circuits import Call, Circuit, Limits, Pace
from minoots_kernel.domain.errors import PutOffError
from minoots_kernel.domain.put_offs import LONGEST_MS, Cause

__all__ = ["HORIZON_MS", "LONGEST_LIMITED_MS", "SLACK_MS", "Pacing"]

SLACK_MS: Final = 1_000
"""How far ahead of its pace an attempt may begin that comes with a turn: messages wait in whole seconds."""

HORIZON_MS: Final = 600_000
"""Farthest turn that is given away: less than the queue's reach."""

LONGEST_LIMITED_MS: Final = LONGEST_MS
"""For how long an attempt is put off by a limit before it counts as failed."""


@dataclass(frozen=True, slots=True)
class _Line:
    """One of the two queues; `slack_ms` is how far ahead of the pace the attempt may be, none if it has no turn."""

    whose: str
    circuit: Circuit
    pace: Pace
    slack_ms: int | None


class Pacing:
    """Lets attempts begin, or gives them turns.

    Args:
        circuits: Where all environments count.
        known: What this one knows of it.
    """

    def __init__(self, circuits: CircuitStore, known: KnownCircuits) -> None:
        self._circuits, self._known = circuits, known

    def begin(self, call: Call, receiver: Circuit, tenant: Circuit, tenants: Limits, now_ms: int) -> None:
        """Count an attempt as begun by both paces.

        Args:
            call: The attempt.
            receiver: Its receiver's circuit.
            tenant: Its tenant's.
            tenants: What is set for the tenant.
            now_ms: The service's clock, epoch milliseconds.

        Raises:
            PutOffError: If it may not begin now.
            DependencyUnavailableError: If the store does not answer.
        """
        own = SLACK_MS if call.turn == "destination" else None
        # Who has waited in both queues goes before those who have waited in the tenant's alone, lest it begin anew.
        first = 2 * SLACK_MS if call.turn == "destination" else SLACK_MS if call.turn == "tenant" else None
        lines = [
            _Line(whose, circuit, limits.pace, slack_ms)
            for whose, circuit, limits, slack_ms in (
                ("tenant", tenant, tenants, first),
                ("destination", receiver, call.limits, own),
            )
            if limits.pace is not None
        ]
        for line in lines:
            if line.slack_ms is None and line.circuit.turn_us > now_ms * 1000:
                self._queue(line, now_ms)
        for line in lines:
            if not self._circuits.begin(line.circuit, line.pace, now_ms, line.slack_ms):
                self._queue(line, now_ms)

    def _queue(self, line: _Line, now_ms: int) -> None:
        at_ms = self._circuits.next_turn(line.circuit, line.pace, now_ms, HORIZON_MS)
        if at_ms is not None:
            self._known.note(line.circuit.with_turn(at_ms * 1000 + line.pace.interval_us))
        reason = f"{line.circuit.shown} has its limit of {line.pace.per_second:g} attempts a second"
        turn = None if at_ms is None else line.whose
        hope_ms = now_ms + HORIZON_MS // 2 if at_ms is None else at_ms
        raise PutOffError(Cause.LIMIT, reason, hope_ms, LONGEST_LIMITED_MS, turn)
