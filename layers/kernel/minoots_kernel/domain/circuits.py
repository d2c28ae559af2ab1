"""Whether a receiver may be asked for more: a circuit for each, open while it fails, narrow while it is slow. Pure.

Closed, a circuit lets everything through and is written nowhere. Open, it lets nothing through, and after a while one
attempt at a time that tries whether the receiver has come back. Narrow, or by the receiver's own limit, as many
attempts at a time as it has slots. A tenant has a circuit, too, which is never open: it is narrow while too many of
the tenant's receivers are slow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlsplit

__all__ = [
    "FAILURES_TO_OPEN",
    "NO_LIMITS",
    "SLOW_AFTER_MS",
    "SLOW_MS",
    "SLOW_SLOTS",
    "TENANT",
    "TENANT_SLOW_SLOTS",
    "Call",
    "Circuit",
    "Limits",
    "Pace",
    "closed",
    "opened",
    "receiver_of_destination",
    "receiver_of_url",
    "reopened",
    "slowed",
]

FAILURES_TO_OPEN: Final = 5
"""Failures in a row, as one execution environment counts them, that open a circuit."""

SLOW_AFTER_MS: Final = 2_000
"""An attempt that is under way for longer is counted where all environments see it, and has a slot from then on."""

SLOW_SLOTS: Final = 20
"""Slow attempts that a receiver may have under way before it is narrow: it then has as many slots."""

TENANT_SLOW_SLOTS: Final = 50
"""The same of a tenant's receivers together."""

SLOW_MS: Final = 30_000
"""How long a circuit stays narrow after too many were slow, or after it closed."""

OPEN_MS: Final = 15_000
MAX_OPEN_MS: Final = 300_000
"""How long a circuit is open before one attempt is let through: at first, and at most after probes that failed."""

PROBES: Final = 1

TENANT: Final = "*"
"""The name of a tenant's own circuit."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How many attempts may begin: so many a second on average, so many at once after a pause."""

    per_second: float
    burst: int = 1

    @property
    def interval_us(self) -> int:
        """Microseconds from one attempt to the next."""
        return max(1, round(1_000_000 / self.per_second))

    @property
    def tolerance_us(self) -> int:
        """How far ahead of its pace it may run, microseconds."""
        return (self.burst - 1) * self.interval_us


@dataclass(frozen=True, slots=True)
class Limits:
    """What somebody has set for a destination or a tenant; none of it is no limit."""

    pace: Pace | None = None
    max_in_flight: int | None = None


NO_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Call:
    """An attempt that asks to be let through.

    Attributes:
        receiver: The name of its receiver's circuit.
        limits: What is set for the receiver.
        timeout_ms: Most time that it takes, milliseconds.
        turn: Whose limit it has waited for: `tenant`, whose turn comes first, or `destination`.
    """

    tenant_id: str
    receiver: str
    limits: Limits = NO_LIMITS
    timeout_ms: int = 30_000
    turn: str | None = None


@dataclass(frozen=True, slots=True)
class Circuit:
    """A circuit. Times are epoch milliseconds.

    Attributes:
        name: The receiver's name, or `TENANT`.
        version: Rises by one with each change; 0 of one that was never changed. Slots and turns are no changes.
        opened_at_ms: Since when it is open; none while it is closed.
        open_until_ms: When an open one lets the next probe through.
        failed_probes: Probes since it opened, none of which succeeded.
        slow_until_ms: Until when it is narrow.
        slots: Slots that are taken, each with when its lease ends.
        turn_us: When the next turn begins that is given away, epoch microseconds; nobody queues once it has passed.
        begun_us: Until when its pace is used up by what began, epoch microseconds, but for its burst.
    """

    tenant_id: str
    name: str
    version: int = 0
    opened_at_ms: int | None = None
    open_until_ms: int = 0
    failed_probes: int = 0
    slow_until_ms: int = 0
    slots: Mapping[int, int] = field(default_factory=dict)
    turn_us: int = 0
    begun_us: int = 0

    @property
    def shown(self) -> str:
        """What people call whoever it stands for."""
        if self.name == TENANT:
            return f"tenant '{self.tenant_id}'"
        return f"destination '{self.name[2:]}'" if self.name.startswith("d:") else self.name[2:]

    def width(self, limits: Limits, slow_slots: int, now_ms: int) -> int | None:
        """Return how many attempts may be under way; none for any number, without a slot."""
        if self.opened_at_ms is not None:
            return 0 if now_ms < self.open_until_ms else PROBES
        if limits.max_in_flight is not None:
            return limits.max_in_flight
        return slow_slots if now_ms < self.slow_until_ms else None

    def free(self, width: int, now_ms: int) -> list[int]:
        """Return the slots that nobody has, of so many; a lease that ran out is over."""
        return [slot for slot in range(width) if self.slots.get(slot, 0) <= now_ms]

    def with_slot(self, slot: int, until_ms: int) -> Circuit:
        """Return the circuit with a slot taken until then."""
        return replace(self, slots={**self.slots, slot: until_ms})

    def with_turn(self, turn_us: int) -> Circuit:
        """Return the circuit with turns given away until then."""
        return replace(self, turn_us=turn_us)


def opened(circuit: Circuit, now_ms: int, wait_ms: int | None = None) -> Circuit:
    """Return the circuit open; one that is open already stays as it is.

    Args:
        circuit: The circuit.
        now_ms: The service's clock, epoch milliseconds.
        wait_ms: How long the receiver asked to be left alone, milliseconds.
    """
    if circuit.opened_at_ms is not None:
        return circuit
    until_ms = now_ms + _open_for_ms(0, wait_ms)
    return replace(circuit, version=circuit.version + 1, opened_at_ms=now_ms, open_until_ms=until_ms, failed_probes=0)


def reopened(circuit: Circuit, now_ms: int, wait_ms: int | None = None) -> Circuit:
    """Return the circuit open for longer than before: a probe failed."""
    if circuit.opened_at_ms is None:
        return circuit
    failed = circuit.failed_probes + 1
    until_ms = now_ms + _open_for_ms(failed, wait_ms)
    return replace(circuit, version=circuit.version + 1, open_until_ms=until_ms, failed_probes=failed)


def closed(circuit: Circuit, now_ms: int) -> Circuit:
    """Return the circuit closed, and narrow at first: everything that waited must not come at once."""
    if circuit.opened_at_ms is None:
        return circuit
    return replace(
        circuit,
        version=circuit.version + 1,
        opened_at_ms=None,
        open_until_ms=0,
        failed_probes=0,
        slow_until_ms=now_ms + SLOW_MS,
    )


def slowed(circuit: Circuit, now_ms: int) -> Circuit:
    """Return the circuit narrow, or narrow for longer; unless it is so for long enough."""
    if circuit.opened_at_ms is not None or circuit.slow_until_ms >= now_ms + SLOW_MS // 2:
        return circuit
    return replace(circuit, version=circuit.version + 1, slow_until_ms=now_ms + SLOW_MS)


def receiver_of_destination(name: str) -> str:
    """Return the name of a named destination's circuit."""
    return f"d:{name}"


def receiver_of_url(url: str) -> str:
    """Return the name of the circuit of a URL: its host and port."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"h:{(parts.hostname or '')[:253]}:{port}"


def _open_for_ms(failed_probes: int, wait_ms: int | None) -> int:
    return min(max(OPEN_MS << min(failed_probes, 8), wait_ms or 0), MAX_OPEN_MS)
