"""The audit stands: whoever runs in the stack can write entries at most, and only time takes them away."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.template.expanded import FUNCTIONS, Resources, as_list, statements, statements_of

TABLE = {"Fn::GetAtt": ["TimersTable", "Arn"]}
ENTRY, TIMER = "A#acme#3", "T#acme#3"
WRITERS = {"ControlPlaneFunction", "EventFabricFunction"}
CHANGES = {
    f"dynamodb:{name}"
    for name in ("UpdateItem", "DeleteItem", "BatchWriteItem", "PartiQLUpdate", "PartiQLDelete", "PartiQLInsert")
}
"""What changes or deletes an item, by the names that IAM has for it; `BatchWriteItem` deletes, too."""

ABOUT_THE_TABLE = {
    f"dynamodb:{name}"
    for name in (
        *("DeleteTable", "UpdateTable", "UpdateTimeToLive", "UpdateContinuousBackups", "PutResourcePolicy"),
        *("RestoreTableFromBackup", "RestoreTableToPointInTime", "ImportTable", "DeleteBackup"),
    )
}


def may(resources: Resources, function: str, action: str, partition: str) -> bool:
    """Tell whether IAM lets a function do something with an item: some statement allows it, and none denies it."""

    def says(effect: str) -> bool:
        return any(
            action in as_list(one["Action"])
            and TABLE in as_list(one["Resource"])
            and _holds(one.get("Condition", {}), partition)
            for one in statements_of(resources, function, effect)
        )

    return says("Allow") and not says("Deny")


def _holds(conditions: dict[str, Any], partition: str) -> bool:
    for operator, keys in conditions.items():
        # Of a single key all and any are the same, and none of the patterns without a star has a wildcard.
        assert operator in {"ForAllValues:StringLike", "ForAnyValue:StringLike", "ForAllValues:StringEquals"}
        if not any(fnmatchcase(partition, pattern) for pattern in keys["dynamodb:LeadingKeys"]):
            return False
    return True


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_no_function_may_change_or_delete_an_entry(resources: Resources, function: str) -> None:
    assert not [action for action in sorted(CHANGES) if may(resources, function, action, ENTRY)]


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_only_those_that_write_the_audit_may_put_an_entry(resources: Resources, function: str) -> None:
    assert may(resources, function, "dynamodb:PutItem", ENTRY) == (function in WRITERS)


def test_what_is_denied_on_the_audit_is_allowed_elsewhere(resources: Resources) -> None:
    """Or the tests above would find that nobody may do anything."""
    assert may(resources, "KernelFireFunction", "dynamodb:UpdateItem", TIMER)
    assert may(resources, "ControlPlaneFunction", "dynamodb:UpdateItem", TIMER)
    assert may(resources, "ControlPlaneFunction", "dynamodb:DeleteItem", "I#acme#ann")
    assert may(resources, "KernelSweepFunction", "dynamodb:PutItem", "D#acme#3")
    assert not may(resources, "KernelFireFunction", "dynamodb:PutItem", TIMER)


def test_no_role_of_the_stack_may_do_away_with_the_table_or_how_long_its_items_live(resources: Resources) -> None:
    allowed = {action for _, one in statements(resources) for action in as_list(one["Action"])}
    assert not allowed & ABOUT_THE_TABLE
    table = resources["TimersTable"]["Properties"]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}
