"""The log of decisions: who might do what with what, and by which policies of which version.

A line for each refusal, and for the good decisions of some requests in a hundred. Where roles decide, they are logged
as what they are, the default policies, which have the version 0.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

from minoots_contract.identity import RoleName
from minoots_kernel.application.errand import Errand
from minoots_kernel.domain.authority import Thing
from minoots_kernel.domain.policies import Decision
from minoots_kernel.domain.tenancy import Principal

__all__ = ["DEFAULT_POLICIES", "DecisionLog", "decided_by_role"]

logger = logging.getLogger(__name__)

MAX_LABELS: Final = 10
MAX_LABEL: Final = 64
"""Of a label's value, characters: a refused timer may have been made of nothing but labels."""

DEFAULT_POLICIES: Final[dict[RoleName, str]] = {
    "timer.read": "readers",
    "timer.write": "writers",
    "timer.cancel": "cancellers",
    "timer.manage": "managers",
    "tenant.admin": "admins",
}
"""The default policy that lets a role's holders do what takes that role."""


@dataclass(frozen=True, slots=True)
class DecisionLog:
    """Logs the decisions of one call.

    Attributes:
        principal: Who calls.
        errand: What for.
        version: The version of the policies that decide; 0 where roles do.
        percent: Of how many requests in a hundred good decisions are logged.
    """

    principal: Principal
    errand: Errand
    version: int
    percent: int

    @property
    def _logs_all(self) -> bool:
        return crc32(self.errand.request_id.encode()) % 100 < self.percent

    def decided(self, thing: Thing, decision: Decision, *, each: str | None = None) -> None:
        """Take down a decision about one thing.

        Args:
            thing: What it is about.
            decision: What was decided.
            each: The action by which each of many things is decided upon, if it is one of them.
        """
        if decision.allowed and not decision.errors and not self._logs_all:
            return
        labels = dict(sorted(thing.tags.items())[:MAX_LABELS])
        self._write(
            "allow" if decision.allowed else "deny",
            [decision],
            resource=f"{thing.type}::{thing.id}",
            labels={name: text[:MAX_LABEL] for name, text in labels.items()},
            **({} if each is None else {"each": each}),
        )

    def filtered(self, action: str, decisions: Sequence[Decision]) -> None:
        """Take down what became of the entries of a listing.

        Args:
            action: The action by which each was decided upon.
            decisions: One for each.
        """
        if not decisions or not (self._logs_all or any(one.errors for one in decisions)):
            return
        hidden = [one for one in decisions if not one.allowed]
        erring = [one for one in decisions if one.errors]
        shown = len(decisions) - len(hidden)
        self._write("filter", [*hidden, *erring], each=action, shown=shown, hidden=len(hidden))

    def _write(self, what: str, decisions: Sequence[Decision], **more: Any) -> None:
        told = {
            "decision": what,
            "decisionId": self.errand.request_id,
            "tenantId": self.principal.tenant_id,
            "subject": self.principal.subject,
            "authenticatedBy": self.principal.authenticated_by,
            "keyId": self.errand.via(self.principal).key_id,
            "issuer": self.principal.issuer,
            "roles": sorted(self.principal.roles),
            "action": self.errand.action,
            "policies": sorted({policy for one in decisions for policy in one.policies}),
            "policyVersion": self.version,
            "policyErrors": sorted({error for one in decisions for error in one.errors}),
            "ip": self.errand.ip,
        }
        logger.info("policy decision", extra=told | more)


def decided_by_role(log: DecisionLog, *, allowed: bool) -> None:
    """Take down what the role has decided at the door; nothing where any caller would do."""
    role = log.errand.role
    if role is not None:
        policy = DEFAULT_POLICIES.get(role)  # what operators do is no policy's to decide
        whole = log.errand.about == "Tenant"
        thing = Thing("Tenant", log.principal.tenant_id) if whole else log.errand.thing
        log.decided(thing, Decision(allowed, (policy,) if allowed and policy else ()))
