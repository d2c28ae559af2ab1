"""Who did what, from where, and whether they might: entries that are written once and never changed."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Literal

from minoots_kernel.domain.authority import Thing
from minoots_kernel.domain.events import TimerChange
from minoots_kernel.domain.timer import Via

__all__ = ["ANY_ENTRY", "AuditEntry", "AuditFilter", "Outcome", "entry_id", "entry_of_change", "thing_entry"]

Outcome = Literal["allowed", "refused"]

DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that somebody did, or was not let do.

    Attributes:
        tenant_id: Whose audit it is in.
        id: Sorts by time; see `entry_id`.
        at_ms: When, epoch milliseconds.
        via: Who asked for what, and from where.
        outcome: Whether it was allowed.
        thing_type: The sort of thing that it was about.
        thing_id: Its id or name; empty where it is not known.
        version: What the change made the timer's version.
        reason: Why it was refused.
        user_agent: What the caller said it is.
        count: How many refusals like it there had been in that minute, this one among them; one if it stands alone.
    """

    tenant_id: str
    id: str
    at_ms: int
    via: Via
    outcome: Outcome
    thing_type: str
    thing_id: str = ""
    version: int | None = None
    reason: str | None = None
    user_agent: str | None = None
    count: int = 1

    def ends_at_s(self, kept_days: int) -> int:
        """Return when its time is over, epoch seconds.

        Args:
            kept_days: How long entries are kept of a tenant that says nothing else.
        """
        return self.at_ms // 1000 + (self.via.kept_days or kept_days) * DAY_S


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are meant; those of which everything holds that is given. Times are epoch milliseconds."""

    subject: str | None = None
    key_id: str | None = None
    action: str | None = None
    thing_id: str | None = None
    outcome: Outcome | None = None
    request_id: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    @property
    def position(self) -> str | None:
        """Where a listing begins that goes back in time from `until_ms`."""
        return None if self.until_ms is None else _instant(self.until_ms)

    def ends_before(self, position: str) -> bool:
        """Tell whether nothing is meant that lies below a position of the listing."""
        return self.since_ms is not None and position <= _instant(self.since_ms)

    def matches(self, entry: AuditEntry) -> bool:
        """Tell whether an entry is meant."""
        asked = (
            (self.subject, entry.via.subject),
            (self.key_id, entry.via.key_id),
            (self.action, entry.via.action),
            (self.thing_id, entry.thing_id),
            (self.outcome, entry.outcome),
            (self.request_id, entry.via.request_id),
        )
        in_time = (self.since_ms is None or entry.at_ms >= self.since_ms) and (
            self.until_ms is None or entry.at_ms < self.until_ms
        )
        return in_time and all(wanted is None or wanted == found for wanted, found in asked)


ANY_ENTRY: Final = AuditFilter()


def entry_id(at_ms: int, what: str) -> str:
    """Return the id of an entry: its time, and what tells it from others of that time.

    Args:
        at_ms: When it happened, epoch milliseconds.
        what: Of one write always the same, so that the write is told once however often it is read.
    """
    return f"{_instant(at_ms)}-{blake2b(what.encode(), digest_size=8).hexdigest()}"


def entry_of_change(change: TimerChange) -> AuditEntry | None:
    """Return the entry of a stored change of a timer; none if no caller asked for it."""
    timer = change.after
    if timer.via is None or not timer.timeline or (change.before and change.before.version >= timer.version):
        return None
    at_ms = timer.timeline[-1].at_ms
    return AuditEntry(
        tenant_id=timer.tenant_id,
        id=entry_id(at_ms, f"{timer.id}:{timer.version}"),
        at_ms=at_ms,
        via=timer.via,
        outcome="allowed",
        thing_type="Timer",
        thing_id=timer.id,
        version=timer.version,
    )


def thing_entry(tenant_id: str, at_ms: int, via: Via, thing: Thing, *, user_agent: str | None) -> AuditEntry:
    """Return the entry of a change of something that is no timer, which is about to be made."""
    made_of = f"{via.request_id}:{via.action}:{thing.type}:{thing.id}"
    return AuditEntry(
        tenant_id, entry_id(at_ms, made_of), at_ms, via, "allowed", thing.type, thing.id, user_agent=user_agent
    )


def _instant(at_ms: int) -> str:
    return f"{at_ms:013d}"
