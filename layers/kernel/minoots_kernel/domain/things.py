"""What the kernel keeps, as policies see it: the attributes of `policies/minoots.cedarschema`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from minoots_kernel.domain.api_keys import ApiKey
from minoots_kernel.domain.authority import Thing, timer_as_thing
from minoots_kernel.domain.command_templates import CommandTemplate
from minoots_kernel.domain.dead_letters import DeadLetter
from minoots_kernel.domain.destinations import Destination
from minoots_kernel.domain.tenants import Tenant
from minoots_kernel.domain.timer import Timer

__all__ = ["thing_of"]


def _timer(timer: Timer) -> Thing:
    return timer_as_thing(
        timer.id,
        name=timer.name,
        status=timer.status.value,
        requested_by=timer.requested_by,
        fire_at_ms=timer.fire_at_ms,
        labels=timer.spec.labels,
    )


def _dead_letter(letter: DeadLetter) -> Thing:
    attributes = {"timerId": letter.timer_id, "actionId": letter.action_id, "kind": letter.kind}
    return Thing("DeadLetter", letter.id, attributes, letter.labels)


def _destination(destination: Destination) -> Thing:
    return Thing("Destination", destination.name, {"url": destination.url or ""})


def _template(template: CommandTemplate) -> Thing:
    return Thing("CommandTemplate", template.name)


def _key(key: ApiKey) -> Thing:
    return Thing("Key", key.id, {"name": key.name, "roles": frozenset(key.roles)})


def _tenant(tenant: Tenant) -> Thing:
    return Thing("Tenant", tenant.id)


_AS_THINGS: Final[dict[type, Callable[[Any], Thing]]] = {
    Thing: lambda thing: thing,
    Timer: _timer,
    DeadLetter: _dead_letter,
    Destination: _destination,
    CommandTemplate: _template,
    ApiKey: _key,
    Tenant: _tenant,
}


def thing_of(kept: object) -> Thing:
    """Return something that is kept as policies see it."""
    return _AS_THINGS[type(kept)](kept)
