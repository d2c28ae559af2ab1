"""Builds what stands before receivers."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from minoots_kernel.adapters.dynamodb.circuit_store import DynamoCircuitStore
from minoots_kernel.adapters.stopwatch import stopwatch
from minoots_kernel.application.circuit_ports import NO_SHIELD, Shield
from minoots_kernel.application.ports import Clock, Metrics
from minoots_kernel.application.protect import Protect
from minoots_kernel.bootstrap import parts
from minoots_kernel.config import Settings
from minoots_kernel.domain.circuits import Limits, Pace

__all__ = ["shield_of"]


def shield_of(settings: Settings, env: Mapping[str, str], clock: Clock, metrics: Metrics) -> Shield:
    """Make the shield that a deployment asks for."""
    if settings.protection == "off":
        return NO_SHIELD
    per_second = settings.tenant_per_second
    tenant = Limits(
        pace=Pace(per_second, max(1, ceil(per_second))) if per_second else None,
        max_in_flight=settings.tenant_max_in_flight or None,
    )
    circuits = DynamoCircuitStore(parts.client("dynamodb", env), settings.table, clock)
    return Protect(circuits, clock, metrics, stopwatch, tenant)
