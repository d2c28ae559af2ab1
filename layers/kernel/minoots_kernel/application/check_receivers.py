"""Look at whom a new timer will call: can each webhook be filled in, and does all go where its destination allows?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from minoots_contract.actions import Action
from minoots_contract.agents import AGENT_KINDS, AgentBinding
from minoots_contract.destinations import DEFAULT_DESTINATION
from minoots_contract.templates import Budget
from minoots_contract.urls import lies_under
from minoots_contract.webhooks import WebhookParameters
from minoots_kernel.application.ports import DestinationStore
from minoots_kernel.domain.action_context import timer_budget
from minoots_kernel.domain.chains import Asking, Step, chain_of, example_asking
from minoots_kernel.domain.destinations import Destination
from minoots_kernel.domain.errors import InvalidTimerError
from minoots_kernel.domain.rendering import UnrenderableError, render_webhook
from minoots_kernel.domain.timer import Timer

__all__ = ["CheckReceivers"]


@dataclass(frozen=True, slots=True)
class CheckReceivers:
    """Refuse a timer whose receivers could never be called, while somebody is there to be told.

    Attributes:
        refusal: Says of a URL why nothing would ever be sent there; none if that is not to be seen from its text.
    """

    destinations: DestinationStore
    refusal: Callable[[str], str | None]

    def __call__(self, timer: Timer) -> None:
        """Check every receiver of a timer that is about to be stored.

        Raises:
            InvalidTimerError: If a placeholder leads nowhere, what comes of it cannot be sent, a destination does not
                exist or is for other URLs, or the address that a URL has for its host may not be reached; every fault
                is named with its field.
            DependencyUnavailableError: If the store of destinations does not answer.
        """
        receivers = [*_receivers(timer)]
        names = {one.destination for one in receivers if one.destination not in {None, DEFAULT_DESTINATION}}
        found = self.destinations.get_many(timer.tenant_id, sorted(map(str, names))) if names else {}
        ways = _Ways(found, self.refusal, timer_budget())
        faults = [fault for one in receivers if (fault := one.fault(timer, ways))]
        if faults:
            raise InvalidTimerError("A receiver of the timer could not be called.", tuple(faults))


@dataclass(frozen=True, slots=True)
class _Ways:
    """What a timer's receivers are judged by.

    Attributes:
        whole: What filling in all of its webhooks may cost.
    """

    destinations: Mapping[str, Destination]
    refusal: Callable[[str], str | None]
    whole: Budget

    def fault(self, name: str | None, url: str | None, field: str) -> tuple[str, str] | None:
        """Return what is wrong with where something goes, and the field: the URL's, or the destination's beside it."""
        if name == DEFAULT_DESTINATION or name is None:
            missing = "give the URL, or a destination that has one" if name is None else _has_none(name)
            return self._astray(url, field) if url else (field, missing)
        beside = f"{field.rpartition('.')[0]}.destination"
        destination = self.destinations.get(name)
        if destination is None:
            return beside, f"there is no destination '{name}': make it with PUT /destinations/{name}"
        if destination.url is None and url is None:
            return field, _has_none(name)
        if url and destination.url and not lies_under(url, destination.url):
            return field, f"it does not lie under the URL of destination '{name}'"
        return self._astray(url, field) if url else self._astray(destination.url or "", beside)

    def _astray(self, url: str, field: str) -> tuple[str, str] | None:
        refusal = self.refusal(url)
        return (field, refusal) if refusal else None


def _has_none(destination: str) -> str:
    return f"give the URL: destination '{destination}' has none"


@dataclass(frozen=True, slots=True)
class _Webhook:
    field: str
    action_id: str
    parameters: WebhookParameters
    asking: Asking | None = None

    @property
    def destination(self) -> str | None:
        return self.parameters.destination

    def fault(self, timer: Timer, ways: _Ways) -> tuple[str, str] | None:
        try:
            rendered = render_webhook(timer, self.action_id, self.parameters, self.asking, whole=ways.whole)
        except UnrenderableError as error:
            return f"{self.field}.{error.field}", str(error)
        return ways.fault(self.destination, rendered.url, f"{self.field}.url")


@dataclass(frozen=True, slots=True)
class _Agent:
    field: str
    binding: AgentBinding

    @property
    def destination(self) -> str | None:
        return self.binding.destination

    def fault(self, _timer: Timer, ways: _Ways) -> tuple[str, str] | None:
        if self.binding.adapter == "inbox":
            return None  # its target is no URL
        return ways.fault(self.destination, self.binding.target, f"{self.field}.target")


def _receivers(timer: Timer) -> Iterator[_Webhook | _Agent]:
    """Yield the webhooks and the agents that a timer names."""
    binding = timer.spec.agent_binding
    if binding is not None:
        yield _Agent("agentBinding", binding)
    for place, action in timer.spec.bundle.placed() if timer.spec.bundle else ():
        field = f"actionBundle.{place}.parameters"
        if action.kind == "webhook":
            yield _Webhook(field, action.id, action.webhook())
        elif action.kind in AGENT_KINDS:
            yield from _agents(timer, action, field)


def _agents(timer: Timer, action: Action, field: str) -> Iterator[_Webhook | _Agent]:
    """Yield an action's own agent, and whoever is asked when an agent does not acknowledge."""
    own = action.parameters.get("binding")
    if isinstance(own, dict):
        yield _Agent(f"{field}.binding", AgentBinding.model_validate(own, by_alias=True, by_name=False))
    chain = chain_of(timer, action.id)
    for step in chain.steps[1:] if chain else ():
        yield _escalation(step, f"{field}.requiresAcknowledgement.escalation[{step.number - 1}]")


def _escalation(step: Step, field: str) -> _Webhook | _Agent:
    if step.binding is not None:
        return _Agent(f"{field}.binding", step.binding)
    return _Webhook(f"{field}.webhook", step.action.id, step.action.webhook(), example_asking(step))
