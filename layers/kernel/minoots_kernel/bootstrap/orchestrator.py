"""Builds the function that runs the actions of fired timers."""

from __future__ import annotations

from collections.abc import Mapping

from minoots_kernel.adapters.dynamodb.dead_letter_store import DynamoDeadLetterStore
from minoots_kernel.adapters.targets import AwsTargets
from minoots_kernel.adapters.webhook.guard import AddressGuard
from minoots_kernel.adapters.webhook.sender import HttpWebhookSender
from minoots_kernel.application.performers.webhook import WebhookPerformer
from minoots_kernel.application.performers.workflow_event import WorkflowEventPerformer
from minoots_kernel.application.ports import ActionPerformer, Metrics
from minoots_kernel.application.run_action import RunAction
from minoots_kernel.bootstrap import parts, surroundings
from minoots_kernel.bootstrap.lazy import Handler
from minoots_kernel.config import Settings
from minoots_kernel.domain.messages import ActionMessage
from minoots_kernel.interfaces.queues import QueueConsumer
from minoots_kernel.observability import observed

__all__ = ["build"]

MAX_BATCH = 5
"""The batch size of the queue's mapping in the template."""


def build(env: Mapping[str, str]) -> Handler:
    """Make the handler of action queue events."""
    settings = Settings.from_env(env, "table", "wake_queue_url", "action_queue_url", "event_bus", *parts.SCHEDULING)
    store, clock = parts.timer_store(settings, env), surroundings.clock()
    dead_letters = DynamoDeadLetterStore(parts.client("dynamodb", env), settings.table)
    wake_queue, action_queue = parts.wake_queue(settings, env), parts.action_queue(settings, env)
    schedules = parts.schedules(settings, env)
    webhooks = HttpWebhookSender(AddressGuard(settings.allowed_private_hosts))
    targets = AwsTargets(lambda service, region: parts.client_in(service, region, env), settings.event_bus)
    performers: dict[str, ActionPerformer] = {
        "webhook": WebhookPerformer(webhooks),
        "workflow_event": WorkflowEventPerformer(targets, parts.allowed_targets(settings)),
    }

    visibility = parts.visibility(settings.action_queue_url, env)

    def make(metrics: Metrics) -> Handler:
        run = RunAction(store, dead_letters, wake_queue, schedules, action_queue, performers, clock, metrics)
        return QueueConsumer(
            lambda body, again: run(ActionMessage.from_json(body), again=again),
            MAX_BATCH,
            visibility,
            surroundings.message_pool,
        )

    return observed(settings, make)
