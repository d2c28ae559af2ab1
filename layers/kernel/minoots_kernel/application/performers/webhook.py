"""Attempts at webhooks: find the destination, fill in the placeholders, sign, send."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from minoots_contract.actions import Action
from minoots_contract.webhooks import RenderedWebhook, WebhookParameters
from minoots_kernel.application.address_book import AddressBook
from minoots_kernel.application.ports import Performed, WebhookSender
from minoots_kernel.domain.chains import Asking
from minoots_kernel.domain.errors import PermanentActionError
from minoots_kernel.domain.rendering import UnrenderableError, render_webhook
from minoots_kernel.domain.timer import Timer
from minoots_kernel.domain.webhooks import webhook_request

__all__ = ["WebhookPerformer"]


@dataclass(frozen=True, slots=True)
class WebhookPerformer:
    """Sends the request of a webhook action.

    Attributes:
        sender: Sends it.
        book: Knows the destination that it names, and signs. One that names none is signed with the secrets of the
            tenant's destination `default`, if there is one.
    """

    sender: WebhookSender
    book: AddressBook

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
        entry = self.book.look_up(timer.tenant_id, parameters.destination, rendered.url)
        credentials = self.book.credentials(entry, now_ms)
        request = webhook_request(timer, action.id, rendered, now_ms, credentials, asking)
        with self.book.calling(entry, timer, action.id, request.timeout_ms):
            return self.sender.send(request)


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
