"""Builds the control plane."""

from __future__ import annotations

from collections.abc import Mapping
from secrets import token_bytes
from typing import Final

from minoots_kernel.adapters.cedar import CedarEngine
from minoots_kernel.adapters.dynamodb.command_template_store import DynamoCommandTemplateStore
from minoots_kernel.adapters.dynamodb.cursor_key import DynamoCursorKey
from minoots_kernel.adapters.dynamodb.dead_letter_store import DynamoDeadLetterStore
from minoots_kernel.adapters.dynamodb.inbox_store import DynamoInboxStore
from minoots_kernel.adapters.dynamodb.key_store import DynamoKeyStore
from minoots_kernel.adapters.dynamodb.policy_store import DynamoPolicyStore
from minoots_kernel.adapters.dynamodb.settings_store import DynamoSettingsStore
from minoots_kernel.adapters.dynamodb.tenant_store import DynamoTenantStore
from minoots_kernel.adapters.dynamodb.usage_store import DynamoUsageStore
from minoots_kernel.adapters.ids import Uuid7Ids
from minoots_kernel.adapters.json_schema import JsonSchemas
from minoots_kernel.adapters.webhook.guard import AddressGuard
from minoots_kernel.application.acknowledge_action import AcknowledgeAction
from minoots_kernel.application.authenticate import Authenticate
from minoots_kernel.application.authorise import Authorise
from minoots_kernel.application.change_of_mind import ChangeOfMind
from minoots_kernel.application.check_receivers import CheckReceivers
from minoots_kernel.application.create_timer import CreateTimer
from minoots_kernel.application.create_timers import CreateTimers
from minoots_kernel.application.destinations import DestinationUseCases
from minoots_kernel.application.discard_dead_letters import DiscardDeadLetters
from minoots_kernel.application.heartbeat_timer import HeartbeatTimer
from minoots_kernel.application.keep_audit import NoteRefusals, ReadAudit
from minoots_kernel.application.keep_command_templates import KeepCommandTemplates
from minoots_kernel.application.keep_keys import KeepKeys
from minoots_kernel.application.keep_policies import KeepPolicies
from minoots_kernel.application.keep_settings import KeepSettings
from minoots_kernel.application.keep_tenants import KeepTenants
from minoots_kernel.application.known_policies import KnownPolicies
from minoots_kernel.application.limits import Limits
from minoots_kernel.application.ports import Metrics
from minoots_kernel.application.prepare_actions import PrepareActions
from minoots_kernel.application.read_dead_letters import GetDeadLetter, ListDeadLetters
from minoots_kernel.application.read_timers import GetTimer, ListTimers
from minoots_kernel.application.read_usage import ReadUsage
from minoots_kernel.application.redrive_dead_letters import RedriveDeadLetters
from minoots_kernel.application.update_timer import UpdateTimer
from minoots_kernel.application.use_inbox import UseInbox
from minoots_kernel.bootstrap import parts, surroundings
from minoots_kernel.bootstrap.lazy import Handler
from minoots_kernel.bootstrap.tokens import tokens
from minoots_kernel.config import Settings
from minoots_kernel.interfaces.rest.app import ControlPlane
from minoots_kernel.interfaces.rest.cursors import Cursors
from minoots_kernel.interfaces.rest.edge import Edge
from minoots_kernel.interfaces.rest.use_cases import UseCases
from minoots_kernel.observability import observed

__all__ = ["build"]

BATCH_THREADS: Final = 16
"""How many timers of a batch are stored at a time, of those that have keys."""


def build(env: Mapping[str, str]) -> Handler:
    """Make the handler of HTTP API events."""
    settings = Settings.from_env(env, "table", "wake_queue_url", "secrets_key", "acknowledgement_machine")
    return observed(settings, lambda metrics: _control_plane(settings, env, metrics))


def _control_plane(settings: Settings, env: Mapping[str, str], metrics: Metrics) -> Edge:
    clock, store = surroundings.clock(), parts.timer_store(settings, env)
    dynamodb, wake_queue = parts.client("dynamodb", env), parts.wake_queue(settings, env)
    templates = DynamoCommandTemplateStore(dynamodb, settings.table)
    letters = DynamoDeadLetterStore(dynamodb, settings.table)
    schemas = JsonSchemas()
    prepare_actions = PrepareActions(parts.allowed_targets(settings), templates, schemas)
    destinations = parts.destinations(settings, env)
    refusal = AddressGuard(settings.allowed_private_hosts).refusal
    checks = (CheckReceivers(destinations, refusal),)
    keys, cache_ms = DynamoKeyStore(dynamodb, settings.table), settings.key_cache_s * 1000
    policies, engine = DynamoPolicyStore(dynamodb, settings.table), CedarEngine()
    known = KnownPolicies(policies, engine, clock, cache_ms)
    workflow = parts.acknowledgement_workflow(settings, env)
    acknowledge = AcknowledgeAction(store, workflow, wake_queue, clock, metrics)
    audit = parts.audit(settings, env)
    keep_settings = KeepSettings(DynamoSettingsStore(dynamodb, settings.table), clock)
    tenants, usage = DynamoTenantStore(dynamodb, settings.table), DynamoUsageStore(dynamodb, settings.table)
    enforced = settings.limits == "enforced"
    limits = Limits(usage, clock) if enforced else None
    keep_keys = KeepKeys(keys, clock, token_bytes, cache_ms)
    create = CreateTimer(
        store,
        wake_queue,
        clock,
        Uuid7Ids(),
        prepare_actions,
        settings.late_policy,
        checks,
        keep_settings.retry_policy,
        limits,
    )
    use_cases = UseCases(
        create_timer=create,
        create_timers=CreateTimers(create, surroundings.message_pool(BATCH_THREADS).map),
        get_timer=GetTimer(store),
        list_timers=ListTimers(store),
        change_of_mind=ChangeOfMind(store, wake_queue, clock, limits),
        update_timer=UpdateTimer(store, clock, prepare_actions, checks, limits),
        heartbeat_timer=HeartbeatTimer(store, clock),
        list_dead_letters=ListDeadLetters(letters),
        get_dead_letter=GetDeadLetter(letters),
        redrive=RedriveDeadLetters(store, letters, wake_queue, clock),
        discard=DiscardDeadLetters(store, letters, clock),
        use_inbox=UseInbox(DynamoInboxStore(dynamodb, settings.table), clock, store, acknowledge),
        command_templates=KeepCommandTemplates(templates, clock, schemas),
        destinations=DestinationUseCases.over(
            destinations, parts.secret_box(settings, env), clock, token_bytes, refusal
        ),
        keys=keep_keys,
        policies=KeepPolicies(policies, engine, known, clock),
        settings=keep_settings,
        acknowledge_action=acknowledge,
        read_audit=ReadAudit(audit),
        tenants=KeepTenants(tenants, keep_keys, clock),
        usage=ReadUsage(usage, clock, enforced, None if settings.audit == "none" else settings.audit_days),
        cursors=Cursors(DynamoCursorKey(dynamodb, settings.table, token_bytes)),
    )
    authenticate = Authenticate(keys, clock, cache_ms, tokens(settings), tenants)
    kept = None if settings.audit == "none" else audit
    authorise = Authorise(known, clock, settings.policy_log_percent, audit=kept, timers_tell=settings.audit == "all")
    noted = None if kept is None else NoteRefusals(kept, clock)
    control_plane = ControlPlane(authenticate, authorise, use_cases, metrics, noted, limits)
    return Edge(control_plane, settings.allowed_origins)
