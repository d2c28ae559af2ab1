"""The audit: who did what, from where, and whether they might."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from minoots_contract.model import Instant, WireModel

__all__ = ["AuditEntryReply", "AuditOutcome", "AuditPage", "AuditedCaller", "AuditedResource"]

AuditOutcome = Literal["allowed", "refused"]


class AuditedCaller(WireModel):
    """Who it was."""

    subject: str
    key_id: str | None = Field(default=None, description="Of a key from a key file the first sixteen digits.")
    issuer: str | None = Field(default=None, description="Who issued the token, if it was one.")


class AuditedResource(WireModel):
    """What it was about."""

    type: str
    id: str | None = None


class AuditEntryReply(WireModel):
    """Something that somebody did, or was not let do."""

    id: str
    at: Instant
    caller: AuditedCaller
    action: str = Field(description="The operation's id.")
    resource: AuditedResource
    outcome: AuditOutcome
    reason: str | None = Field(default=None, description="Why it was refused.")
    state_version: int | None = Field(default=None, description="What it made the timer's `stateVersion`.")
    ip: str | None = None
    user_agent: str | None = None
    request_id: str | None = None
    count: int | None = Field(
        default=None, description="How many refusals of this caller this one stands for, in its minute and server."
    )


class AuditPage(WireModel):
    """A page of entries, the latest first. A page may be short, even empty, and still have a ``nextCursor``."""

    entries: list[AuditEntryReply]
    next_cursor: str | None = None
