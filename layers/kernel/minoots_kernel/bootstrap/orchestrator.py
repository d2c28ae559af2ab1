"""Builds the function that runs the actions of fired timers."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import cache
from secrets import token_bytes

import httpx

from minoots_kernel.adapters.agents.http import HttpAgentReceiver
from minoots_kernel.adapters.agents.inbox import InboxReceiver
from minoots_kernel.adapters.agents.mcp import McpReceiver
from minoots_kernel.adapters.dynamodb.command_template_store import DynamoCommandTemplateStore
from minoots_kernel.adapters.dynamodb.dead_letter_store import DynamoDeadLetterStore
from minoots_kernel.adapters.dynamodb.inbox_store import DynamoInboxStore
from minoots_kernel.adapters.targets import AwsTargets
from minoots_kernel.adapters.webhook.conversation import Conversations
from minoots_kernel.adapters.webhook.guard import AddressGuard
from minoots_kernel.adapters.webhook.sender import HttpWebhookSender
from minoots_kernel.application.address_book import AddressBook
from minoots_kernel.application.agent_ports import AgentReceiver
from minoots_kernel.application.ask_agents import AskAgents
from minoots_kernel.application.circuit_ports import Shield
from minoots_kernel.application.finish_asking import FinishAsking
from minoots_kernel.application.performers.agent import AgentPerformer
from minoots_kernel.application.performers.webhook import WebhookPerformer
from minoots_kernel.application.performers.workflow_event import WorkflowEventPerformer
from minoots_kernel.application.ports import ActionPerformer, Clock, Metrics
from minoots_kernel.application.run_action import RunAction
from minoots_kernel.bootstrap import parts, surroundings
from minoots_kernel.bootstrap.lazy import Handler
from minoots_kernel.bootstrap.shielding import shield_of
from minoots_kernel.config import Settings
from minoots_kernel.domain.messages import ActionMessage
from minoots_kernel.interfaces.queues import QueueConsumer
from minoots_kernel.observability import observed

__all__ = ["build"]

ASKING = ("public_url", "acknowledgement_machine")
"""The settings that asking for acknowledgements needs."""

MAX_BATCH = 5
"""The batch size of the queue's mapping in the template."""


def build(env: Mapping[str, str]) -> Handler:
    """Make the handler of action queue events."""
    needed = ("table", "wake_queue_url", "action_queue_url", "event_bus", "secrets_key", *parts.SCHEDULING, *ASKING)
    settings = Settings.from_env(env, *needed)
    store, clock = parts.timer_store(settings, env), surroundings.clock()
    dead_letters = DynamoDeadLetterStore(parts.client("dynamodb", env), settings.table)
    wake_queue, action_queue = parts.wake_queue(settings, env), parts.action_queue(settings, env)
    schedules = parts.schedules(settings, env)
    workflow = parts.acknowledgement_workflow(settings, env)
    visibility = parts.visibility(settings.action_queue_url, env)

    def make(metrics: Metrics) -> Handler:
        performers = _performers(settings, env, clock, shield_of(settings, env, clock, metrics))
        finish = FinishAsking(store, dead_letters, action_queue, clock, metrics)
        ask = AskAgents(store, workflow, finish, clock, token_bytes, settings.public_url)
        run = RunAction(store, dead_letters, wake_queue, schedules, action_queue, performers, clock, metrics, ask)
        return QueueConsumer(
            lambda body, again: run(ActionMessage.from_json(body), again=again),
            MAX_BATCH,
            visibility,
            surroundings.message_pool,
        )

    return observed(settings, make)


@cache
def _tls() -> ssl.SSLContext:
    """Return the process's context for all that goes out: reading the authorities' certificates costs some 50 ms."""
    return httpx.create_ssl_context(trust_env=False)


def _performers(settings: Settings, env: Mapping[str, str], clock: Clock, shield: Shield) -> dict[str, ActionPerformer]:
    guard = AddressGuard(settings.allowed_private_hosts)
    tls = _tls()
    webhooks = HttpWebhookSender(guard, tls=tls)
    targets = AwsTargets(lambda service, region: parts.client_in(service, region, env), settings.event_bus)
    dynamodb = parts.client("dynamodb", env)
    http = HttpAgentReceiver(webhooks)
    receivers: dict[str, AgentReceiver] = {
        "mcp": McpReceiver(Conversations(guard, tls)),
        "langchain": http,
        "autogen": http,
        "custom": http,
        "inbox": InboxReceiver(DynamoInboxStore(dynamodb, settings.table)),
    }
    book = AddressBook(parts.destinations(settings, env), parts.secret_box(settings, env), clock, shield)
    agents = AgentPerformer(receivers, DynamoCommandTemplateStore(dynamodb, settings.table), book)
    return {
        "webhook": WebhookPerformer(webhooks, book),
        "workflow_event": WorkflowEventPerformer(targets, parts.allowed_targets(settings)),
        "agent_prompt": agents,
        "command": agents,
    }
