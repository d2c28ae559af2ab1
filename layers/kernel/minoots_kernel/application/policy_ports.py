"""What the use cases need to go by policies; as `application.ports`, of which these are a part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from minoots_kernel.application.ports import Page
from minoots_kernel.domain.policies import Decision, Fault, PolicyVersion, Question

__all__ = ["PolicyEngine", "PolicyStore", "Rules"]


class PolicyStore(Protocol):
    """The policies of tenants, in versions that never change."""

    def latest(self, tenant_id: str) -> PolicyVersion | None:
        """Return the latest version, strongly consistent; none if the tenant never had policies of its own."""
        ...

    def get(self, tenant_id: str, version: int) -> PolicyVersion | None:
        """Return a version, or none."""
        ...

    def put(self, policies: PolicyVersion) -> None:
        """Store the version that follows the latest.

        Raises:
            VersionMismatchError: If there is one of that number already.
        """
        ...

    def page(self, tenant_id: str, *, limit: int, position: str | None = None) -> Page[PolicyVersion]:
        """List a tenant's versions, the latest first, eventually consistent; as `TimerStore.page`."""
        ...


class Rules(Protocol):
    """Policies, ready to be asked."""

    def decide(self, questions: Sequence[Question]) -> list[Decision]:
        """Answer each of the questions, which all have one principal."""
        ...


class PolicyEngine(Protocol):
    """Reads the language of policies."""

    def defaults(self) -> str:
        """Return the policies that say what roles do."""
        ...

    def schema(self) -> str:
        """Return what policies may speak of."""
        ...

    def faults(self, text: str) -> list[Fault]:
        """Return what is wrong with a text of policies, by line; nothing if it can be used."""
        ...

    def compile(self, text: str) -> Rules:
        """Make a text ready to be asked, which has no fault."""
        ...
