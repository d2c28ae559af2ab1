"""Agents that are called by one HTTP request: LangChain's servers, AutoGen services, anybody's own."""

from __future__ import annotations

from dataclasses import dataclass

from minoots_contract.webhooks import RenderedWebhook
from minoots_kernel.application.ports import Performed, WebhookSender
from minoots_kernel.domain.agents import AgentDelivery, http_body
from minoots_kernel.domain.webhooks import webhook_request

__all__ = ["HttpAgentReceiver"]


@dataclass(frozen=True, slots=True)
class HttpAgentReceiver:
    """Sends one POST through the sender that webhooks go through, with the headers that they have."""

    sender: WebhookSender

    def prepare(self) -> None:
        """Do nothing: all there is to get ready is; see the port."""

    def deliver(self, delivery: AgentDelivery) -> Performed:
        """Send the request; see the port."""
        url, body = http_body(delivery)
        binding = delivery.binding
        rendered = RenderedWebhook.model_construct(
            url=url, method="POST", headers=binding.headers, body=body, timeout_ms=binding.timeout_ms
        )
        request = webhook_request(
            delivery.timer, delivery.action_id, rendered, delivery.now_ms, delivery.credentials, delivery.asking
        )
        return self.sender.send(request)
