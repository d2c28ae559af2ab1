"""A history's entries, sorted by what they are about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from minoots_kernel.domain.messages import ActionMessage, WakeUp
from minoots_kernel.domain.timer import ActionState, ActionStatus, Status, Timer
from tests.simulation.faults import Fault
from tests.simulation.journal import (
    Acked,
    Answered,
    Armed,
    Asked,
    Called,
    Crashed,
    Entry,
    Fired,
    Posted,
    Published,
    Sent,
    Struck,
    Wrote,
)
from tests.simulation.world import History, name_of

__all__ = [
    "ENDED",
    "OPEN",
    "PENDING",
    "Facts",
    "leaves_waiting",
    "newly_released",
    "wrote_attempt",
    "wrote_discard",
    "wrote_fire",
    "wrote_redrive",
]


class Facts:
    """What the invariants look at.

    Attributes:
        writes: By timer id, in their order.
        posts: By timer id, in their order.
        hints: Hints sent, by timer id, in their order.
        ends: Every timer as it stands at the end, by id.
        asked: Requests, by the number of their order and of their attempt.
        heal_ms: When the time of faults was over.
        skew_ms: Most that a clock is off.
    """

    def __init__(self, history: History) -> None:
        self.history, self.plan, self.world = history, history.plan, history.world
        self.heal_ms, self.skew_ms = self.plan.heal_ms, self.plan.skew_ms
        self.ends = self.world.ports.store.by_id
        by_kind: defaultdict[type, list[Entry]] = defaultdict(list)
        for entry in history.journal.entries:
            by_kind[type(entry)].append(entry)
        self.all_writes: list[Wrote] = by_kind[Wrote]  # type: ignore[assignment]
        self.all_posts: list[Posted] = by_kind[Posted]  # type: ignore[assignment]
        self.sent: list[Sent] = by_kind[Sent]  # type: ignore[assignment]
        self.armed: list[Armed] = by_kind[Armed]  # type: ignore[assignment]
        self.scheduled: list[Fired] = by_kind[Fired]  # type: ignore[assignment]
        self.published: list[Published] = by_kind[Published]  # type: ignore[assignment]
        self.acks: list[Acked] = by_kind[Acked]  # type: ignore[assignment]
        self.forged_for = {ack.hint.timer_id for ack in self.acks if ack.forged and ack.hint is not None}
        self.answers: list[Answered] = by_kind[Answered]  # type: ignore[assignment]
        self.asked = {(one.order.number, one.attempt): one for one in history.journal.of(Asked)}
        self.strikes: list[Struck] = by_kind[Struck]  # type: ignore[assignment]
        self.crashes: list[Crashed] = by_kind[Crashed]  # type: ignore[assignment]
        self.calls: list[Called] = by_kind[Called]  # type: ignore[assignment]
        self.writes: defaultdict[str, list[Wrote]] = defaultdict(list)
        for write in self.all_writes:
            self.writes[write.after.id].append(write)
        self.posts: defaultdict[str, list[Posted]] = defaultdict(list)
        for post in self.all_posts:
            self.posts[post.timer_id].append(post)
        self.hints: defaultdict[str, list[Sent | Armed]] = defaultdict(list)
        for hint in sorted([*self.sent, *self.armed], key=lambda entry: entry.number):
            self.hints[hint_of(hint).timer_id].append(hint)

    @property
    def calm(self) -> bool:
        """Whether nothing went wrong."""
        return not self.strikes and not self.rebuilt

    @property
    def rebuilt(self) -> bool:
        """Whether the queues and schedules were lost, and all hints sent afresh."""
        return any(order.verb == "rebuild" for order in self.plan.orders)

    def fires(self, timer_id: str) -> list[Wrote]:
        """Return the writes that fired a timer."""
        return [write for write in self.writes[timer_id] if wrote_fire(write)]

    def woken(self, timer_id: str) -> list[Wrote]:
        """Return the writes by which a wake-up ended a timer's waiting: it fired, or was too late for its policy."""
        return [write for write in self.writes[timer_id] if leaves_waiting(write) and write.by.use_case == "fire_timer"]

    def due_set_at(self, write: Wrote) -> int:
        """Return when the due time was set upon which a write fired, epoch milliseconds, true time."""
        assert write.before is not None
        return next(one.at_ms for one in self.writes[write.after.id] if one.after.generation == write.before.generation)

    def disturbed(self, timer_id: str) -> bool:
        """Tell whether anything went wrong with what concerns a timer."""
        name = name_of(timer_id)

        def concerns(subject: str) -> bool:
            return subject == name or subject.startswith(f"{name}.")

        return (
            self.rebuilt
            or timer_id in self.forged_for
            or any(concerns(strike.subject) for strike in self.strikes)
            or any(concerns(str(crash.by)) for crash in self.crashes)
        )

    def arming_disturbed(self, timer_id: str) -> bool:
        """Tell whether anything went wrong with a timer, or with what arms and disarms.

        A forged hint may name any timer, and have its wake-up go on while the schedule of the lap before still stands.
        """
        return self.disturbed(timer_id) or any(
            strike.fault is Fault.FORGED_HINT or strike.subject.startswith("kernel_arm") for strike in self.strikes
        )

    def sent_between(self, write: Wrote, until: Entry, action_id: str, attempt: int) -> bool:
        """Tell whether the message of an attempt was sent after a write and before an entry, by whomever."""
        return any(
            write.number < entry.number < until.number and calls_for(hint_of(entry), action_id, attempt)
            for entry in self.hints[write.after.id]
        )


def hint_of(entry: Sent | Armed) -> WakeUp | ActionMessage:
    """Return the hint that was sent or scheduled."""
    return entry.message if isinstance(entry, Sent) else entry.wake_up


def calls_for(hint: WakeUp | ActionMessage, action_id: str, attempt: int) -> bool:
    """Tell whether a hint brings an attempt of an action about."""
    return hint.action_id == action_id and hint.attempt == attempt


def wrote_fire(write: Wrote) -> bool:
    """Tell whether a write fired its timer."""
    return write.before is not None and write.before.fired_at_ms is None and write.after.fired_at_ms is not None


def leaves_waiting(write: Wrote) -> bool:
    """Tell whether a write ended its timer's waiting, paused or not."""
    return write.before is not None and write.before.status in OPEN and write.after.status not in OPEN


def wrote_attempt(write: Wrote) -> tuple[ActionState, ActionState] | None:
    """Return an action before and after, if a write recorded an attempt of it."""
    return next(tried(write), None)


def tried(write: Wrote) -> Iterator[tuple[ActionState, ActionState]]:
    """Return each action of which a write changed the number of tries, before and after."""
    if write.before is not None:
        for before, after in zip(write.before.actions, write.after.actions, strict=True):
            if before.tries != after.tries:
                yield before, after


def newly_released(before: Timer, after: Timer) -> list[ActionState]:
    """Return the actions that a write dispatched."""
    waited = {state.id for state in before.actions if state.status is ActionStatus.WAITING}
    return [state for state in after.actions if state.id in waited and state.status is ActionStatus.DISPATCHED]


def wrote_redrive(write: Wrote) -> Iterator[tuple[ActionState, ActionState]]:
    """Return each action that a write redrove, before and after."""
    if write.before is not None:
        for before, after in zip(write.before.actions, write.after.actions, strict=True):
            if before.redriven.times != after.redriven.times:
                yield before, after


def wrote_discard(write: Wrote) -> Iterator[ActionState]:
    """Return each action whose dead letter a write discarded."""
    if write.before is not None:
        for before, after in zip(write.before.actions, write.after.actions, strict=True):
            if before.discarded != after.discarded:
                yield after


PENDING = frozenset({Status.SCHEDULED, Status.ARMED})
OPEN = PENDING | {Status.PAUSED}
ENDED = frozenset({Status.SETTLED, Status.FAILED, Status.CANCELLED})
