"""Publish what happened to timers, as the stream of the table tells it (ADR 0001)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from minoots_contract.events import OUTCOME_EVENTS, CloudEvent
from minoots_kernel.application.ports import EventBus
from minoots_kernel.domain.events import TimerChange, cloud_events

__all__ = ["PublishEvents"]


@dataclass(frozen=True, slots=True)
class PublishEvents:
    """Publish the events of stored changes; off the firing path, at least once, the same id each time.

    Attributes:
        outcomes_only: Leave out everything but how timers ended: each event on a bus costs money.
    """

    bus: EventBus
    outcomes_only: bool = False

    def __call__(self, changes: Sequence[TimerChange]) -> set[int]:
        """Publish the events of each change.

        Returns:
            Indexes of the changes of which an event was not accepted: to be tried again.
        """
        owner: dict[str, int] = {}
        events: list[CloudEvent] = []
        for index, change in enumerate(changes):
            for moment, event in cloud_events(change):
                if self.outcomes_only and moment.event not in OUTCOME_EVENTS:
                    continue
                owner[event.id] = index
                events.append(event)
        refused = self.bus.publish(events) if events else []
        return {owner[event.id] for event in refused}
