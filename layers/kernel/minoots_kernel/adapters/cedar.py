"""Policies in Cedar, by the cedarpy library.

The library takes 15 MB of memory and 70 ms to import, so it is imported when it is first needed: by a tenant that has
policies of its own, or wants to have some.

Cedar's parser does not say where a text is wrong. So each policy is read by itself: a fault is at least in the line in
which its policy begins, and in the very line if the message names something that stands there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from ipaddress import ip_address
from typing import Any, Final

from minoots_kernel.application.policy_ports import Rules
from minoots_kernel.domain.authority import Thing, Value
from minoots_kernel.domain.key_giving import is_like_a_token
from minoots_kernel.domain.policies import Decision, Fault, Question, Statement, statements
from minoots_kernel.domain.tenancy import Principal

__all__ = ["CedarEngine"]

_NAMED: Final = re.compile(r"`([^`]+)`")
_ABOUT_THE_POLICY: Final = re.compile(r"^for policy `policy0`, ")
_PARSE_ERROR: Final = "Policy parse error: "

_INSTANTS: Final = frozenset({"fireAt"})
"""Attributes that are instants; other numbers are numbers."""


class CedarEngine:
    """Checks and compiles policies against the schema of this package."""

    def defaults(self) -> str:
        """Return the policies that say what roles do."""
        return _packaged("default.cedar")

    def schema(self) -> str:
        """Return the schema."""
        return _packaged("minoots.cedarschema")

    def faults(self, text: str) -> list[Fault]:
        """Return what is wrong with a text of policies, by line."""
        found: list[Fault] = []
        first: dict[str, int] = {}
        for statement in statements(text):
            wrong = _wrong(statement)
            found += wrong
            if wrong:
                continue
            name = _annotated_id(statement)
            if not name:
                found.append(Fault(statement.line, 'the policy has no name: put @id("…") before it'))
            elif name in first:
                found.append(Fault(statement.line, f"there is a policy '{name}' in line {first[name]} already"))
            else:
                first[name] = statement.line
        return found

    def compile(self, text: str) -> Rules:
        """Make a text ready to be asked."""
        return _CedarRules(text)


class _CedarRules:
    """A parsed set of policies. Of one that names what the schema does not have, what is left is asked."""

    def __init__(self, text: str) -> None:
        import cedarpy  # 70 ms, for tenants with policies of their own

        self._cedar = cedarpy
        self._policies = cedarpy.PolicySet.from_str(text)
        self._schema = _schema()

    def decide(self, questions: Sequence[Question]) -> list[Decision]:
        """Answer each of the questions, which all have one principal."""
        if not questions:
            return []
        things = {(one.thing.type, one.thing.id): _thing(one.thing) for one in questions}
        entities = json.dumps([_caller(questions[0].principal), *things.values()])
        asked = [_request(one) for one in questions]
        results = self._cedar.is_authorized_batch(asked, self._policies, entities, self._schema)
        return [_decision(result) for result in results]


@cache
def _packaged(name: str) -> str:
    return (resources.files("minoots_kernel") / "policies" / name).read_text(encoding="utf-8")


@cache
def _schema() -> Any:
    import cedarpy  # as above

    return cedarpy.Schema.from_str(_packaged("minoots.cedarschema"))


def _wrong(statement: Statement) -> list[Fault]:
    import cedarpy  # as above

    try:
        templates = cedarpy.PolicySet.from_str(statement.text).templates()
    except ValueError as error:
        if str(error) == "unexpected end of input" and not statement.text.endswith(";"):
            return [Fault(statement.line, "the policy does not end: it wants a semicolon")]
        return [_fault(statement, str(error))]
    if templates:
        return [Fault(statement.line, "templates, with ?principal or ?resource, are not known here")]
    result = cedarpy.validate_policies(statement.text, _packaged("minoots.cedarschema"))
    return [_fault(statement, error.error) for error in result.errors]


def _fault(statement: Statement, message: str) -> Fault:
    said = _ABOUT_THE_POLICY.sub("", message).removeprefix(_PARSE_ERROR)
    named = next((name for name in _NAMED.findall(said) if statement.line_of(name) != statement.line), "")
    return Fault(statement.line_of(named) if named else statement.line, said)


def _annotated_id(statement: Statement) -> str:
    import cedarpy  # as above

    (policy,) = json.loads(cedarpy.policies_to_json_str(statement.text))["staticPolicies"].values()
    return str(policy.get("annotations", {}).get("id") or "")


def _caller_id(principal: Principal) -> str:
    # The subjects of issuers of tokens are not ours to choose: they must not be taken for a key of the same name. Nor
    # must a key be taken for one of theirs: from a key file, or made long ago, it may be called like one.
    if principal.issuer is not None:
        return f"{principal.issuer}#{principal.subject}"
    return f"key#{principal.subject}" if is_like_a_token(principal.subject) else principal.subject


def _caller(principal: Principal) -> dict[str, Any]:
    attributes = {
        "subject": principal.subject,
        "authenticatedBy": principal.authenticated_by,
        "tier": principal.tier,
        "keyId": principal.key_id,
        "issuer": principal.issuer,
    }
    return {
        "uid": {"type": "Caller", "id": _caller_id(principal)},
        "attrs": {name: value for name, value in attributes.items() if value is not None},
        "parents": [{"type": "Role", "id": role} for role in sorted(principal.roles)],
    }


def _thing(thing: Thing) -> dict[str, Any]:
    return {
        "uid": {"type": thing.type, "id": thing.id},
        "attrs": {name: _value(name, value) for name, value in thing.attributes.items()},
        "tags": dict(thing.tags),
        "parents": [],
    }


def _value(name: str, value: Value) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    return _instant(value) if isinstance(value, int) and name in _INSTANTS else value


def _instant(instant_ms: int) -> dict[str, Any]:
    instant = datetime.fromtimestamp(instant_ms / 1000, UTC)
    return {"__extn": {"fn": "datetime", "arg": instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")}}


def _request(question: Question) -> dict[str, Any]:
    context: dict[str, Any] = {"now": _instant(question.now_ms)}
    if question.ip is not None and _is_address(question.ip):
        context["ip"] = {"__extn": {"fn": "ip", "arg": question.ip}}
    return {
        "principal": {"type": "Caller", "id": _caller_id(question.principal)},
        "action": {"type": "Action", "id": question.action},
        "resource": {"type": question.thing.type, "id": question.thing.id},
        "context": context,
    }


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text  # a zone means nothing to policies


def _decision(result: Any) -> Decision:
    names = result.diagnostics.id_annotations_by_reason
    deciding = sorted(names.get(reason, reason) for reason in result.diagnostics.reasons)
    return Decision(bool(result.allowed), tuple(deciding), tuple(result.diagnostics.errors))
