"""Find out what a caller may do: by its roles, or by its tenant's own policies."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar
from zlib import crc32

from minoots_contract.identity import RoleName
from minoots_kernel.application.audit_ports import AuditStore
from minoots_kernel.application.keep_audit import recorded
from minoots_kernel.application.known_policies import KnownPolicies
from minoots_kernel.application.policy_ports import Rules
from minoots_kernel.application.ports import Clock
from minoots_kernel.domain.authority import Thing, ThingType
from minoots_kernel.domain.errors import ForbiddenError, PolicyRefusedError
from minoots_kernel.domain.policies import Decision, Question
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.things import thing_of
from minoots_kernel.domain.timer import Via

__all__ = ["Authorise", "Errand"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_KEY_ID: Final = 16
"""Of a key's id; those of keys from key files are digests of 64 digits, each of which a timer would carry about."""

KNOWING_ROLE: Final[RoleName] = "tenant.admin"
"""Who is told which policies refused a call; others get the number of the decision to ask about."""


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
        return Via(self.action, principal.subject, key_id, self.ip, self.request_id, principal.issuer)


@dataclass(frozen=True, slots=True)
class Authorise:
    """Decide at the door if the role alone decides; otherwise see to it that policies are asked on the way.

    Attributes:
        policies: The tenants' own.
        clock: What time it is.
        log_percent: Of how many requests in a hundred good decisions are logged. Refusals all are.
        audit: Where changes of what is no timer are written before they are made; nowhere without it.
        timers_tell: Whether timers carry who asked for a write, for the audit to be told by the stream.
    """

    policies: KnownPolicies
    clock: Clock
    log_percent: int = 1
    audit: AuditStore | None = None
    timers_tell: bool = False

    def __call__(self, principal: Principal, errand: Errand) -> Principal:
        """Return the caller with what it may do in this call.

        Raises:
            ForbiddenError: If it may not do that, and that can be said before anything is read.
            DependencyUnavailableError: If it cannot be found out whether its tenant has policies of its own.
        """
        principal = self._admitted(principal, errand)
        via = errand.via(principal)
        if errand.recorded and self.audit is not None:
            agent = errand.user_agent
            authority = recorded(principal, self.audit, self.clock, via, unknown=errand.thing, user_agent=agent)
            principal = replace(principal, authority=authority)
        return replace(principal, via=via) if self.timers_tell else principal

    def _admitted(self, principal: Principal, errand: Errand) -> Principal:
        rules = None if errand.about is None else self.policies.of(principal.tenant_id)
        if rules is None:
            if errand.role is not None and errand.role not in principal.roles:
                raise ForbiddenError(f"That takes the role '{errand.role}'.")
            return principal
        authority = _ByPolicies(rules, principal, errand, self.clock, self.log_percent)
        if errand.about == "Tenant":
            authority.check(Thing("Tenant", principal.tenant_id))
        return replace(principal, authority=authority)


class _ByPolicies:
    """Asks a tenant's policies; made for one call."""

    by_role = False

    def __init__(self, rules: Rules, principal: Principal, errand: Errand, clock: Clock, log_percent: int) -> None:
        self._rules = rules
        self._principal = principal
        self._errand = errand
        self._clock = clock
        self._logs_all = crc32(errand.request_id.encode()) % 100 < log_percent
        self._asked = False
        self._passed: object = None

    def check(self, *things: object) -> None:
        """Let a call go on if the policies allow it with each of the things.

        Raises:
            PolicyRefusedError: If they do not.
        """
        self._asked = True
        # What was let pass as it was read is asked about again once it has been read anew.
        unasked = [thing_of(thing) for thing in things if thing is not self._passed]
        for thing, decision in zip(unasked, self._decide(self._errand.action, unasked), strict=True):
            self._log(thing, decision)
            if not decision.allowed:
                raise self._refused(decision)
        self._passed = things[-1] if things else None

    def visible(self, things: Sequence[T]) -> tuple[T, ...]:
        """Return those that the caller could read one by one."""
        self._asked = True
        action = self._errand.each or self._errand.action
        decisions = self._decide(action, [thing_of(thing) for thing in things])
        return tuple(thing for thing, decision in zip(things, decisions, strict=True) if decision.allowed)

    def finish(self) -> None:
        """Take notice that the call has been answered well.

        Raises:
            RuntimeError: If nobody asked whether it may be: its use case has forgotten to.
        """
        if not self._asked:
            raise RuntimeError(f"no policy was asked about {self._errand.action}")

    def _decide(self, action: str, things: Sequence[Thing]) -> list[Decision]:
        now_ms = self._clock.now_ms()
        return self._rules.decide([Question(self._principal, action, one, now_ms, self._errand.ip) for one in things])

    def _refused(self, decision: Decision) -> PolicyRefusedError:
        if KNOWING_ROLE not in self._principal.roles:
            return PolicyRefusedError(
                f"A policy of your tenant does not allow that. Your administrators find out why by the decision "
                f"'{self._errand.request_id}'.",
                decision.policies,
            )
        why = f"refused by {', '.join(decision.policies)}" if decision.policies else "no policy allows it"
        return PolicyRefusedError(f"The policies of your tenant do not allow that: {why}.", decision.policies)

    def _log(self, thing: Thing, decision: Decision) -> None:
        if decision.allowed and not decision.errors and not self._logs_all:
            return
        told = {
            "decision": "allow" if decision.allowed else "deny",
            "decisionId": self._errand.request_id,
            "tenantId": self._principal.tenant_id,
            "subject": self._principal.subject,
            "keyId": self._principal.key_id,
            "action": self._errand.action,
            "resource": f"{thing.type}::{thing.id}",
            "policies": list(decision.policies),
            "policyErrors": list(decision.errors),
            "ip": self._errand.ip,
        }
        logger.info("policy decision", extra=told)
