"""Builds the function that tells executions of the state machine what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minoots_kernel.adapters.dynamodb.dead_letter_store import DynamoDeadLetterStore
from minoots_kernel.adapters.stepfunctions import next_move_to_json
from minoots_kernel.application.finish_asking import FinishAsking
from minoots_kernel.application.look_after_ask import LookAfterAsk
from minoots_kernel.application.ports import Metrics, TimerKey
from minoots_kernel.bootstrap import parts, surroundings
from minoots_kernel.bootstrap.lazy import Handler
from minoots_kernel.config import Settings
from minoots_kernel.observability import observed

__all__ = ["build"]


def build(env: Mapping[str, str]) -> Handler:
    """Make the handler of the state machine's task: `{"tenantId", "timerId", "actionId", "driver"}`."""
    settings = Settings.from_env(env, "table", "action_queue_url")
    store, clock = parts.timer_store(settings, env), surroundings.clock()
    dead_letters = DynamoDeadLetterStore(parts.client("dynamodb", env), settings.table)
    action_queue = parts.action_queue(settings, env)

    def make(metrics: Metrics) -> Handler:
        look = LookAfterAsk(store, FinishAsking(store, dead_letters, action_queue, clock, metrics), clock)

        def handler(event: Any, _context: object) -> dict[str, Any]:
            move = look(TimerKey(event["tenantId"], event["timerId"]), event["actionId"], event["driver"])
            return next_move_to_json(move)

        return handler

    return observed(settings, make)
