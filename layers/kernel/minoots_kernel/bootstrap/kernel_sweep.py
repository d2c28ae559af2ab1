"""Builds the function that repairs what was lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from minoots_kernel.adapters.dynamodb.dead_letter_store import DynamoDeadLetterStore
from minoots_kernel.adapters.dynamodb.keys import CHECK_INDEX, CHECK_SHARDS
from minoots_kernel.application.ports import Clock, Metrics
from minoots_kernel.application.sweep_timers import FAR_FUTURE_MS, SweepReport, SweepTimers
from minoots_kernel.bootstrap import parts, surroundings
from minoots_kernel.bootstrap.lazy import Handler
from minoots_kernel.config import Settings
from minoots_kernel.observability import observed

__all__ = ["CHECKS", "build"]

CHECKS = (CHECK_INDEX, tuple(str(shard) for shard in range(CHECK_SHARDS)))
"""The index in which the sweep finds what it is to look at, and its partitions: with nothing in them up to now, in
epoch milliseconds, it does nothing."""

SPARE_MS = 5_000
"""Time left to end in good order before the function's timeout."""


def build(env: Mapping[str, str]) -> Handler:
    """Make the handler of the sweep's schedule.

    The event `{"rebuild": true}` sends every hint afresh instead; `sinceMs` and `untilMs` (epoch milliseconds) keep it
    to timers whose check is due between them. An answer that is not `complete` has a `resumeFrom`: put it into the next
    event.
    """
    settings = Settings.from_env(env, "table", "wake_queue_url", "action_queue_url", *parts.SCHEDULING)
    store, clock = parts.timer_store(settings, env), surroundings.clock()
    wake_queue, action_queue = parts.wake_queue(settings, env), parts.action_queue(settings, env)
    schedules = parts.schedules(settings, env)
    dead_letters = DynamoDeadLetterStore(parts.client("dynamodb", env), settings.table)

    def make(metrics: Metrics) -> Handler:
        sweep = SweepTimers(store, dead_letters, wake_queue, action_queue, schedules, clock, metrics)

        def handler(event: Any, context: Any) -> dict[str, Any]:
            deadline_ms = _deadline_ms(context, clock)
            if isinstance(event, dict) and event.get("rebuild") is True:
                since_ms, until_ms = int(event.get("sinceMs", 0)), int(event.get("untilMs", FAR_FUTURE_MS))
                shard, position = event.get("resumeFrom") or (0, None)
                return _shown(sweep.rebuild(since_ms, until_ms, deadline_ms, (shard, position)))
            return _shown(sweep(deadline_ms))

        return handler

    return observed(settings, make)


def _shown(report: SweepReport) -> dict[str, Any]:
    shown = asdict(report)
    return shown | {"resumeFrom": shown.pop("resume_from")}


def _deadline_ms(context: Any, clock: Clock) -> int:
    if not hasattr(context, "get_remaining_time_in_millis"):
        return FAR_FUTURE_MS
    return clock.now_ms() + int(context.get_remaining_time_in_millis()) - SPARE_MS
