"""Which status may follow which, and the one way in which a timer moves on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from minoots_kernel.domain.errors import StateConflictError
from minoots_kernel.domain.timer import ActionState, ActionStatus, Moment, Status, Timer

__all__ = ["MAX_TIMELINE", "MOVES", "Event", "Transition", "explained", "moved"]

Event = str | tuple[str, str]
"""What happened, in the contract's words; or that, and what it was."""

_AFTER_A_WAKE_UP: Final = (Status.FIRED, Status.SETTLED, Status.CANCELLED, Status.FAILED)

MOVES: Final[dict[Status, frozenset[Status]]] = {
    #  from              to
    Status.SCHEDULED: frozenset({Status.ARMED, Status.PAUSED, *_AFTER_A_WAKE_UP}),
    Status.ARMED: frozenset({Status.SCHEDULED, Status.PAUSED, *_AFTER_A_WAKE_UP}),
    Status.PAUSED: frozenset({Status.SCHEDULED, Status.CANCELLED}),
    Status.FIRED: frozenset({Status.FIRED, Status.SETTLED, Status.FAILED}),
    Status.SETTLED: frozenset({Status.FIRED}),
    Status.FAILED: frozenset({Status.FIRED}),
    Status.CANCELLED: frozenset(),
}
"""Every legal change of status. `scheduled → fired` is the near leg, whose wake-up needs no write of its own;
`→ settled` at once is a timer with no action, `→ failed` one that was too late; `armed → scheduled` is a due time that
moved, which has to be armed afresh; `fired → fired` is an attempt that is not the last; `failed → fired` and
`settled → fired` are a dead letter that is redriven: what settled has some if a callback failed, or an action that
was made good by its stand-by."""

MAX_TIMELINE: Final = 40


@dataclass(frozen=True, slots=True)
class Transition:
    """What a command made of a timer; with no change `before` and `timer` are one object and there are no events."""

    before: Timer
    timer: Timer
    events: tuple[Moment, ...] = ()

    @property
    def released(self) -> list[ActionState]:
        """The actions that this transition dispatched."""
        earlier = {state.id for state in self.before.actions if state.status is ActionStatus.DISPATCHED}
        return [
            state for state in self.timer.actions if state.status is ActionStatus.DISPATCHED and state.id not in earlier
        ]


def moved(
    timer: Timer,
    now_ms: int,
    events: tuple[Event, ...],
    *,
    by: str | None = None,
    note: str | None = None,
    **changes: Any,
) -> Transition:
    """Move a timer on by one version.

    Args:
        timer: The timer.
        now_ms: The service's clock, epoch milliseconds.
        events: What happened, in the contract's words; entries of the timeline.
        by: Who asked for it, for the entries.
        note: Why, or what it was, for the entries.
        changes: The fields that change.

    Raises:
        StateConflictError: If the status may not follow the one before.
    """
    status = changes.get("status", timer.status)
    if status is not timer.status and status not in MOVES[timer.status]:
        raise StateConflictError(f"a timer that is {timer.status} cannot become {status}")
    version = timer.version + 1
    named = ((event, note) if isinstance(event, str) else event for event in events)
    moments = tuple(Moment(event, now_ms, version, by, about) for event, about in named)
    timeline = (*timer.timeline, *moments)
    if len(timeline) > MAX_TIMELINE:
        timeline = (timeline[0], *timeline[1 - MAX_TIMELINE :])
    # Whoever asks for this write says so after it; what the kernel does by itself nobody asked for.
    return Transition(timer, replace(timer, version=version, timeline=timeline, via=None, **changes), moments)


def explained(before: Timer, transition: Transition, by: str | None, note: str | None) -> Transition:
    """Say of the first event of a transition who did it and why.

    Args:
        before: What the transition began with.
        transition: What it came to.
        by: Who did it.
        note: Why, or what it was.
    """
    events, timer = transition.events, transition.timer
    if not events or (by is None and note is None):
        return replace(transition, before=before)
    first = replace(events[0], by=by, note=note)
    told = (*timer.timeline[: -len(events)], first, *events[1:])
    return Transition(before, replace(timer, timeline=told), (first, *events[1:]))
