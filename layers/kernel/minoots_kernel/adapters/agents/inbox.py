"""Agents that fetch what they are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from minoots_kernel.application.agent_ports import InboxStore
from minoots_kernel.application.ports import Performed
from minoots_kernel.domain.action_context import written
from minoots_kernel.domain.agents import AgentDelivery
from minoots_kernel.domain.errors import PermanentActionError
from minoots_kernel.domain.inbox import inbox_message

__all__ = ["InboxReceiver"]

MAX_PAYLOAD_BYTES: Final = 350_000
"""An item of the table may have 400 KB, its names and keys included."""


@dataclass(frozen=True, slots=True)
class InboxReceiver:
    """Puts what an agent is to be told into its inbox: there it counts as delivered."""

    store: InboxStore

    def prepare(self) -> None:
        """Do nothing: all there is to get ready is; see the port."""

    def deliver(self, delivery: AgentDelivery) -> Performed:
        """Put a message; see the port."""
        if len(written(delivery.payload).encode()) > MAX_PAYLOAD_BYTES:
            raise PermanentActionError("the payload is larger than an inbox can hold")
        self.store.put(inbox_message(delivery))
        return Performed()
