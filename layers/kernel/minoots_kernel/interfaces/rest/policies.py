"""The routes of a tenant's policies."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path

from minoots_contract.policies import (
    PoliciesReply,
    PolicyVersionPage,
    PolicyVersionReply,
    PutPoliciesRequest,
    TestPoliciesReply,
    TestPoliciesRequest,
)
from minoots_kernel.domain.policies import PolicyVersion
from minoots_kernel.interfaces.rest.answers import (
    Cursor,
    IfMatch,
    Limit,
    in_wire_names,
    json_answer,
    page_answer,
    principal,
)
from minoots_kernel.interfaces.rest.openapi import described, paged
from minoots_kernel.interfaces.rest.preconditions import etag, versions_of
from minoots_kernel.interfaces.rest.resolver import ConcurrentHttpResolver
from minoots_kernel.interfaces.rest.use_cases import UseCases

__all__ = ["add_policies", "version_shown"]

Reply = TypeVar("Reply", bound=PolicyVersionReply)

Version = Annotated[int, Path(ge=1, description="The version's number.")]
PutBody = Annotated[PutPoliciesRequest, in_wire_names(PutPoliciesRequest), Body()]
TestBody = Annotated[TestPoliciesRequest, in_wire_names(TestPoliciesRequest), Body()]

_LISTING = "policy-versions"


def add_policies(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    """Register the routes of policies."""
    _add_reading(app, use_cases)
    _add_changing(app, use_cases)
    _add_test(app, use_cases)


def _add_reading(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.get("/policies", **described("getPolicies", "Read the policies in force", PoliciesReply, etag=True))
    def get_policies() -> Response[Any]:
        return _answer(use_cases, use_cases.policies.latest(principal(app)))

    @app.get(
        "/policies/versions",
        **paged(described("listPolicyVersions", "List versions of policies", PolicyVersionPage)),
    )
    def list_versions(limit: Limit = 50, cursor: Cursor = None) -> Response[Any]:
        position = use_cases.cursors.decode(principal(app), _LISTING, cursor)
        page = use_cases.policies.page(principal(app), limit=limit, position=position)
        found = [version_shown(use_cases, one, PolicyVersionReply) for one in page.items]
        cursor_after = use_cases.cursors.encode(principal(app), _LISTING, page.next_position)
        return page_answer(app, PolicyVersionPage, cursor_after, versions=found)

    @app.get(
        "/policies/versions/<version>",
        **described("getPolicyVersion", "Read a version of the policies", PolicyVersionReply, 404),
    )
    def get_version(version: Version) -> Response[Any]:
        return json_answer(
            200, version_shown(use_cases, use_cases.policies.get(principal(app), version), PolicyVersionReply)
        )


def _add_changing(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.put(
        "/policies",
        **described("putPolicies", "Put policies in force", PoliciesReply, 404, 412, 422, body=True, etag=True),
    )
    def put_policies(request: PutBody, if_match: IfMatch = None) -> Response[Any]:
        put = use_cases.policies.put(principal(app), request, versions=versions_of(if_match), ip=_ip(app))
        return _answer(use_cases, put)

    @app.delete(
        "/policies",
        **described("deletePolicies", "Let roles decide again", PoliciesReply, 404, 412, etag=True),
    )
    def delete_policies(if_match: IfMatch = None) -> Response[Any]:
        return _answer(use_cases, use_cases.policies.delete(principal(app), versions=versions_of(if_match)))


def _add_test(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.post(
        "/policies:test",
        **described("testPolicies", "Ask what policies would say", TestPoliciesReply, 422, body=True),
    )
    def test_policies(request: TestBody) -> Response[Any]:
        decision = use_cases.policies.test(principal(app), request, _ip(app))
        reply = TestPoliciesReply(
            decision="allow" if decision.allowed else "deny",
            policies=list(decision.policies),
            errors=list(decision.errors),
        )
        return json_answer(200, reply)


def _answer(use_cases: UseCases, found: PolicyVersion) -> Response[Any]:
    shown = version_shown(use_cases, found, PoliciesReply, cedar_schema=use_cases.policies.engine.schema())
    return json_answer(200, shown, {"etag": etag(found.version)})


def version_shown(use_cases: UseCases, found: PolicyVersion, reply: type[Reply], **more: Any) -> Reply:
    """Show a version of policies; where a tenant has none of its own, with those that say the same as the roles."""
    own = found.text is not None
    return reply(
        version=found.version,
        own=own,
        policies=found.text if found.text is not None else use_cases.policies.engine.defaults(),
        created_at=found.created_at_ms if found.version else None,
        created_by=found.created_by if found.version else None,
        **more,
    )


def _ip(app: ConcurrentHttpResolver) -> str | None:
    ip: str | None = app.context["ip"]
    return ip
