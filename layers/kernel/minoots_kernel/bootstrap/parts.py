"""Adapters that several functions are built from."""

from __future__ import annotations

from collections.abc import Mapping

from minoots_kernel.adapters.aws import client
from minoots_kernel.adapters.clock import SystemClock
from minoots_kernel.adapters.dynamodb.timer_store import DynamoTimerStore
from minoots_kernel.adapters.scheduler import SchedulerWakeSchedules
from minoots_kernel.adapters.sqs import SqsActionQueue, SqsWakeQueue
from minoots_kernel.config import Settings

__all__ = ["SCHEDULING", "action_queue", "schedules", "timer_store", "wake_queue"]

SCHEDULING = ("wake_queue_arn", "schedule_group", "schedule_role_arn", "schedule_dlq_arn")
"""The settings that a function needs to make schedules."""


def timer_store(settings: Settings, env: Mapping[str, str]) -> DynamoTimerStore:
    """Make the store of timers."""
    return DynamoTimerStore(
        client("dynamodb", env), settings.table, retention_days=settings.retention_days, clock=SystemClock()
    )


def wake_queue(settings: Settings, env: Mapping[str, str]) -> SqsWakeQueue:
    """Make the queue of wake-ups."""
    return SqsWakeQueue(client("sqs", env), settings.wake_queue_url)


def action_queue(settings: Settings, env: Mapping[str, str]) -> SqsActionQueue:
    """Make the queue of attempts."""
    return SqsActionQueue(client("sqs", env), settings.action_queue_url)


def schedules(settings: Settings, env: Mapping[str, str]) -> SchedulerWakeSchedules:
    """Make the one-shot schedules."""
    return SchedulerWakeSchedules(
        client("scheduler", env),
        group=settings.schedule_group,
        target_arn=settings.wake_queue_arn,
        role_arn=settings.schedule_role_arn,
        dead_letter_arn=settings.schedule_dlq_arn,
    )
