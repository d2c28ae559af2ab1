"""The events of a stored change: what the new timeline has that the old one has not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from minoots_contract.events import CloudEvent, TimerEventData, event_type
from minoots_kernel.domain.timer import Moment, Timer
from minoots_kernel.domain.views import timer_reply

__all__ = ["TimerChange", "cloud_events"]

_SECRET: Final = frozenset({"actionBundle", "agentBinding"})
_LARGE: Final = frozenset({"metadata", "labels"})


@dataclass(frozen=True, slots=True)
class TimerChange:
    """A timer before and after a write.

    Attributes:
        before: None when the write made the timer.
        whole: Whether the timers carry their specs; a large one does not travel with the stream.
    """

    before: Timer | None
    after: Timer
    whole: bool = True


def cloud_events(change: TimerChange) -> list[tuple[Moment, CloudEvent]]:
    """Return the events of a change, oldest first, each with its moment in the timeline.

    The dedupe key is `timer:<tenant>:<id>:<stateVersion>`; when one write makes several events (a timer without actions
    fires and settles at once), those after the first add `:<event>`, so that no two events share a key.
    """
    timer = change.after
    known = change.before.version if change.before else 0
    moments = [moment for moment in timer.timeline if moment.version > known]
    left_out = _SECRET if change.whole else _SECRET | _LARGE
    shown = {name: value for name, value in timer_reply(timer).wire().items() if name not in left_out}
    data = TimerEventData(timer=shown).wire()
    events: list[tuple[Moment, CloudEvent]] = []
    keys: set[str] = set()
    for moment in moments:
        key = f"timer:{timer.tenant_id}:{timer.id}:{moment.version}"
        key = f"{key}:{moment.event}" if key in keys else key
        keys.add(key)
        event = CloudEvent(
            id=key,
            source=f"/tenants/{timer.tenant_id}/timers",
            type=event_type(moment.event),
            subject=timer.id,
            time=moment.at_ms,
            tenantid=timer.tenant_id,
            dedupekey=key,
            stateversion=moment.version,
            data=data,
        )
        events.append((moment, event))
    return events
