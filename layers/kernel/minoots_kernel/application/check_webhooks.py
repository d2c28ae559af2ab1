"""Look at a new timer's webhooks: can each be filled in, and does it go where its destination allows?"""

from __future__ import annotations

from dataclasses import dataclass

from minoots_contract.destinations import DEFAULT_DESTINATION
from minoots_contract.urls import lies_under
from minoots_contract.webhooks import RenderedWebhook, WebhookParameters
from minoots_kernel.application.ports import DestinationStore
from minoots_kernel.domain.chains import Asking, chain_of, example_asking
from minoots_kernel.domain.destinations import Destination
from minoots_kernel.domain.errors import InvalidTimerError
from minoots_kernel.domain.rendering import UnrenderableError, render_webhook
from minoots_kernel.domain.timer import Timer

__all__ = ["CheckWebhooks"]


@dataclass(frozen=True, slots=True)
class CheckWebhooks:
    """Refuse a timer whose webhooks could never be sent, while somebody is there to be told."""

    destinations: DestinationStore

    def __call__(self, timer: Timer) -> None:
        """Check every webhook of a timer that is about to be stored.

        Raises:
            InvalidTimerError: If a placeholder leads nowhere, what comes of it cannot be sent, or the destination does
                not exist or is for other URLs; every fault is named with its field.
            DependencyUnavailableError: If the store of destinations does not answer.
        """
        webhooks = [*_of_actions(timer), *_of_escalations(timer)]
        names = {
            one.parameters.destination
            for one in webhooks
            if one.parameters.destination and one.parameters.destination != DEFAULT_DESTINATION
        }
        found = self.destinations.get_many(timer.tenant_id, sorted(names)) if names else {}
        faults: list[tuple[str, str]] = []
        for one in webhooks:
            try:
                rendered = render_webhook(timer, one.action_id, one.parameters, one.asking)
            except UnrenderableError as error:
                fault: tuple[str, str] | None = (error.field, str(error))
            else:
                fault = _misdirection(one.parameters, rendered, found)
            if fault:
                faults.append((f"{one.field}.{fault[0]}", fault[1]))
        if faults:
            raise InvalidTimerError("A webhook of the timer could not be sent.", tuple(faults))


@dataclass(frozen=True, slots=True)
class _Webhook:
    field: str
    action_id: str
    parameters: WebhookParameters
    asking: Asking | None = None


def _of_actions(timer: Timer) -> list[_Webhook]:
    return [
        _Webhook(f"actionBundle.{place}.parameters", action.id, action.webhook())
        for place, action in (timer.spec.bundle.placed() if timer.spec.bundle else ())
        if action.kind == "webhook"
    ]


def _of_escalations(timer: Timer) -> list[_Webhook]:
    """Return the webhooks that are called when an agent does not acknowledge."""
    return [
        _Webhook(
            f"actionBundle.{place}.parameters.requiresAcknowledgement.escalation[{step.number - 1}].webhook",
            action.id,
            step.action.webhook(),
            example_asking(step),
        )
        for place, action in (timer.spec.bundle.placed() if timer.spec.bundle else ())
        if (chain := chain_of(timer, action.id)) is not None
        for step in chain.steps
        if step.binding is None
    ]


def _misdirection(
    parameters: WebhookParameters, rendered: RenderedWebhook, found: dict[str, Destination]
) -> tuple[str, str] | None:
    """Return the field and what is wrong with where a webhook goes."""
    name = parameters.destination
    if name == DEFAULT_DESTINATION or name is None:
        return ("url", f"give the URL: destination '{name}' has none") if rendered.url is None else None
    destination = found.get(name)
    if destination is None:
        return "destination", f"there is no destination '{name}': make it with PUT /destinations/{name}"
    if destination.url is None and rendered.url is None:
        return "url", f"give the URL: destination '{name}' has none"
    if rendered.url and destination.url and not lies_under(rendered.url, destination.url):
        return "url", f"it does not lie under the URL of destination '{name}'"
    return None
