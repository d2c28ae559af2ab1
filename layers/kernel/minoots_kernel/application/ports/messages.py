"""What is sent within the service, and out of it as events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from minoots_contract.events import CloudEvent
from minoots_kernel.application.ports.basics import Delayed
from minoots_kernel.domain.messages import ActionMessage, WakeUp

__all__ = ["ActionQueue", "EventBus", "MessageVisibility", "WakeQueue", "WakeSchedules"]


class WakeQueue(Protocol):
    """The queue of wake-ups."""

    def send(self, batch: Sequence[Delayed[WakeUp]]) -> list[Delayed[WakeUp]]:
        """Send wake-ups, any number, in as few calls as the queue allows.

        Returns:
            Those that the queue did not accept.
        """
        ...


class ActionQueue(Protocol):
    """The queue of attempts to make, fair between tenants."""

    def send(self, batch: Sequence[Delayed[ActionMessage]]) -> list[Delayed[ActionMessage]]:
        """Send action messages, any number, in as few calls as the queue allows.

        Returns:
            Those that the queue did not accept.
        """
        ...


class MessageVisibility(Protocol):
    """When a queue delivers again what it delivered."""

    def hide(self, receipt_handle: str, for_s: int) -> None:
        """Deliver a message again in so many seconds from now, whatever the queue's visibility timeout.

        Args:
            receipt_handle: The receipt of the delivery under way.
            for_s: 0 to 43,200 whole seconds.
        """
        ...


class WakeSchedules(Protocol):
    """One-shot schedules that put a wake-up on the wake queue."""

    def put(self, wake_up: WakeUp, at_ms: int) -> None:
        """Make the schedule named after the wake-up, for a whole second; one that exists already is left as it is."""
        ...

    def delete(self, wake_up: WakeUp) -> None:
        """Remove the schedule named after the wake-up; that there is none is no error."""
        ...


class EventBus(Protocol):
    """Where events of timers are published."""

    def publish(self, events: Sequence[CloudEvent]) -> list[CloudEvent]:
        """Publish events, any number.

        Returns:
            Those that the bus did not accept.
        """
        ...
