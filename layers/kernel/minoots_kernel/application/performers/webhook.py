"""Attempts at webhooks: find the destination, fill in the placeholders, sign, send."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

from pydantic import ValidationError

from minoots_contract.actions import Action
from minoots_contract.destinations import DEFAULT_DESTINATION
from minoots_contract.instants import format_instant
from minoots_contract.urls import lies_under
from minoots_contract.webhooks import RenderedWebhook, WebhookParameters
from minoots_kernel.application.change_destination import change_destination
from minoots_kernel.application.circuit_ports import NO_SHIELD, Shield
from minoots_kernel.application.ports import Clock, DestinationStore, Performed, SecretBox, WebhookSender
from minoots_kernel.domain.chains import Asking
from minoots_kernel.domain.circuits import NO_LIMITS, Call, receiver_of_destination, receiver_of_url
from minoots_kernel.domain.destinations import Destination, disabled, gone_url, name_of_url
from minoots_kernel.domain.errors import (
    MinootsError,
    NotFoundError,
    PermanentActionError,
    SealedSecretError,
    TransientActionError,
)
from minoots_kernel.domain.putting_off import turn_of
from minoots_kernel.domain.rendering import UnrenderableError, render_webhook
from minoots_kernel.domain.timer import Timer
from minoots_kernel.domain.webhooks import NO_CREDENTIALS, Credentials, WebhookRequest, webhook_request

__all__ = ["WebhookPerformer"]

logger = logging.getLogger(__name__)

GONE = 410


@dataclass(frozen=True, slots=True)
class WebhookPerformer:
    """Sends the request of a webhook action.

    A webhook that names a destination is signed with that one's secrets, and carries its auth headers, but only to its
    own URL and below. Any other is signed with the secrets of the tenant's destination `default`, if there is one.
    Whatever answers 410 is not called again until it is enabled.
    """

    sender: WebhookSender
    destinations: DestinationStore
    secrets: SecretBox
    clock: Clock
    shield: Shield = NO_SHIELD

    def perform(
        self, timer: Timer, action: Action, attempt: int, now_ms: int, asking: Asking | None = None
    ) -> Performed:
        """Make one attempt; see the port.

        Raises:
            TransientActionError: If another attempt may succeed.
            PermanentActionError: If none will.
            PutOffError: If it may not be made now; nothing was sent.
            DependencyUnavailableError: If a store or the secret box does not answer; nothing was sent.
        """
        parameters = _parameters(action)
        rendered = _rendered(timer, action.id, parameters, asking)
        destination = self._destination(timer.tenant_id, parameters, rendered)
        credentials = self._credentials(destination, now_ms) if destination else NO_CREDENTIALS
        request = webhook_request(timer, action.id, rendered, now_ms, credentials, asking)
        try:
            with self.shield.admitted(_call(timer, action, parameters, request, destination)):
                return self.sender.send(request)
        except PermanentActionError as error:
            if error.status_code == GONE:
                self._disable(timer.tenant_id, parameters.destination, request.url, action.id)
            raise

    def _destination(
        self, tenant_id: str, parameters: WebhookParameters, rendered: RenderedWebhook
    ) -> Destination | None:
        """Return the destination that signs, if any, once it is sure that the webhook is wanted and may go there."""
        name = parameters.destination or DEFAULT_DESTINATION
        unnamed = [name_of_url(rendered.url)] if name == DEFAULT_DESTINATION and rendered.url else []
        found = self.destinations.get_many(tenant_id, [name, *unnamed])
        for one in found.values():
            if one.disabled_at_ms is not None:
                since = format_instant(one.disabled_at_ms)
                raise PermanentActionError(
                    f"not sent: destination '{one.name}' is disabled since {since}: {one.disabled_reason}"
                )
        destination = found.get(name)
        if destination is None and parameters.destination:
            raise PermanentActionError(f"there is no destination '{name}' any more")
        if (
            destination is not None
            and destination.url
            and rendered.url
            and not lies_under(rendered.url, destination.url)
        ):
            raise PermanentActionError(f"the URL does not lie under that of destination '{name}'")
        if rendered.url is None and (destination is None or destination.url is None):
            raise PermanentActionError("nothing says where to: the action has no URL, nor has its destination")
        return destination

    def _credentials(self, destination: Destination, now_ms: int) -> Credentials:
        def opened(sealed: str) -> str:
            return self.secrets.open(destination.tenant_id, destination.name, sealed)

        try:
            headers = json.loads(opened(destination.sealed_auth)) if destination.sealed_auth else {}
            signing = tuple(opened(one.sealed) for one in destination.secrets if one.signs_at(now_ms))
        except SealedSecretError as error:
            # The deployment's key is disabled, or gone for good: who mends that in time need not send anything again.
            logger.error("secrets cannot be opened", extra={"destination": destination.name, "reason": str(error)})
            raise TransientActionError(
                f"the secrets of destination '{destination.name}' cannot be opened", failure="internal"
            ) from error
        return Credentials(destination.url, headers, signing)

    def _disable(self, tenant_id: str, name: str | None, url: str, action_id: str) -> None:
        """Remember that a destination wants no more. Should that fail, the next attempt's 410 does it."""
        now_ms = self.clock.now_ms()
        reason = f"it answered 410 to action '{action_id}'"
        named = name if name and name != DEFAULT_DESTINATION else None
        target = named or name_of_url(url)
        try:
            if named is None and not self.destinations.get_many(tenant_id, [target]):
                self.destinations.create(disabled(gone_url(tenant_id, url, now_ms), reason, now_ms))
            else:
                change_destination(self.destinations, tenant_id, target, lambda one: disabled(one, reason, now_ms))
        except NotFoundError:
            return  # deleted meanwhile
        except MinootsError as error:
            logger.warning("destination not disabled", extra={"destination": target, "reason": error.detail})
        else:
            logger.warning("destination disabled", extra={"destination": target})


def _call(
    timer: Timer,
    action: Action,
    parameters: WebhookParameters,
    request: WebhookRequest,
    destination: Destination | None,
) -> Call:
    """Return whom the attempt asks: the destination that the action names, else the host of its URL."""
    named = parameters.destination if parameters.destination != DEFAULT_DESTINATION else None
    receiver = receiver_of_destination(named) if named else receiver_of_url(request.url)
    limits = destination.limits if destination and named else NO_LIMITS
    return Call(timer.tenant_id, receiver, limits, request.timeout_ms, turn_of(timer, action.id))


def _parameters(action: Action) -> WebhookParameters:
    try:
        return action.webhook()
    except ValidationError as error:
        # Stored under older, laxer rules: it will not become valid by trying again.
        raise PermanentActionError("the action's parameters are no longer valid") from error


def _rendered(timer: Timer, action_id: str, parameters: WebhookParameters, asking: Asking | None) -> RenderedWebhook:
    try:
        return render_webhook(timer, action_id, parameters, asking)
    except UnrenderableError as error:
        raise PermanentActionError(f"parameters.{error.field}: {error}") from error
