"""Agents behind an MCP server: one call of a tool over streamable HTTP, by the official SDK.

What the SDK sends and reads goes through the guarded conversation that everything else over HTTP goes through
(ADR 0041). It is large, so it is imported when the first tool is about to be called.
"""

from __future__ import annotations

from typing import Any, Final

import httpx

from minoots_kernel.adapters.clock import SystemClock
from minoots_kernel.adapters.webhook.conversation import Conversations
from minoots_kernel.application.ports import Clock, Performed
from minoots_kernel.domain.agents import AgentDelivery
from minoots_kernel.domain.answers import MASK, echoes
from minoots_kernel.domain.errors import TransientActionError
from minoots_kernel.domain.webhooks import secrets_in

__all__ = ["McpReceiver"]

_SHOWN: Final = 120


class McpReceiver:
    """Calls the binding's tool with the payload as its arguments.

    Args:
        conversations: Makes the requests.
        clock: Tells what time it is when a server names one; the system's without it.
    """

    def __init__(self, conversations: Conversations, clock: Clock | None = None) -> None:
        self._conversations = conversations
        self._clock = clock or SystemClock()

    def prepare(self) -> None:
        """Import the SDK; see the port. Not with the module, for a cold start would pay for it."""
        import minoots_kernel.adapters.agents.mcp_session  # noqa: F401

    def deliver(self, delivery: AgentDelivery) -> Performed:
        """Call the tool; see the port."""
        from minoots_kernel.adapters.agents.mcp_session import call_tool

        with self._conversations.within(delivery.binding.timeout_ms, delivery.timer.tenant_id) as conversation:
            httpx.URL(delivery.target)  # what is no URL is refused in our words
            result = call_tool(conversation, delivery, self._clock)
        if result.get("isError") is True:
            raise TransientActionError(_complaint(result, delivery), failure="serverError")
        return Performed(200)


def _complaint(result: dict[str, Any], delivery: AgentDelivery) -> str:
    """Return what the tool says went wrong, in one line, without what we sent in headers."""
    content = result.get("content")
    parts = content if isinstance(content, list) else []
    text = next((part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)), "")
    ours = delivery.credentials
    secrets = secrets_in(delivery.binding.headers, ()) | secrets_in(ours.headers, ours.signing_secrets)
    if delivery.asking:
        secrets |= {delivery.asking.token}
    for secret in sorted(echoes(secrets), key=len, reverse=True):  # of two that overlap the longer one first
        text = text.replace(secret, MASK)
    line = "".join(character if character.isprintable() else " " for character in text)[:_SHOWN]
    return f"the tool failed: {line}" if line else "the tool failed"
