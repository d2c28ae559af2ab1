"""How the rules read a template: plain data with intrinsic functions in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["Path", "as_list", "branches", "properties", "target", "walk"]

Path = list[str | int]


def properties(resource: dict[str, Any]) -> dict[str, Any]:
    """Return a resource's properties; none is an empty mapping."""
    found = resource.get("Properties")
    return found if isinstance(found, dict) else {}


def branches(value: Any) -> list[Any]:
    """Return every value that a property may take: both sides of an `Fn::If`, or itself; never `AWS::NoValue`."""
    if isinstance(value, dict) and set(value) == {"Fn::If"}:
        _, then, otherwise = value["Fn::If"]
        return [*branches(then), *branches(otherwise)]
    return [] if value == {"Ref": "AWS::NoValue"} else [value]


def target(value: Any) -> str | None:
    """Return the logical id that a `Ref` or an `Fn::GetAtt` names; none for anything else."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    if "Ref" in value:
        return str(value["Ref"])
    if "Fn::GetAtt" in value:
        found = value["Fn::GetAtt"]
        return str(found[0]) if isinstance(found, list) else str(found).partition(".")[0]
    return None


def as_list(value: Any) -> list[Any]:
    """Return a list as it is, anything else as a list of one."""
    return value if isinstance(value, list) else [value]


def walk(node: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield every mapping and list below a node, itself included, with its path."""
    if isinstance(node, dict | list):
        yield path, node
        children = node.items() if isinstance(node, dict) else enumerate(node)
        for key, child in children:
            yield from walk(child, [*path, key])
