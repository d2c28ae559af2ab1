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


class _Stores:
    """What the function keeps, all of it in the one table."""

    def __init__(self, settings: Settings, env: Mapping[str, str]) -> None:
        dynamodb, table = parts.client("dynamodb", env), settings.table
        self.timers = parts.timer_store(settings, env)
        self.destinations = parts.destinations(settings, env)
        self.audit = parts.audit(settings, env)
        self.letters = DynamoDeadLetterStore(dynamodb, table)
        self.templates = DynamoCommandTemplateStore(dynamodb, table)
        self.inboxes = DynamoInboxStore(dynamodb, table)
        self.keys = DynamoKeyStore(dynamodb, table)
        self.policies = DynamoPolicyStore(dynamodb, table)
        self.settings = DynamoSettingsStore(dynamodb, table)
        self.tenants = DynamoTenantStore(dynamodb, table)
        self.usage = DynamoUsageStore(dynamodb, table)
        self.cursor_key = DynamoCursorKey(dynamodb, table, token_bytes)


def _control_plane(settings: Settings, env: Mapping[str, str], metrics: Metrics) -> Edge:
    clock, stores, engine = surroundings.clock(), _Stores(settings, env), CedarEngine()
    known = KnownPolicies(stores.policies, engine, clock, settings.key_cache_s * 1000)
    limits = Limits(stores.usage, clock) if settings.limits == "enforced" else None
    use_cases = _use_cases(settings, env, metrics, stores, KeepPolicies(stores.policies, engine, known, clock), limits)
    authenticate = Authenticate(stores.keys, clock, settings.key_cache_s * 1000, tokens(settings), stores.tenants)
    kept = None if settings.audit == "none" else stores.audit
    authorise = Authorise(known, clock, settings.policy_log_percent, audit=kept, timers_tell=settings.audit == "all")
    noted = None if kept is None else NoteRefusals(kept, clock)
    control_plane = ControlPlane(authenticate, authorise, use_cases, metrics, noted, limits)
    return Edge(control_plane, settings.allowed_origins)


def _use_cases(
    settings: Settings,
    env: Mapping[str, str],
    metrics: Metrics,
    stores: _Stores,
    keep_policies: KeepPolicies,
    limits: Limits | None,
) -> UseCases:
    clock, wake_queue, schemas = surroundings.clock(), parts.wake_queue(settings, env), JsonSchemas()
    timers, letters = stores.timers, stores.letters
    refusal = AddressGuard(settings.allowed_private_hosts).refusal
    keep_settings = KeepSettings(stores.settings, clock)
    keep_keys = KeepKeys(stores.keys, clock, token_bytes, settings.key_cache_s * 1000)
    acknowledge = AcknowledgeAction(timers, parts.acknowledgement_workflow(settings, env), wake_queue, clock, metrics)
    create = CreateTimer(
        timers,
        wake_queue,
        clock,
        Uuid7Ids(),
        PrepareActions(parts.allowed_targets(settings), stores.templates, schemas),
        settings.late_policy,
        (CheckReceivers(stores.destinations, refusal),),
        keep_settings.retry_policy,
        limits,
    )
    secret_box, audit_days = parts.secret_box(settings, env), settings.audit_days
    return UseCases(
        create_timer=create,
        create_timers=CreateTimers(create, surroundings.message_pool(BATCH_THREADS).map),
        get_timer=GetTimer(timers),
        list_timers=ListTimers(timers),
        change_of_mind=ChangeOfMind(timers, wake_queue, clock, limits),
        update_timer=UpdateTimer(timers, clock, create.prepare_actions, create.checks, limits),
        heartbeat_timer=HeartbeatTimer(timers, clock),
        list_dead_letters=ListDeadLetters(letters),
        get_dead_letter=GetDeadLetter(letters),
        redrive=RedriveDeadLetters(timers, letters, wake_queue, clock),
        discard=DiscardDeadLetters(timers, letters, clock),
        use_inbox=UseInbox(stores.inboxes, clock, timers, acknowledge),
        command_templates=KeepCommandTemplates(stores.templates, clock, schemas),
        destinations=DestinationUseCases.over(stores.destinations, secret_box, clock, token_bytes, refusal),
        keys=keep_keys,
        policies=keep_policies,
        settings=keep_settings,
        acknowledge_action=acknowledge,
        read_audit=ReadAudit(stores.audit),
        tenants=KeepTenants(stores.tenants, keep_keys, clock),
        usage=ReadUsage(stores.usage, clock, limits is not None, None if settings.audit == "none" else audit_days),
        cursors=Cursors(stores.cursor_key),
    )
