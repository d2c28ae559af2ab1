"""Show, change and try a tenant's policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from minoots_contract.policies import PutPoliciesRequest, TestPoliciesRequest
from minoots_kernel.application.known_policies import KnownPolicies
from minoots_kernel.application.policy_ports import PolicyEngine, PolicyStore
from minoots_kernel.application.ports import Clock, Page
from minoots_kernel.domain.authority import Thing
from minoots_kernel.domain.errors import InvalidPolicyError, NotFoundError, VersionMismatchError
from minoots_kernel.domain.policies import Decision, PolicyVersion, Question
from minoots_kernel.domain.roles import held_roles
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.tenants import Tenant

__all__ = ["KeepPolicies"]

MAX_FAULTS: Final = 20
CHANGING: Final = "putPolicies"
"""What a writer of policies must still be allowed to do by what it writes."""


@dataclass(frozen=True, slots=True)
class KeepPolicies:
    """A tenant's policies. A version is never changed; the latest is in force."""

    store: PolicyStore
    engine: PolicyEngine
    known: KnownPolicies
    clock: Clock

    def latest(self, principal: Principal) -> PolicyVersion:
        """Return the latest version; one of the number 0 without a text if there never was any."""
        return self.store.latest(principal.tenant_id) or PolicyVersion(principal.tenant_id, 0, None, 0, "")

    def get(self, principal: Principal, version: int) -> PolicyVersion:
        """Return a version.

        Raises:
            NotFoundError: If there is none of that number.
        """
        found = self.store.get(principal.tenant_id, version)
        if found is None:
            raise NotFoundError(f"There is no version {version} of your policies.")
        return found

    def page(self, principal: Principal, *, limit: int, position: str | None) -> Page[PolicyVersion]:
        """List the versions, the latest first."""
        return self.store.page(principal.tenant_id, limit=limit, position=position)

    def put(
        self,
        principal: Principal,
        request: PutPoliciesRequest,
        *,
        versions: frozenset[int] | None = None,
        ip: str | None = None,
    ) -> PolicyVersion:
        """Put policies in force.

        Args:
            principal: Who calls.
            request: The policies, or which version to go back to.
            versions: Only if the latest is one of these; any when none.
            ip: Where the call came from: what it would be refused for next time is asked as of now.

        Raises:
            InvalidPolicyError: If they cannot be used, or would not let the caller change them again.
            NotFoundError: If there is no such version to go back to.
            VersionMismatchError: If others changed them.
        """
        text = request.policies
        if request.restore_version is not None:
            text = self.get(principal, request.restore_version).text
        if text is not None:
            self._check(principal, text, force=request.force, ip=ip)
        return self._store(principal, principal.tenant_id, text, versions)

    def delete(self, principal: Principal, *, versions: frozenset[int] | None = None) -> PolicyVersion:
        """Go back to having no policies of one's own: roles decide.

        Raises:
            NotFoundError: If there are none.
            VersionMismatchError: If others changed them.
        """
        if self.latest(principal).text is None:
            raise NotFoundError("Your tenant has no policies of its own.")
        return self._store(principal, principal.tenant_id, None, versions)

    def reset(self, principal: Principal, tenant: Tenant) -> PolicyVersion:
        """Take a tenant's policies out of force, as an operator does for one that its own have locked out.

        Raises:
            NotFoundError: If it has none.
            VersionMismatchError: If others change them just now.
        """
        latest = self.store.latest(tenant.id)
        if latest is None or latest.text is None:
            raise NotFoundError("That tenant has no policies of its own.")
        return self._store(principal, tenant.id, None, None, tenant)

    def test(self, principal: Principal, request: TestPoliciesRequest, ip: str | None = None) -> Decision:
        """Answer what policies would say: those of the request, those in force or, without any, the default ones.

        Raises:
            InvalidPolicyError: If those of the request cannot be used.
        """
        text = request.policies
        if text is None:
            text = self.latest(principal).text
        else:
            self._refuse_faults(text)
        asked = request.principal
        caller = replace(
            principal,
            subject=asked.subject,
            roles=held_roles(asked.roles),
            authenticated_by=asked.authenticated_by,
            key_id=asked.key_id,
            issuer=asked.issuer,
        )
        now_ms = request.at if request.at is not None else self.clock.now_ms()
        about = request.resource
        known = {name: frozenset(value) if isinstance(value, list) else value for name, value in about.attributes}
        thing = Thing(about.type, about.id or principal.tenant_id, known, about.labels)
        rules = self.engine.compile(self.engine.defaults() if text is None else text)
        question = Question(caller, request.action, thing, now_ms, request.ip or ip)
        (decision,) = rules.decide([question])
        return decision

    def _store(
        self,
        principal: Principal,
        tenant_id: str,
        text: str | None,
        versions: frozenset[int] | None,
        tenant: Tenant | None = None,
    ) -> PolicyVersion:
        latest = self.store.latest(tenant_id)
        version = latest.version if latest else 0
        if versions is not None and version not in versions:
            raise VersionMismatchError(f"The policies are at version {version} by now: read them.")
        after = PolicyVersion(tenant_id, version + 1, text, self.clock.now_ms(), created_by=principal.subject)
        principal.check(tenant or Thing("Tenant", tenant_id))
        self.store.put(after)
        self.known.forget(tenant_id)
        return after

    def _check(self, principal: Principal, text: str, *, force: bool, ip: str | None) -> None:
        self._refuse_faults(text)
        if force:
            return
        thing = Thing("Tenant", principal.tenant_id)
        question = Question(principal, CHANGING, thing, self.clock.now_ms(), ip)
        (decision,) = self.engine.compile(text).decide([question])
        if not decision.allowed:
            raise InvalidPolicyError(
                "These policies would not let you change them again.",
                (("force", f"true, if that is what you want: {_why(decision.policies)}"),),
            )

    def _refuse_faults(self, text: str) -> None:
        faults = self.engine.faults(text)
        if faults:
            first = faults[0]
            raise InvalidPolicyError(
                f"Line {first.line}: {first.message}",
                tuple((f"policies:{fault.line}", fault.message) for fault in faults[:MAX_FAULTS]),
            )


def _why(policies: Sequence[str]) -> str:
    named = ", ".join(policies)
    return f"{named} refuses you {CHANGING}" if named else f"no policy allows you {CHANGING}"
