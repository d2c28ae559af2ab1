"""The routes of operators, and what a tenant may see of its own standing."""

from __future__ import annotations

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path

from minoots_contract.identity import CreateKeyRequest, KeyWithSecret
from minoots_contract.model import TenantId as TenantName
from minoots_contract.policies import PolicyVersionReply
from minoots_contract.tenants import (
    ChangeTenantRequest,
    CreateTenantRequest,
    SuspendTenantRequest,
    TenantPage,
    TenantReply,
    UsageReply,
)
from minoots_kernel.domain.tenants import Tenant, tenant_reply
from minoots_kernel.interfaces.rest.answers import (
    Cursor,
    IfMatch,
    Limit,
    in_wire_names,
    json_answer,
    page_answer,
    principal,
)
from minoots_kernel.interfaces.rest.identity import made_key_answer
from minoots_kernel.interfaces.rest.openapi import described, paged
from minoots_kernel.interfaces.rest.policies import version_shown
from minoots_kernel.interfaces.rest.preconditions import etag, versions_of
from minoots_kernel.interfaces.rest.resolver import ConcurrentHttpResolver
from minoots_kernel.interfaces.rest.use_cases import UseCases

__all__ = ["add_tenants", "add_usage"]

TenantId = Annotated[TenantName, Path(description="The tenant's id.")]
CreateBody = Annotated[CreateTenantRequest, in_wire_names(CreateTenantRequest), Body()]
ChangeBody = Annotated[ChangeTenantRequest, in_wire_names(ChangeTenantRequest), Body()]
SuspendBody = Annotated[SuspendTenantRequest | None, in_wire_names(SuspendTenantRequest), Body()]
KeyBody = Annotated[CreateKeyRequest, in_wire_names(CreateKeyRequest), Body()]

_LISTING = "tenants"


def add_usage(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    """Register the route that tells a tenant what it has used."""

    @app.get("/usage", **described("getUsage", "Say what is used of what the tier allows", UsageReply))
    def get_usage() -> Response[Any]:
        return json_answer(200, use_cases.usage(principal(app)))


def add_tenants(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    """Register the routes of operators."""
    _add_reading(app, use_cases)
    _add_changing(app, use_cases)
    _add_standing(app, use_cases)


def _add_reading(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.get("/tenants", **paged(described("listTenants", "List tenants", TenantPage)))
    def list_tenants(limit: Limit = 50, cursor: Cursor = None) -> Response[Any]:
        page = use_cases.tenants.page(limit=limit, position=use_cases.cursors.decode(principal(app), _LISTING, cursor))
        found = [tenant_reply(tenant) for tenant in page.items]
        cursor_after = use_cases.cursors.encode(principal(app), _LISTING, page.next_position)
        return page_answer(app, TenantPage, cursor_after, tenants=found)

    @app.get("/tenants/<tenant_id>", **described("getTenant", "Read a tenant", TenantReply, 404, etag=True))
    def get_tenant(tenant_id: TenantId) -> Response[Any]:
        return _answer(use_cases.tenants.get(tenant_id))


def _add_changing(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.post(
        "/tenants", **described("createTenant", "Make a tenant", TenantReply, 409, status=201, body=True, etag=True)
    )
    def create_tenant(request: CreateBody) -> Response[Any]:
        return _answer(use_cases.tenants.create(principal(app), request), 201)

    @app.patch(
        "/tenants/<tenant_id>",
        **described(
            "changeTenant",
            "Give a tenant another name or tier, or its audit another time",
            TenantReply,
            404,
            412,
            body=True,
            etag=True,
        ),
    )
    def change_tenant(tenant_id: TenantId, request: ChangeBody, if_match: IfMatch = None) -> Response[Any]:
        versions = versions_of(if_match)
        return _answer(use_cases.tenants.change(principal(app), tenant_id, request, versions=versions))

    @app.post(
        "/tenants/<tenant_id>/keys",
        **described("createTenantKey", "Make an API key for a tenant", KeyWithSecret, 404, 409, status=201, body=True),
    )
    def create_tenant_key(tenant_id: TenantId, request: KeyBody) -> Response[Any]:
        return made_key_answer(use_cases, use_cases.tenants.create_key(principal(app), tenant_id, request), 201)


def _add_standing(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.post(
        "/tenants/<tenant_id>/suspend",
        **described("suspendTenant", "Shut a tenant's callers out", TenantReply, 404, 409, 412, body=True, etag=True),
    )
    def suspend_tenant(tenant_id: TenantId, request: SuspendBody = None, if_match: IfMatch = None) -> Response[Any]:
        reason, versions = request.reason if request else None, versions_of(if_match)
        return _answer(use_cases.tenants.suspend(principal(app), tenant_id, reason, versions=versions))

    @app.post(
        "/tenants/<tenant_id>/resume",
        **described("resumeTenant", "Let a tenant's callers in again", TenantReply, 404, 412, etag=True),
    )
    def resume_tenant(tenant_id: TenantId, if_match: IfMatch = None) -> Response[Any]:
        return _answer(use_cases.tenants.resume(principal(app), tenant_id, versions=versions_of(if_match)))

    @app.delete(
        "/tenants/<tenant_id>/policies",
        **described("resetTenantPolicies", "Let a tenant's roles decide again", PolicyVersionReply, 404, 412),
    )
    def reset_tenant_policies(tenant_id: TenantId) -> Response[Any]:
        after = use_cases.policies.reset(principal(app), use_cases.tenants.known(tenant_id))
        return json_answer(200, version_shown(use_cases, after, PolicyVersionReply))


def _answer(tenant: Tenant, status: int = 200) -> Response[Any]:
    return json_answer(status, tenant_reply(tenant), {"etag": etag(tenant.version)})
