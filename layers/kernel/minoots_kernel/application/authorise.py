"""Find out what a caller may do: by its roles, or by its tenant's own policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from minoots_contract.identity import RoleName
from minoots_kernel.application.audit_ports import AuditStore
from minoots_kernel.application.decision_log import DecisionLog, decided_by_role
from minoots_kernel.application.errand import Errand
from minoots_kernel.application.keep_audit import recorded
from minoots_kernel.application.known_policies import KnownPolicies
from minoots_kernel.application.policy_ports import Rules
from minoots_kernel.application.ports import Clock
from minoots_kernel.domain.authority import Thing
from minoots_kernel.domain.errors import ForbiddenError, PolicyRefusedError
from minoots_kernel.domain.policies import Decision, Question
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.things import thing_of

__all__ = ["Authorise"]

T = TypeVar("T")

KNOWING_ROLE: Final[RoleName] = "tenant.admin"
"""Who is told which policies refused a call; others get the number of the decision to ask about."""


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
        in_force = None if errand.about is None else self.policies.of(principal.tenant_id)
        if in_force is None or in_force.rules is None:
            allowed = errand.role is None or errand.role in principal.roles
            decided_by_role(DecisionLog(principal, errand, 0, self.log_percent), allowed=allowed)
            if not allowed:
                raise ForbiddenError(f"That takes the role '{errand.role}'.")
            return principal
        log = DecisionLog(principal, errand, in_force.version, self.log_percent)
        authority = _ByPolicies(in_force.rules, log, self.clock)
        if errand.about == "Tenant":
            authority.check(Thing("Tenant", principal.tenant_id))
        return replace(principal, authority=authority)


class _ByPolicies:
    """Asks a tenant's policies; made for one call."""

    by_role = False

    def __init__(self, rules: Rules, log: DecisionLog, clock: Clock) -> None:
        self._rules = rules
        self._principal = log.principal
        self._errand = log.errand
        self._log = log
        self._clock = clock
        self._asked = False
        self._filtered: list[Decision] = []
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
            self._log.decided(thing, decision)
            if not decision.allowed:
                raise self._refused(decision)
        self._passed = things[-1] if things else None

    def check_each(self, thing: object) -> None:
        """Let one of many things pass if the policies allow the action upon it alone.

        Raises:
            PolicyRefusedError: If they do not.
        """
        self._asked = True
        action, asked = self._errand.each or self._errand.action, thing_of(thing)
        (decision,) = self._decide(action, [asked])
        self._log.decided(asked, decision, each=action)
        if not decision.allowed:
            raise self._refused(decision)

    def visible(self, things: Sequence[T]) -> tuple[T, ...]:
        """Return those that the caller could read one by one."""
        self._asked = True
        action = self._errand.each or self._errand.action
        decisions = self._decide(action, [thing_of(thing) for thing in things])
        self._filtered += decisions
        return tuple(thing for thing, decision in zip(things, decisions, strict=True) if decision.allowed)

    def finish(self) -> None:
        """Take notice that the call has been answered well.

        Raises:
            RuntimeError: If nobody asked whether it may be: its use case has forgotten to.
        """
        if not self._asked:
            raise RuntimeError(f"no policy was asked about {self._errand.action}")
        self._log.filtered(self._errand.each or self._errand.action, self._filtered)

    def _decide(self, action: str, things: Sequence[Thing]) -> list[Decision]:
        now_ms = self._clock.now_ms()
        return self._rules.decide([Question(self._principal, action, one, now_ms, self._errand.ip) for one in things])

    def _refused(self, decision: Decision) -> PolicyRefusedError:
        policies, version = decision.policies, self._log.version
        if KNOWING_ROLE not in self._principal.roles:
            return PolicyRefusedError(
                f"A policy of your tenant does not allow that. Your administrators find out why by the decision "
                f"'{self._errand.request_id}'.",
                policies,
                version,
            )
        why = f"refused by {', '.join(policies)}" if policies else "no policy allows it"
        return PolicyRefusedError(
            f"The policies of your tenant, version {version}, do not allow that: {why}.", policies, version
        )
