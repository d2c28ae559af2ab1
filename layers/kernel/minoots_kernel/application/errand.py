"""What a caller wants, as far as the request alone tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from minoots_contract.identity import RoleName
from minoots_kernel.domain.authority import Thing, ThingType
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import Via

__all__ = ["Errand"]

MAX_KEY_ID: Final = 16
"""Of a key's id; those of keys from key files are digests of 64 digits, each of which a timer would carry about."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What a caller wants, as far as the request alone tells.

    Attributes:
        action: The operation's id.
        role: The role that it takes; none where any caller who is known will do.
        about: What it is about; none where policies have no say.
        each: The action by which each of many things is decided upon.
        request_id: Which request it is.
        ip: Where it came from.
        user_agent: What the caller says it is.
        named: The id or name in the request's path, if there is one.
        recorded: Whether the audit is to have it before it is done.
    """

    action: str
    role: RoleName | None
    about: ThingType | None
    each: str | None = None
    request_id: str = ""
    ip: str | None = None
    user_agent: str | None = None
    named: str = ""
    recorded: bool = False

    @property
    def thing(self) -> Thing:
        """What it is about, as far as the request alone tells."""
        return Thing(self.about or "Tenant", self.named)

    def via(self, principal: Principal) -> Via:
        """Return what the audit is to know of it."""
        key_id = None if principal.key_id is None else principal.key_id[:MAX_KEY_ID]
        return Via(
            self.action, principal.subject, key_id, self.ip, self.request_id, principal.issuer, principal.audit_days
        )
