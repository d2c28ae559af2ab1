"""Builds the function that publishes events from the table's stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from minoots_kernel.adapters.dynamodb.images import read_change
from minoots_kernel.adapters.dynamodb.parked_record_store import DynamoParkedRecordStore
from minoots_kernel.adapters.eventbridge import EventBridgeBus
from minoots_kernel.application.audit_changes import AuditChanges
from minoots_kernel.application.publish_events import PublishEvents
from minoots_kernel.bootstrap import parts, surroundings
from minoots_kernel.bootstrap.lazy import Handler
from minoots_kernel.config import Settings
from minoots_kernel.domain.events import TimerChange
from minoots_kernel.interfaces.streams import StreamConsumer
from minoots_kernel.observability import observed

__all__ = ["build"]


def build(env: Mapping[str, str]) -> Handler:
    """Make the handler of DynamoDB stream events."""
    settings = Settings.from_env(env, "table", "event_bus")
    clock = surroundings.clock()
    tell: Callable[[Sequence[TimerChange]], set[int]] = _nobody
    if settings.bus_events != "none":
        bus = EventBridgeBus(parts.client("events", env), settings.event_bus)
        tell = PublishEvents(bus, outcomes_only=settings.bus_events == "outcomes")
    if settings.audit == "all":
        tell = AuditChanges(parts.audit(settings, env), tell)
    parked = DynamoParkedRecordStore(parts.client("dynamodb", env), settings.table, clock)
    return observed(settings, lambda _metrics: StreamConsumer("event_fabric", read_change, tell, parked, clock))


def _nobody(_changes: Sequence[TimerChange]) -> set[int]:
    return set()
