"""What may go wrong, how often in a history, and whether it does now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tests.simulation.chance import SPAN, Chance

__all__ = ["AT_CALLS", "ELSEWHERE", "Cell", "Fates", "Fault", "Kind", "Outage", "Rates"]


class Fault(StrEnum):
    """Everything that may go wrong."""

    CRASH_BEFORE = "crash before the call"
    CRASH_AFTER = "crash after the call"
    CRASH_DURING = "crash during the call, done later"
    REFUSED = "call refused"
    ANSWER_LOST = "call done, answer lost"
    LATE_EFFECT = "answer lost, call done later"
    HIDDEN_WRITE = "write repeated by the client"
    PART_REFUSED = "part of a call refused"
    SLOW_CALL = "call takes seconds to minutes"
    MESSAGE_TWICE = "message delivered twice"
    MESSAGE_LATE = "message late"
    MESSAGE_LOST = "message lost"
    MESSAGE_SHOWN_AGAIN = "message shown again while it is handled"
    DELETE_LOST = "message handled, yet not deleted"
    FORGED_HINT = "hint that nothing calls for"
    POISON_MESSAGE = "message that cannot be read"
    STREAM_LATE = "stream late"
    STREAM_TWICE = "stream batch delivered twice"
    STREAM_LOST = "stream record lost"
    STREAM_POISON = "stream record that cannot be read"
    INDEX_STALE = "index stale"
    SCHEDULE_LATE = "schedule hours late"
    SCHEDULE_NEVER = "schedule never"
    SCHEDULE_TWICE = "schedule twice"
    SWEEP_MISSED = "sweep missed"
    CALLER_DEAF = "answer lost on the way to the caller"
    CALLER_GONE = "caller gone"


Cell = tuple[str, str, Fault]
"""A use case, a port call, and what happens there."""


class Kind(StrEnum):
    """What sort of call a port call is."""

    READ = "read"
    WRITE = "write"
    GUARDED = "guarded"  # a write on a condition that its client repeats when the answer was lost
    SEND = "send"
    POST = "post"


_CRASHES = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER)
_ANSWERS = (Fault.REFUSED, Fault.ANSWER_LOST)
_LATE = (Fault.CRASH_DURING, Fault.LATE_EFFECT)
AT_CALLS: Final[Mapping[Kind, tuple[Fault, ...]]] = {
    Kind.READ: (*_CRASHES, *_ANSWERS, Fault.SLOW_CALL),
    Kind.WRITE: (*_CRASHES, *_ANSWERS, *_LATE, Fault.SLOW_CALL),
    Kind.GUARDED: (*_CRASHES, *_ANSWERS, *_LATE, Fault.HIDDEN_WRITE, Fault.SLOW_CALL),
    Kind.SEND: (*_CRASHES, *_ANSWERS, *_LATE, Fault.PART_REFUSED, Fault.SLOW_CALL),
    Kind.POST: (*_CRASHES, *_ANSWERS, Fault.SLOW_CALL),
}
"""What can go wrong at a call, by its kind."""

ELSEWHERE: Final = tuple(
    fault for fault in Fault if fault not in {at_call for faults in AT_CALLS.values() for at_call in faults}
)
"""What can go wrong between the calls."""


@dataclass(frozen=True)
class Outage:
    """A time in which every call of some kind meets the same fault: those of a use case, or to a port, or both."""

    use_case: str
    port: str
    fault: Fault
    begin_ms: int
    end_ms: int

    def covers(self, use_case: str, call: str, now_ms: int) -> bool:
        """Tell whether a call meets it."""
        in_time = self.begin_ms <= now_ms < self.end_ms
        return in_time and use_case.startswith(self.use_case) and call.startswith(self.port)


@dataclass(frozen=True)
class Rates:
    """How often each fault strikes in a history, 0 to 1; in some cells of the matrix more often than elsewhere."""

    of: Mapping[Fault, float]
    cells: Mapping[Cell, float] = field(default_factory=dict)
    outages: tuple[Outage, ...] = ()

    @property
    def calm(self) -> bool:
        """Whether nothing goes wrong at all."""
        return not self.of and not self.cells and not self.outages


class Fates:
    """Decides what goes wrong.

    Args:
        rates: How often.
        chance: Of the history.
        spared: Faults, by their names, that are not to strike: a history is shrunk by sparing it what does not matter.
        struck: Called with each fault and its name.

    Attributes:
        over: Whether the time of faults has passed.
    """

    def __init__(
        self, rates: Rates, chance: Chance, spared: frozenset[str], struck: Callable[[Fault, str, str], None]
    ) -> None:
        self._rates, self._chance, self._spared, self._struck = rates, chance, spared, struck
        self.over = rates.calm
        self.counts: Counter[Fault] = Counter()
        self.cells: Counter[Cell] = Counter()
        self._limits: dict[tuple[str, str], list[tuple[int, Fault]]] = {}
        self._elsewhere = {fault: int(rates.of.get(fault, 0) * SPAN) for fault in ELSEWHERE}

    def of_call(
        self, use_case: str, call: str, kind: Kind, subject: str, drawn: tuple[int, int], now_ms: int
    ) -> Fault | None:
        """Return what goes wrong at a call, if anything; `drawn` is what was drawn for it."""
        if self.over:
            return None
        word, time = drawn
        for outage in self._rates.outages:
            if outage.covers(use_case, call, now_ms):
                cell = (use_case, call, outage.fault)
                struck = self._strikes(outage.fault, f"{use_case}/{call}, out", subject, time, cell)
                return outage.fault if struck else None
        site = (use_case, call)
        limits = self._limits.get(site)
        if limits is None:
            limits = self._limits[site] = self._thresholds(use_case, call, kind)
        point = word & (SPAN - 1)
        for limit, fault in limits:
            if point < limit:
                return fault if self._strikes(fault, f"{use_case}/{call}", subject, time, (*site, fault)) else None
        return None

    def strikes(self, fault: Fault, site: str, subject: str) -> bool:
        """Tell whether a fault strikes here."""
        limit = self._elsewhere[fault]
        if self.over or not limit:
            return False
        word, time = self._chance.draw(f"{fault}@{site}", subject)
        return word & (SPAN - 1) < limit and self._strikes(fault, site, subject, time, None)

    def _strikes(self, fault: Fault, site: str, subject: str, time: int, cell: Cell | None) -> bool:
        name = f"{fault} @ {site} of {subject}, time {time + 1}"
        if name in self._spared:
            return False
        self.counts[fault] += 1
        if cell is not None:
            self.cells[cell] += 1
        self._struck(fault, name, subject)
        return True

    def _thresholds(self, use_case: str, call: str, kind: Kind) -> list[tuple[int, Fault]]:
        limits: list[tuple[int, Fault]] = []
        reached = 0.0
        for fault in AT_CALLS[kind]:
            rate = self._rates.cells.get((use_case, call, fault), self._rates.of.get(fault, 0))
            if rate:
                reached += rate
                limits.append((int(reached * SPAN), fault))
        return limits
