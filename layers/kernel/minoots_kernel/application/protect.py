"""Protect receivers from what they cannot take, and everybody else from receivers that fail or hang.

A circuit that is closed costs nothing but a read that is kept for a second. Failures are counted in the process;
whoever counts enough of them in a row opens the circuit for all. An attempt that is slow takes a slot while it is under
way; when there is none left the circuit turns narrow, and from then on attempts need a slot before they begin. What is
let through nevertheless while nobody knows yet is what a second or two bring.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from minoots_contract.instants import format_instant
from minoots_kernel.application.circuit_ports import CircuitStore, Watch
from minoots_kernel.application.known_circuits import KnownCircuits
from minoots_kernel.application.pacing import LONGEST_LIMITED_MS, Pacing
from minoots_kernel.application.ports import Clock, Metrics
from minoots_kernel.domain.circuits import (
    FAILURES_TO_OPEN,
    NO_LIMITS,
    SLOW_AFTER_MS,
    SLOW_SLOTS,
    TENANT,
    TENANT_SLOW_SLOTS,
    Call,
    Circuit,
    Limits,
    closed,
    opened,
    reopened,
    slowed,
)
from minoots_kernel.domain.errors import ActionError, MinootsError, PutOffError
from minoots_kernel.domain.put_offs import Cause

__all__ = ["Protect"]

logger = logging.getLogger(__name__)

MAX_TRIES: Final = 3
LEASE_SPARE_MS: Final = 5_000
"""A lease outlasts the attempt that it is for, and is over soon after a crash."""

LONGEST_OPEN_MS: Final = 3_600_000
"""For how long an attempt is put off by an open circuit before it counts as failed."""

IN_TROUBLE: Final = frozenset({"connection", "timeout", "throttled", "serverError"})
"""Failures that say that the receiver is in trouble, not that it does not like this request."""

NOTHING_SAID: Final = frozenset({"internal", "unsendable", "expired"})
"""Failures that say nothing about the receiver."""


@dataclass(slots=True)
class _Lane:
    """One of the circuits that a call goes through; `until_ms` is when the lease of its slot ends, if it has one."""

    circuit: Circuit
    limits: Limits
    slow_slots: int
    slot: int = 0
    until_ms: int | None = None


@dataclass(slots=True)
class _Passage:
    """A call that was let through: its receiver's lane, and its tenant's."""

    call: Call
    lanes: tuple[_Lane, _Lane]
    probes: bool = False
    over: bool = False
    lock: Lock = field(default_factory=Lock)


class Protect:
    """The shield of an execution environment.

    Args:
        circuits: What all environments know.
        clock: The service's clock.
        metrics: Told of circuits that open, close and turn narrow.
        watch: Tells of calls that are slow.
        tenant: What holds for every tenant.
        draw: Returns a random number from 0 to below its argument; chooses among free slots.
    """

    def __init__(
        self,
        circuits: CircuitStore,
        clock: Clock,
        metrics: Metrics,
        watch: Watch,
        tenant: Limits = NO_LIMITS,
        draw: Callable[[int], int] = random.randrange,
    ) -> None:
        self._circuits, self._clock, self._metrics, self._watch = circuits, clock, metrics, watch
        self._tenant, self._draw = tenant, draw
        self._known = KnownCircuits(circuits)
        self._pacing = Pacing(circuits, self._known)

    @contextmanager
    def admitted(self, call: Call) -> Iterator[None]:
        """Let a call through for as long as the block lasts; see `Shield`."""
        passage = self._admit(call)
        try:
            with self._watch(SLOW_AFTER_MS, lambda: self._grew_slow(passage)):
                yield
        except ActionError as error:
            self._judge(passage, error)
            raise
        else:
            self._judge(passage, None)
        finally:
            self._leave(passage)

    def _admit(self, call: Call) -> _Passage:
        now_ms = self._clock.now_ms()
        receiver, tenant = self._known.of(call.tenant_id, (call.receiver, TENANT), now_ms)
        lanes = (
            _Lane(receiver, call.limits, SLOW_SLOTS),
            _Lane(tenant, self._tenant, TENANT_SLOW_SLOTS),
        )
        passage = _Passage(call, lanes)
        try:
            for lane in lanes:
                self._take_slot(passage, lane, now_ms)
            self._pacing.begin(call, lanes[0].circuit, lanes[1].circuit, self._tenant, now_ms)
        except BaseException:
            self._leave(passage)
            raise
        return passage

    def _take_slot(self, passage: _Passage, lane: _Lane, now_ms: int) -> None:
        for _ in range(MAX_TRIES):
            circuit = lane.circuit
            width = circuit.width(lane.limits, lane.slow_slots, now_ms)
            if width is None:
                return
            if not width:
                since = format_instant(circuit.opened_at_ms or now_ms)
                raise PutOffError(
                    Cause.CIRCUIT,
                    f"{circuit.shown} fails, its circuit is open since {since}",
                    circuit.open_until_ms,
                    LONGEST_OPEN_MS,
                )
            free = circuit.free(width, now_ms)
            if free and self._take(passage, lane, free, now_ms):
                passage.probes = passage.probes or circuit.opened_at_ms is not None
                return
            lane.circuit = self._known.afresh(circuit, now_ms)
        is_open = lane.circuit.opened_at_ms is not None
        reason = "is being tried" if is_open else "has as many attempts under way as it may have"
        cause, longest_ms = (Cause.CIRCUIT, LONGEST_OPEN_MS) if is_open else (Cause.LIMIT, LONGEST_LIMITED_MS)
        raise PutOffError(cause, f"{lane.circuit.shown} {reason}", now_ms, longest_ms)

    def _take(self, passage: _Passage, lane: _Lane, free: list[int], now_ms: int) -> bool:
        slot, until_ms = free[self._draw(len(free))], now_ms + passage.call.timeout_ms + LEASE_SPARE_MS
        if not self._circuits.take(lane.circuit, slot, until_ms, now_ms):
            return False
        with passage.lock:
            wanted = not passage.over
            if wanted:
                lane.slot, lane.until_ms = slot, until_ms
        if wanted:
            self._known.note(lane.circuit.with_slot(slot, until_ms))
        else:
            self._give_back(lane.circuit, slot, until_ms)  # it ended while a slot was taken for it
        return True

    def _leave(self, passage: _Passage) -> None:
        """Give the slots back. Should that fail, their leases run out."""
        with passage.lock:
            passage.over = True
        for lane in passage.lanes:
            if lane.until_ms is not None:
                self._give_back(lane.circuit, lane.slot, lane.until_ms)

    def _give_back(self, circuit: Circuit, slot: int, until_ms: int) -> None:
        try:
            self._circuits.give_back(circuit, slot, until_ms)
        except MinootsError as error:
            logger.warning("slot not given back", extra={"receiver": circuit.name, "error": error.detail})

    def _judge(self, passage: _Passage, error: ActionError | None) -> None:
        """Learn from how a call ended."""
        circuit = passage.lanes[0].circuit
        wait_ms = error.retry_after_ms if error else None
        if error is not None and error.failure in IN_TROUBLE:
            if passage.probes:
                self._change(circuit, lambda one, now_ms: reopened(one, now_ms, wait_ms), "CircuitProbesFailed")
            elif self._known.count_failure(circuit) >= FAILURES_TO_OPEN:
                self._known.forget_failures(circuit)
                self._change(circuit, lambda one, now_ms: opened(one, now_ms, wait_ms), "CircuitsOpened")
        elif error is None or error.failure not in NOTHING_SAID:
            self._known.forget_failures(circuit)
            if passage.probes:
                self._change(circuit, closed, "CircuitsClosed")

    def _grew_slow(self, passage: _Passage) -> None:
        """Count a slow call among its receiver's and its tenant's; called from a thread of its own."""
        for lane in passage.lanes:
            if lane.limits.max_in_flight is None:
                try:
                    self._count_slow(passage, lane)
                except MinootsError as error:
                    logger.warning(
                        "slow call not counted", extra={"receiver": lane.circuit.name, "error": error.detail}
                    )

    def _count_slow(self, passage: _Passage, lane: _Lane) -> None:
        now_ms = self._clock.now_ms()
        circuit = self._known.afresh(lane.circuit, now_ms)
        if circuit.opened_at_ms is not None:
            return  # it lets nothing in any more, and its probes need the slot
        free = circuit.free(lane.slow_slots, now_ms)
        if lane.until_ms is not None:
            crowded = 2 * len(free) <= lane.slow_slots
        else:
            crowded = not free
            if free:
                self._take(passage, lane, free, now_ms)
        if crowded and slowed(circuit, now_ms) is not circuit:
            self._change(circuit, slowed, "ReceiversSlow")

    def _change(self, circuit: Circuit, change: Callable[[Circuit, int], Circuit], metric: str) -> None:
        """Change a circuit for all, and tell of it; whoever comes second to the same change leaves it at that.

        Should the store not answer, the next failure or success does it.
        """
        try:
            after = self._known.change(circuit, change, self._clock.now_ms())
        except MinootsError as error:
            logger.warning("circuit not changed", extra={"receiver": circuit.name, "error": error.detail})
            return
        if after is not None:
            self._metrics.count(metric)
            story = {"tenantId": after.tenant_id, "receiver": after.name, "openUntil": after.open_until_ms}
            logger.warning(_TOLD[metric], extra=story)


_TOLD: Final = {
    "CircuitsOpened": "circuit opened",
    "CircuitsClosed": "circuit closed",
    "CircuitProbesFailed": "circuit stays open",
    "ReceiversSlow": "receiver is slow",
}
