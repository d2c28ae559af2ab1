"""Builds the function that arms timers from the table's stream."""

from __future__ import annotations

from collections.abc import Mapping

from minoots_kernel.adapters.dynamodb.images import read_change
from minoots_kernel.adapters.dynamodb.parked_record_store import DynamoParkedRecordStore
from minoots_kernel.application.arm_timers import ArmTimers, DisarmTimer
from minoots_kernel.bootstrap import parts, surroundings
from minoots_kernel.bootstrap.lazy import Handler
from minoots_kernel.config import Settings
from minoots_kernel.interfaces.arming import ArmChanges
from minoots_kernel.interfaces.streams import StreamConsumer
from minoots_kernel.observability import observed

__all__ = ["build"]


def build(env: Mapping[str, str]) -> Handler:
    """Make the handler of DynamoDB stream events."""
    settings = Settings.from_env(env, "table", "wake_queue_url", *parts.SCHEDULING)
    clock = surroundings.clock()
    schedules = parts.schedules(settings, env)
    arm = ArmTimers(parts.timer_store(settings, env), parts.wake_queue(settings, env), schedules, clock)
    parked = DynamoParkedRecordStore(parts.client("dynamodb", env), settings.table, clock)
    handle = ArmChanges(arm, DisarmTimer(schedules))
    return observed(settings, lambda _metrics: StreamConsumer("kernel_arm", read_change, handle, parked, clock))
