"""The ``/policies`` resource."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from minoots.client.paging import every_page
from minoots.client.session import Call, Session
from minoots.client.values import if_match, instant_value
from minoots_contract.identity import RoleName
from minoots_contract.policies import PoliciesReply, PolicyVersionPage, PolicyVersionReply, TestPoliciesReply

__all__ = ["Policies"]


class Policies:
    """The tenant's Cedar policies; reached as ``client.policies``. All of it takes the role ``tenant.admin``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self) -> PoliciesReply:
        """Return the policies in force; without any of one's own, those that say what roles do.

        Raises:
            MinootsClientError: One of the tree in `minoots.client.errors`.
        """
        return self._session.send(Call("GET", "/policies"), PoliciesReply)

    def put(self, policies: str, *, if_version: int | None = None, force: bool = False) -> PoliciesReply:
        """Put policies in force.

        Args:
            policies: Cedar, each policy with an ``@id`` of its own.
            if_version: Only if the policies in force are of this version.
            force: Do it though the caller could not change them any more.

        Raises:
            BadRequestError: If they cannot be used; ``error.problem.errors`` names the lines.
            ConflictError: If the policies in force are of another version.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        return self._put({"policies": policies}, if_version, force)

    def restore(self, version: int, *, if_version: int | None = None, force: bool = False) -> PoliciesReply:
        """Put an earlier version in force again, as a new version; arguments as `put`.

        Raises:
            NotFoundError: If there is no such version.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        return self._put({"restoreVersion": version}, if_version, force)

    def delete(self, *, if_version: int | None = None) -> PoliciesReply:
        """Let roles decide again.

        Raises:
            NotFoundError: If there are no policies of one's own.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        call = Call("DELETE", "/policies", repeatable=False, headers=if_match(if_version))
        return self._session.send(call, PoliciesReply)

    def versions(self, *, page_size: int | None = None) -> Iterator[PolicyVersionReply]:
        """Iterate over the versions, the latest first; pages are fetched as they are needed.

        Raises:
            MinootsClientError: While iterating: one of the tree in `minoots.client.errors`.
        """
        for page in every_page(lambda cursor: self._page(page_size, cursor)):
            yield from page.versions

    def version(self, number: int) -> PolicyVersionReply:
        """Return a version.

        Raises:
            NotFoundError: If there is none.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        return self._session.send(Call("GET", f"/policies/versions/{number}"), PolicyVersionReply)

    def test(
        self,
        action: str,
        *,
        subject: str,
        roles: Sequence[RoleName] = (),
        resource: Mapping[str, Any] | None = None,
        ip: str | None = None,
        at: datetime | str | None = None,
        policies: str | None = None,
    ) -> TestPoliciesReply:
        """Ask what policies would say.

        Args:
            action: An operation's id, such as ``cancelTimer``.
            subject: Who would call.
            roles: Which roles that caller would hold.
            resource: What it would be about: ``{"type": "Timer", "id": …, "status": …, "labels": …}``; the tenant
                without it.
            ip: From where.
            at: When; now without it.
            policies: Try these instead of those in force.

        Raises:
            BadRequestError: If the policies cannot be used.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        body: dict[str, Any] = {"principal": {"subject": subject, "roles": list(roles)}, "action": action}
        more = {"resource": resource, "ip": ip, "at": instant_value(at), "policies": policies}
        body |= {name: value for name, value in more.items() if value is not None}
        return self._session.send(Call("POST", "/policies:test", body=body), TestPoliciesReply)

    def _put(self, body: dict[str, Any], if_version: int | None, force: bool) -> PoliciesReply:
        # Done twice it would make two versions.
        sent = {**body, **({"force": True} if force else {})}
        call = Call("PUT", "/policies", body=sent, repeatable=False, headers=if_match(if_version))
        return self._session.send(call, PoliciesReply)

    def _page(self, limit: int | None, cursor: str | None) -> PolicyVersionPage:
        params = {"limit": limit, "cursor": cursor}
        return self._session.send(Call("GET", "/policies/versions", params=params), PolicyVersionPage)
