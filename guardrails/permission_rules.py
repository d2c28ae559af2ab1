"""Rules about what a stack may do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

from guardrails.reading import Path, as_list, branches, walk

__all__ = ["LOG_DELIVERY", "PermissionIsNarrow"]

LOG_DELIVERY = frozenset(
    f"logs:{action}"
    for action in (
        "CreateLogDelivery",
        "DeleteLogDelivery",
        "DescribeLogGroups",
        "DescribeResourcePolicies",
        "GetLogDelivery",
        "ListLogDeliveries",
        "PutResourcePolicy",
        "UpdateLogDelivery",
    )
)
"""What Step Functions needs to log, by its documentation."""


class PermissionIsNarrow(CloudFormationLintRule):
    """A permission names what may be done, and to what."""

    id = "E9005"
    shortdesc = "No policy allows a wildcard action or every resource"
    description = (
        "A statement that allows has no wildcard in Action, no Resource of '*', and neither NotAction nor NotResource. "
        "A wildcard inside an ARN, as in table/name/index/*, is narrow enough. Deliveries of logs belong to no "
        "resource: their actions, named one by one, are allowed on every one, as IAM would have it."
    )
    tags = ("minoots", "iam")

    def match(self, cfn: Template) -> list[RuleMatch]:
        """Name each statement that is wider."""
        return [
            RuleMatch(path, f"{path[1]} {fault}")
            for path, statement in _statements(cfn.template.get("Resources", {}))
            for fault in _faults(statement)
        ]


def _statements(resources: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield every statement of every policy, wherever in a resource it stands, that allows something."""
    for path, node in walk(resources, ["Resources"]):
        if isinstance(node, dict) and node.get("Effect") == "Allow":
            yield path, node


def _faults(statement: dict[str, Any]) -> Iterator[str]:
    for name in ("NotAction", "NotResource"):
        if name in statement:
            yield f"allows by {name}: all but what it names"
    for action in _values(statement, "Action"):
        if "*" in str(action):
            yield f"allows {action}: name the actions"
    if "*" in _values(statement, "Resource") and not set(map(str, _values(statement, "Action"))) <= LOG_DELIVERY:
        yield "allows it on every resource: name them"


def _values(statement: dict[str, Any], name: str) -> list[Any]:
    return [one for listed in branches(statement.get(name)) for value in as_list(listed) for one in branches(value)]
