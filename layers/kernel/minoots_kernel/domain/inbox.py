"""Messages that wait for an agent to fetch them."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from minoots_kernel.domain.agents import AgentDelivery

__all__ = ["KEPT_MS", "Arrival", "InboxMessage", "LeasedMessage", "Occasion", "Receipt", "inbox_message"]

KEPT_MS: Final = 14 * 86_400_000
"""How long a message waits to be acknowledged before it is forgotten: as long as a queue would keep it."""

ASKS: Final = "a"

_MAX_RECEIPT: Final = 400


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a message was put for. A delivery keeps its id for as long as its action lives; this tells askings apart.

    Attributes:
        life: How often the action had been redriven.
        step: Of the chain of those who are asked; 0 where nobody else is.
        attempt: The attempt's number, which goes on rising from step to step and from life to life.
    """

    life: int = 0
    step: int = 0
    attempt: int = 0


class Arrival(Enum):
    """What becomes of a message when one of the same delivery is put into its inbox."""

    STAYS = "it stays as it is"
    RENEWS = "it takes the new one's content and expiry; a lease goes on"
    BEGINS = "the new one takes its place, and nobody has it"


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """What a timer's action has to say to an agent. Times are epoch milliseconds.

    Attributes:
        id: The delivery id.
        payload: What the agent is told.
        forgotten_at_ms: From when on it is not handed over any more.
        acknowledgement: The token and the URL to answer by, if it asks for an answer.
        occasion: What it was put for.
    """

    tenant_id: str
    agent: str
    id: str
    timer_id: str
    action_id: str
    kind: str
    fired_at_ms: int
    payload: dict[str, Any]
    forgotten_at_ms: int
    acknowledgement: dict[str, str] | None = None
    occasion: Occasion = Occasion()

    def arrives_at(self, standing: Occasion, *, done: bool) -> Arrival:
        """Tell what becomes of the message that is there.

        Args:
            standing: What that one was put for.
            done: Whether it was taken out, and is only remembered.
        """
        mine = self.occasion
        if mine.attempt <= standing.attempt:
            return Arrival.STAYS  # put again after a crash, or by somebody who is late
        if (mine.life, mine.step) != (standing.life, standing.step):
            return Arrival.BEGINS
        if not done:
            return Arrival.RENEWS
        # Whoever has to answer is asked again because no answer counted; else what was taken out was delivered.
        return Arrival.BEGINS if self.acknowledgement else Arrival.STAYS


@dataclass(frozen=True, slots=True)
class LeasedMessage:
    """A message in an agent's hands.

    Attributes:
        receipt: What the agent shows to acknowledge it, give it back or keep it for longer.
        received: How often it was handed over by now, this time included.
        leased_until_ms: When it comes back into the inbox unless it is acknowledged, epoch milliseconds.
    """

    message: InboxMessage
    receipt: str
    received: int
    leased_until_ms: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt says: which message, which of its leases, and whether the message asks for an answer."""

    fired_at_ms: int
    id: str
    lease: int
    asks: bool = False

    def to_text(self) -> str:
        """Write it, safe in a path. It is no secret: it is worth something within its tenant only."""
        return base64.urlsafe_b64encode(self._content().encode()).decode().rstrip("=")

    def _content(self) -> str:
        return f"{self.lease}{ASKS if self.asks else ''}.{self.fired_at_ms}.{self.id}"

    @classmethod
    def from_text(cls, text: str) -> Receipt | None:
        """Read it; none if it is not one of ours."""
        if len(text) > _MAX_RECEIPT:
            return None
        try:
            read = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
            lease, fired_at_ms, identity = read.split(".", 2)
            receipt = cls(int(fired_at_ms), identity, int(lease.removesuffix(ASKS)), lease.endswith(ASKS))
        except (binascii.Error, ValueError):
            return None
        return receipt if identity and receipt.to_text() == text else None


def inbox_message(delivery: AgentDelivery) -> InboxMessage:
    """Return the message of a delivery; the same on every attempt, but for what its template says of the attempt."""
    timer, asking, state = delivery.timer, delivery.asking, delivery.timer.action(delivery.action_id)
    return InboxMessage(
        tenant_id=timer.tenant_id,
        agent=delivery.target,
        id=delivery.identity,
        timer_id=timer.id,
        action_id=delivery.action_id,
        kind=delivery.kind,
        fired_at_ms=timer.fired_at_ms or delivery.now_ms,
        payload=delivery.payload,
        forgotten_at_ms=delivery.now_ms + KEPT_MS,
        acknowledgement={"token": asking.token, "url": asking.url} if asking else None,
        occasion=Occasion(state.redriven.times if state else 0, asking.step.number if asking else 0, delivery.attempt),
    )
