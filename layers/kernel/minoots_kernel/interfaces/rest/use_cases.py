"""What the routes call."""

from __future__ import annotations

from dataclasses import dataclass

from minoots_kernel.application.acknowledge_action import AcknowledgeAction
from minoots_kernel.application.change_of_mind import ChangeOfMind
from minoots_kernel.application.create_timer import CreateTimer
from minoots_kernel.application.create_timers import CreateTimers
from minoots_kernel.application.destinations import DestinationUseCases
from minoots_kernel.application.discard_dead_letters import DiscardDeadLetters
from minoots_kernel.application.heartbeat_timer import HeartbeatTimer
from minoots_kernel.application.keep_audit import ReadAudit
from minoots_kernel.application.keep_command_templates import KeepCommandTemplates
from minoots_kernel.application.keep_keys import KeepKeys
from minoots_kernel.application.keep_policies import KeepPolicies
from minoots_kernel.application.keep_settings import KeepSettings
from minoots_kernel.application.keep_tenants import KeepTenants
from minoots_kernel.application.read_dead_letters import GetDeadLetter, ListDeadLetters
from minoots_kernel.application.read_timers import GetTimer, ListTimers
from minoots_kernel.application.read_usage import ReadUsage
from minoots_kernel.application.redrive_dead_letters import RedriveDeadLetters
from minoots_kernel.application.update_timer import UpdateTimer
from minoots_kernel.application.use_inbox import UseInbox
from minoots_kernel.interfaces.rest.cursors import Cursors

__all__ = ["UseCases"]


@dataclass(frozen=True, slots=True)
class UseCases:
    """One use case of each sort, over one set of ports."""

    create_timer: CreateTimer
    create_timers: CreateTimers
    get_timer: GetTimer
    list_timers: ListTimers
    change_of_mind: ChangeOfMind
    update_timer: UpdateTimer
    heartbeat_timer: HeartbeatTimer
    list_dead_letters: ListDeadLetters
    get_dead_letter: GetDeadLetter
    redrive: RedriveDeadLetters
    discard: DiscardDeadLetters
    use_inbox: UseInbox
    command_templates: KeepCommandTemplates
    destinations: DestinationUseCases
    keys: KeepKeys
    policies: KeepPolicies
    settings: KeepSettings
    acknowledge_action: AcknowledgeAction
    read_audit: ReadAudit
    tenants: KeepTenants
    usage: ReadUsage
    cursors: Cursors
