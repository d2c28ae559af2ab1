"""Attempts at webhooks."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from minoots_contract.actions import Action
from minoots_kernel.application.ports import Performed, WebhookSender
from minoots_kernel.domain.errors import PermanentActionError
from minoots_kernel.domain.timer import Timer
from minoots_kernel.domain.webhooks import webhook_request

__all__ = ["WebhookPerformer"]


@dataclass(frozen=True, slots=True)
class WebhookPerformer:
    """Sends the request of a webhook action."""

    webhooks: WebhookSender

    def perform(self, timer: Timer, action: Action, attempt: int, now_ms: int) -> Performed:
        """Make one attempt; see the port."""
        try:
            parameters = action.webhook()
        except ValidationError as error:
            # Stored under older, laxer rules: it will not become valid by trying again.
            raise PermanentActionError("the action's parameters are no longer valid") from error
        return Performed(self.webhooks.send(webhook_request(timer, action.id, parameters, now_ms)))
