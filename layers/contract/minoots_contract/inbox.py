"""The inbox of an agent that is not called, but asks."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from minoots_contract.model import Instant, WireModel

__all__ = ["InboxMessageReply", "InboxReply", "ReceiptReply"]


class InboxMessageReply(WireModel):
    """A message in the caller's hands until its lease runs out."""

    receipt: str = Field(description="To be shown to acknowledge the message, give it back or keep it for longer.")
    delivery_id: str = Field(description="The same each time the message is handed over: dedupe by it.")
    timer_id: str
    action_id: str
    kind: str = Field(description="`agent_prompt` or `command`.")
    fired_at: Instant
    payload: dict[str, Any]
    acknowledgement: dict[str, str] | None = Field(
        default=None, description="The `token` and the `url` to answer by; present if the action waits for an answer."
    )
    received: int = Field(description="How often it was handed over by now, this time included.")
    leased_until: Instant


class InboxReply(WireModel):
    """Messages, the oldest firings first; none if none came in time."""

    messages: list[InboxMessageReply]


class ReceiptReply(WireModel):
    """What became of a message."""

    state: Literal["acknowledged", "returned", "leased"]
    until: Instant | None = Field(
        default=None, description="Until when it is not handed over; absent once it is acknowledged."
    )
