"""What happened in a history, entry by entry; the invariants read nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from minoots_contract.events import CloudEvent
from minoots_kernel.domain.messages import ActionMessage, WakeUp
from minoots_kernel.domain.timer import Timer
from minoots_kernel.domain.webhooks import WebhookRequest

__all__ = [
    "Acked", "Answered", "Armed", "Asked", "Called", "Crashed", "Entry", "Fired", "Journal", "Posted", "Published",
    "Sent", "Struck", "Wrote",
]  # fmt: skip


@dataclass(slots=True)
class Entry:
    """One thing that happened. `at_ms` is true time; `number` is its place in the history; `by` who did it."""

    at_ms: int
    number: int
    by: Any


@dataclass(slots=True)
class Called(Entry):
    """A port call and how it ended."""

    call: str
    end: str
    about: str


@dataclass(slots=True)
class Wrote(Entry):
    """A write on a timer; `stood` is what stood in the store just before."""

    stood: Timer | None
    before: Timer | None
    after: Timer


@dataclass(slots=True)
class Sent(Entry):
    """A hint that a queue took, and when it may be delivered."""

    message: WakeUp | ActionMessage
    due_at_ms: int
    stood: Timer | None
    seen: Timer | None


@dataclass(slots=True)
class Armed(Entry):
    """A schedule that was asked for; `made` is false if there was one of its name."""

    wake_up: WakeUp
    at: int
    made: bool
    stood: Timer | None


@dataclass(slots=True)
class Fired(Entry):
    """A schedule put its wake-up on the queue."""

    wake_up: WakeUp
    stood: Timer | None


@dataclass(slots=True)
class Posted(Entry):
    """A receiver got a request; `seen` is the timer as its sender had last read it, `stood` as it stood."""

    request: WebhookRequest
    timer_id: str
    action_id: str
    attempt: int
    seen: Timer | None
    stood: Timer | None
    mood: str = ""
    retry_after_ms: int | None = None


@dataclass(slots=True)
class Published(Entry):
    """The bus took an event."""

    event: CloudEvent


@dataclass(slots=True)
class Acked(Entry):
    """A queue message or a stream record was taken for done."""

    hint: Any
    again: bool
    stood: Timer | None
    forged: bool = False


@dataclass(slots=True)
class Asked(Entry):
    """A caller sent a request; `version` is the one upon which they want it done, if they say."""

    order: Any
    attempt: int
    version: int | None


@dataclass(slots=True)
class Answered(Entry):
    """What a caller knows of a request: `outcome` is ok, error or unknown."""

    order: Any
    asked: Asked
    outcome: str
    value: Any
    timer_id: str | None


@dataclass(slots=True)
class Struck(Entry):
    """A fault."""

    fault: Any
    name: str
    subject: str


@dataclass(slots=True)
class Crashed(Entry):
    """An invocation ended where it stood."""

    why: str


E = TypeVar("E", bound=Entry)


@dataclass
class Journal:
    """Entries in their order.

    Attributes:
        broken: What broke that nothing broke: exceptions that no code should raise.
    """

    clock: Callable[[], int]
    entries: list[Entry] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def add(self, kind: type[E], by: Any, *data: Any) -> E:
        """Note that something happened now."""
        entry = kind(self.clock(), len(self.entries), by, *data)
        self.entries.append(entry)
        return entry

    def of(self, kind: type[E]) -> list[E]:
        """Return the entries of a kind, in their order."""
        return [entry for entry in self.entries if type(entry) is kind]
