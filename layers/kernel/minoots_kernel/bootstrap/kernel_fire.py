"""Builds the function that fires timers when their wake-ups come."""

from __future__ import annotations

from collections.abc import Mapping

from minoots_kernel.adapters.dynamodb.dead_letter_store import DynamoDeadLetterStore
from minoots_kernel.application.fire_timer import FireTimer
from minoots_kernel.application.ports import Metrics
from minoots_kernel.bootstrap import parts, surroundings
from minoots_kernel.bootstrap.lazy import Handler
from minoots_kernel.config import Settings
from minoots_kernel.domain.messages import WakeUp
from minoots_kernel.interfaces.queues import QueueConsumer
from minoots_kernel.observability import observed

__all__ = ["build"]

MAX_BATCH = 10
"""The batch size of the queue's mapping in the template."""


def build(env: Mapping[str, str]) -> Handler:
    """Make the handler of wake-up queue events."""
    settings = Settings.from_env(env, "table", "wake_queue_url", "action_queue_url", *parts.SCHEDULING)
    store, clock = parts.timer_store(settings, env), surroundings.clock()
    wake_queue, action_queue = parts.wake_queue(settings, env), parts.action_queue(settings, env)

    schedules = parts.schedules(settings, env)
    dead_letters = DynamoDeadLetterStore(parts.client("dynamodb", env), settings.table)
    visibility = parts.visibility(settings.wake_queue_url, env)

    def make(metrics: Metrics) -> Handler:
        fire = FireTimer(store, dead_letters, wake_queue, action_queue, schedules, clock, metrics)
        return QueueConsumer(
            lambda body, again: fire(WakeUp.from_json(body), again=again),
            MAX_BATCH,
            visibility,
            surroundings.message_pool,
        )

    return observed(settings, make)
