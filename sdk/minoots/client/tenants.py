"""The ``/tenants`` resource, for operators."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal
from urllib.parse import quote

from minoots.client.paging import every_page
from minoots.client.session import Call, Session
from minoots.client.values import if_match
from minoots_contract.identity import KeyWithSecret, RoleName, TierName
from minoots_contract.policies import PolicyVersionReply
from minoots_contract.tenants import TenantPage, TenantReply

__all__ = ["Tenants"]


class Tenants:
    """Tenants; reached as ``client.tenants``. All of it takes the role ``operator``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(
        self, tenant_id: str, *, tier: TierName = "free", name: str | None = None, audit_days: int | None = None
    ) -> TenantReply:
        """Make a tenant.

        Args:
            tenant_id: Its id.
            tier: What it may use.
            name: What people call it.
            audit_days: How long entries of its audit are kept, days; as the deployment has it without.

        Raises:
            ConflictError: If there is one of that id.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        body = _given(id=tenant_id, tier=tier, name=name, auditDays=audit_days)
        return self._session.send(Call("POST", "/tenants", body=body, repeatable=False), TenantReply)

    def get(self, tenant_id: str) -> TenantReply:
        """Return a tenant.

        Raises:
            NotFoundError: If there is no record of it.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        return self._session.send(Call("GET", _path(tenant_id)), TenantReply)

    def list(self, *, page_size: int | None = None) -> Iterator[TenantReply]:
        """Iterate over the tenants by id; pages are fetched as they are needed.

        Raises:
            MinootsClientError: While iterating: one of the tree in `minoots.client.errors`.
        """
        for page in every_page(lambda cursor: self._page(page_size, cursor)):
            yield from page.tenants

    def change(
        self,
        tenant_id: str,
        *,
        tier: TierName | None = None,
        name: str | None = None,
        audit_days: int | Literal["default"] | None = None,
        if_version: int | None = None,
    ) -> TenantReply:
        """Give a tenant another tier or name, or its audit another time; what is None stays as it is.

        Args:
            tenant_id: Which.
            tier: What it may use.
            name: What people call it.
            audit_days: How long entries of its audit are kept that are still to come, days; ``"default"`` goes back to
                what the deployment has.
            if_version: Only if its record stands at this version.

        Raises:
            NotFoundError: If there is no record of it.
            APIStatusError: With status 412, if its record stands at another version.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        body = _given(tier=tier, name=name, auditDays=audit_days)
        if audit_days == "default":
            body["auditDays"] = None
        # Changed twice it is the same, but upon a version the second try would be refused.
        call = Call("PATCH", _path(tenant_id), body=body, headers=if_match(if_version), repeatable=if_version is None)
        return self._session.send(call, TenantReply)

    def suspend(self, tenant_id: str, reason: str | None = None) -> TenantReply:
        """Shut a tenant's callers out; its timers fire all the same.

        Raises:
            ConflictError: If it is the caller's own.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        return self._session.send(Call("POST", f"{_path(tenant_id)}/suspend", body=_given(reason=reason)), TenantReply)

    def resume(self, tenant_id: str) -> TenantReply:
        """Let a tenant's callers in again.

        Raises:
            MinootsClientError: One of the tree in `minoots.client.errors`.
        """
        return self._session.send(Call("POST", f"{_path(tenant_id)}/resume"), TenantReply)

    def reset_policies(self, tenant_id: str) -> PolicyVersionReply:
        """Let a tenant's roles decide again, as when its own policies have locked everybody out.

        Raises:
            NotFoundError: If it has no policies of its own.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        return self._session.send(Call("DELETE", f"{_path(tenant_id)}/policies"), PolicyVersionReply)

    def create_key(
        self, tenant_id: str, name: str, roles: Sequence[RoleName], *, expires_in: str | int | None = None
    ) -> KeyWithSecret:
        """Make an API key for a tenant, such as its first.

        Raises:
            NotFoundError: If there is no record of the tenant.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        body = _given(name=name, roles=list(roles), expiresIn=expires_in)
        return self._session.send(Call("POST", f"{_path(tenant_id)}/keys", body=body, repeatable=False), KeyWithSecret)

    def _page(self, limit: int | None, cursor: str | None) -> TenantPage:
        return self._session.send(Call("GET", "/tenants", params={"limit": limit, "cursor": cursor}), TenantPage)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _path(tenant_id: str) -> str:
    if not tenant_id:
        raise ValueError("a tenant's id is not empty")
    return f"/tenants/{quote(tenant_id, safe='')}"
