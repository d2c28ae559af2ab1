"""Every port in memory, for tests and simulations; the conformance suites hold them to what the real ones do."""

from __future__ import annotations

from minoots_kernel.adapters.memory.acknowledgement_workflow import MemoryAcknowledgementWorkflow
from minoots_kernel.adapters.memory.audit_store import MemoryAuditStore
from minoots_kernel.adapters.memory.bus import MemoryEventBus
from minoots_kernel.adapters.memory.circuit_store import MemoryCircuitStore
from minoots_kernel.adapters.memory.clock import VirtualClock
from minoots_kernel.adapters.memory.command_template_store import MemoryCommandTemplateStore
from minoots_kernel.adapters.memory.cursor_key import MemoryCursorKey
from minoots_kernel.adapters.memory.dead_letter_store import MemoryDeadLetterStore
from minoots_kernel.adapters.memory.destination_store import MemoryDestinationStore
from minoots_kernel.adapters.memory.ids import SequentialIds
from minoots_kernel.adapters.memory.inbox_store import MemoryInboxStore
from minoots_kernel.adapters.memory.key_store import MemoryKeyStore
from minoots_kernel.adapters.memory.metrics import MemoryMetrics
from minoots_kernel.adapters.memory.parked_record_store import MemoryParkedRecordStore
from minoots_kernel.adapters.memory.policy_store import MemoryPolicyStore
from minoots_kernel.adapters.memory.queues import MemoryActionQueue, MemoryWakeQueue, Sent
from minoots_kernel.adapters.memory.schedules import MemoryWakeSchedules, Schedule
from minoots_kernel.adapters.memory.secret_box import MemorySecretBox
from minoots_kernel.adapters.memory.settings_store import MemorySettingsStore
from minoots_kernel.adapters.memory.targets import MemoryTargets
from minoots_kernel.adapters.memory.tenant_store import MemoryTenantStore
from minoots_kernel.adapters.memory.timer_store import MemoryTimerStore
from minoots_kernel.adapters.memory.usage_store import MemoryUsageStore

__all__ = [
    "MemoryAcknowledgementWorkflow",
    "MemoryActionQueue",
    "MemoryAuditStore",
    "MemoryCircuitStore",
    "MemoryCommandTemplateStore",
    "MemoryCursorKey",
    "MemoryDeadLetterStore",
    "MemoryDestinationStore",
    "MemoryEventBus",
    "MemoryInboxStore",
    "MemoryKeyStore",
    "MemoryMetrics",
    "MemoryParkedRecordStore",
    "MemoryPolicyStore",
    "MemorySecretBox",
    "MemorySettingsStore",
    "MemoryTargets",
    "MemoryTenantStore",
    "MemoryTimerStore",
    "MemoryUsageStore",
    "MemoryWakeQueue",
    "MemoryWakeSchedules",
    "Schedule",
    "Sent",
    "SequentialIds",
    "VirtualClock",
]
