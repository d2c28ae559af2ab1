"""Who makes the attempts of actions, and by what."""

from __future__ import annotations

from typing import Protocol

from minoots_contract.actions import Action
from minoots_kernel.domain.answers import Answer
from minoots_kernel.domain.chains import Asking
from minoots_kernel.domain.targets import TargetMessage
from minoots_kernel.domain.timer import Timer
from minoots_kernel.domain.webhooks import WebhookRequest

__all__ = ["ActionPerformer", "Performed", "TargetSender", "WebhookSender"]

Performed = Answer
"""What a good attempt leaves to be written down; nothing of a receiver that gives no answer."""


class ActionPerformer(Protocol):
    """Makes attempts at actions of one kind."""

    def perform(
        self, timer: Timer, action: Action, attempt: int, now_ms: int, asking: Asking | None = None
    ) -> Performed:
        """Make one attempt; that it returns means that it succeeded.

        Args:
            timer: The fired timer.
            action: Which of its actions, of the performer's kind.
            attempt: The attempt's number, from 1.
            now_ms: When it starts, epoch milliseconds.
            asking: Whom it asks for an acknowledgement, and by what token, if it does.

        Raises:
            TransientActionError: If another attempt may succeed.
            PermanentActionError: If none will.
        """
        ...


class WebhookSender(Protocol):
    """Makes the HTTP call of a webhook action."""

    def send(self, request: WebhookRequest) -> Answer:
        """Send one request.

        Returns:
            The receiver's answer, its status 200 to 299.

        Raises:
            TransientActionError: If another attempt may succeed.
            PermanentActionError: If none will. Either has the receiver's answer, as far as there was one.
            PutOffError: If the receiver's name cannot be looked up now, or no connection is free; nothing was sent.
        """
        ...


class TargetSender(Protocol):
    """Sends, publishes or starts what a workflow event names."""

    def send(self, message: TargetMessage) -> None:
        """Send one message.

        A start of an execution that was started by an earlier attempt counts as done.

        Raises:
            TransientActionError: If another attempt may succeed.
            PermanentActionError: If none will.
        """
        ...
