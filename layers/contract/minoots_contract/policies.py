"""Policies: what callers of a tenant may do, in Cedar, beyond what roles say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from minoots_contract.identity import RoleName
from minoots_contract.model import Instant, Line, RequestedInstant, WireModel, field_error

__all__ = [
    "MAX_POLICY_CHARACTERS",
    "PoliciesReply",
    "PolicyVersionPage",
    "PolicyVersionReply",
    "PutPoliciesRequest",
    "TestPoliciesReply",
    "TestPoliciesRequest",
    "TestedCaller",
    "TestedResource",
]

MAX_POLICY_CHARACTERS = 65_536

PolicyText = Annotated[str, StringConstraints(max_length=MAX_POLICY_CHARACTERS)]


class PutPoliciesRequest(WireModel):
    """Body of ``PUT /policies``."""

    policies: PolicyText | None = Field(default=None, description="Cedar policies, each with an `@id` of its own.")
    restore_version: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Instead of policies: put the text of this earlier version in force again."
    )
    force: bool = Field(default=False, description="Put them in force though they would lock you out.")

    @model_validator(mode="after")
    def _one_source(self) -> PutPoliciesRequest:
        if (self.policies is None) == (self.restore_version is None):
            raise field_error("policies", "give either policies or restoreVersion")
        return self


class PolicyVersionReply(WireModel):
    """Policies as they were from some time on."""

    version: int
    own: bool = Field(description="Whether the tenant had policies of its own then; if not, roles decide.")
    policies: str = Field(description="Without policies of one's own, those that say the same as the roles.")
    created_at: Instant | None = None
    created_by: str | None = None


class PoliciesReply(PolicyVersionReply):
    """The policies in force; version 0 if the tenant never had any of its own."""

    cedar_schema: str = Field(description="What policies may speak of.")


class PolicyVersionPage(WireModel):
    """A page of versions, the latest first."""

    versions: list[PolicyVersionReply]
    next_cursor: str | None = None


class TestedCaller(WireModel):
    """Who would call."""

    __test__ = False  # no test class, though its name begins like one

    subject: Line
    roles: list[RoleName] = Field(default_factory=list)
    authenticated_by: Literal["apiKey", "oidc"] = "apiKey"
    key_id: Line | None = None
    issuer: Line | None = None


class TestedResource(WireModel):
    """What the call would be about. Attributes that policies need and that are not given make them err."""

    __test__ = False

    type: Literal["Tenant", "Timer", "DeadLetter", "Destination", "CommandTemplate", "Inbox", "Key"] = "Tenant"
    id: Annotated[str, StringConstraints(max_length=256)] = Field(default="", description="Without it, the tenant's.")
    name: str | None = None
    status: str | None = None
    requested_by: str | None = None
    fire_at: RequestedInstant | None = None
    timer_id: str | None = None
    action_id: str | None = None
    kind: str | None = None
    url: str | None = None
    roles: list[RoleName] | None = None
    labels: dict[str, str] = Field(default_factory=dict)

    @property
    def attributes(self) -> list[tuple[str, str | int | list[str]]]:
        """Those that are given, in wire names."""
        beside = {"type", "id", "labels"}
        fields = type(self).model_fields
        given = {name: getattr(self, name) for name in fields if name not in beside}
        return [(fields[name].alias or name, value) for name, value in given.items() if value is not None]


class TestPoliciesRequest(WireModel):
    """Body of ``POST /policies:test``."""

    __test__ = False

    principal: TestedCaller
    action: Line = Field(description="An operation's id, such as `cancelTimer`.")
    resource: TestedResource = Field(default_factory=TestedResource)
    ip: Line | None = Field(default=None, description="From where; from here without it.")
    at: RequestedInstant | None = Field(default=None, description="When; now without it.")
    policies: PolicyText | None = Field(default=None, description="Try these instead of those in force.")


class TestPoliciesReply(WireModel):
    """What policies would say."""

    __test__ = False

    decision: Literal["allow", "deny"]
    policies: list[str] = Field(description="Which decided, by their ids; none if no policy allows it.")
    errors: list[str] = Field(description="What went wrong; policies that err have no part in the decision.")
