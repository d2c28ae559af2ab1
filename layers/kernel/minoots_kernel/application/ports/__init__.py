"""What the use cases need of the world. Every adapter of a port passes the port's one conformance suite.

All calls may raise `DependencyUnavailableError` when the other side does not answer or refuses for load; the same call
may then succeed later, and, for writes, may have happened. A call that sends many messages raises only if none was
accepted; what is left over when the other side fails midway is returned as refused.
"""

from minoots_kernel.application.ports.basics import Clock, Delayed, IdFactory, Metrics, Page, TimerKey
from minoots_kernel.application.ports.messages import ActionQueue, EventBus, MessageVisibility, WakeQueue, WakeSchedules
from minoots_kernel.application.ports.performing import ActionPerformer, Performed, TargetSender, WebhookSender
from minoots_kernel.application.ports.stores import CursorKey, DeadLetterStore, DestinationStore, SecretBox, TimerStore

__all__ = [
    "ActionPerformer",
    "ActionQueue",
    "Clock",
    "CursorKey",
    "DeadLetterStore",
    "Delayed",
    "DestinationStore",
    "EventBus",
    "IdFactory",
    "MessageVisibility",
    "Metrics",
    "Page",
    "Performed",
    "SecretBox",
    "TargetSender",
    "TimerKey",
    "TimerStore",
    "WakeQueue",
    "WakeSchedules",
    "WebhookSender",
]
