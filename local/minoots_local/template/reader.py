"""Reads `template.yaml`: parameters, conditions, globals, intrinsics, and what is played."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from minoots_local.errors import TemplateError
from minoots_local.template.intrinsics import REMOVED, Resolver, parse
from minoots_local.template.model import (
    ACCOUNT,
    PARTITION,
    REGION,
    STACK_NAME,
    Resource,
    Template,
    arn,
    physical_name,
)
from minoots_local.template.registry import (
    RESOURCE_ATTRIBUTES,
    TYPES,
    check_function_events,
    partition_arn_of_function_role,
)

_PSEUDO: Mapping[str, Any] = {
    "AWS::AccountId": ACCOUNT,
    "AWS::NoValue": REMOVED,
    "AWS::NotificationARNs": [],
    "AWS::Partition": PARTITION,
    "AWS::Region": REGION,
    "AWS::StackId": arn("cloudformation", f"stack/{STACK_NAME}/local"),
    "AWS::StackName": STACK_NAME,
    "AWS::URLSuffix": "amazonaws.com",
}
# Globals section -> the resource type that it applies to.
_GLOBALS = {
    "Function": "AWS::Serverless::Function",
    "HttpApi": "AWS::Serverless::HttpApi",
    "LayerVersion": "AWS::Serverless::LayerVersion",
}
_SECTIONS = frozenset(
    [
        "AWSTemplateFormatVersion",
        "Transform",
        "Description",
        "Metadata",
        "Parameters",
        "Mappings",
        "Conditions",
        "Globals",
        "Resources",
        "Outputs",
        "Rules",
    ]
)


def find_template(chosen: Path | None, cwd: Path) -> Path:
    """The template to play.

    In order: the one chosen, `template.yaml` in `cwd`, the one of the checkout that this package
    lies in, the copy inside the installed package.

    Raises:
        TemplateError: There is none; the text lists where it was looked for.
    """
    package = Path(__file__).resolve().parent.parent
    places = (
        [chosen]
        if chosen
        else [
            cwd / "template.yaml",
            package.parent.parent / "template.yaml",
            package / "stack" / "template.yaml",
        ]
    )
    for place in places:
        if place.is_file():
            return place.resolve()
    looked = ", ".join(str(place) for place in places)
    raise TemplateError(f"No template found; looked for {looked}. Name one with --template.")


def read_template(path: Path, overrides: Mapping[str, str] | None = None) -> Template:
    """Read a template and resolve it.

    Args:
        path: The file.
        overrides: Values for parameters; those that the template lacks are an error.

    Raises:
        TemplateError: The template is malformed or asks for what is not played.
    """
    raw = _parsed(path)
    for section in raw:
        if section not in _SECTIONS:
            raise TemplateError(f"{path.name}: section {section} is not known to the local stack")
    parameters = _parameters(raw.get("Parameters") or {}, overrides or {})
    declared: dict[str, Any] = raw.get("Resources") or {}
    if not declared:
        raise TemplateError(f"{path} has no Resources")
    types = {logical_id: _type_of(logical_id, body) for logical_id, body in declared.items()}
    resolver = Resolver(
        ref=lambda name: _ref(name, parameters, types),
        get_att=lambda logical_id, attribute: _get_att(logical_id, attribute, types),
        conditions=raw.get("Conditions") or {},
        mappings=raw.get("Mappings") or {},
    )
    resources = {
        logical_id: resource
        for logical_id, body in declared.items()
        if (resource := _resource(logical_id, body, raw.get("Globals") or {}, resolver))
    }
    outputs = {
        name: str(resolver.value(body.get("Value")))
        for name, body in (raw.get("Outputs") or {}).items()
        if "Condition" not in body or resolver.condition(body["Condition"])
    }
    return Template(path, resources, parameters, outputs)


def declared_parameters(path: Path) -> frozenset[str]:
    """Names of the parameters that a template declares."""
    return frozenset(_parsed(path).get("Parameters") or {})


def _parsed(path: Path) -> dict[str, Any]:
    try:
        raw = parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TemplateError(f"{path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise TemplateError(f"{path} is not YAML: {error}") from error
    if not isinstance(raw, dict):
        raise TemplateError(f"{path} is not a CloudFormation template")
    return raw


def _parameters(declared: Mapping[str, Any], overrides: Mapping[str, str]) -> dict[str, str]:
    unknown = sorted(set(overrides) - set(declared))
    if unknown:
        raise TemplateError(f"The template has no parameter {', '.join(unknown)}")
    values: dict[str, str] = {}
    for name, body in declared.items():
        if name in overrides:
            value = str(overrides[name])
        elif "Default" in body:
            value = str(body["Default"])
        else:
            raise TemplateError(f"Parameter {name} has no default and was not given")
        allowed = [str(choice) for choice in body.get("AllowedValues") or []]
        if allowed and value not in allowed:
            raise TemplateError(f"Parameter {name}: {value} is not one of {', '.join(allowed)}")
        values[name] = value
    return values


def _type_of(logical_id: str, body: Any) -> str:
    if not isinstance(body, dict) or "Type" not in body:
        raise TemplateError(f"{logical_id}: a resource needs a Type")
    kind = str(body["Type"])
    if kind not in TYPES:
        raise TemplateError(f"{logical_id}: {kind} is not known to the local stack")
    for attribute in body:
        if attribute not in RESOURCE_ATTRIBUTES | {"Type", "Properties"}:
            raise TemplateError(f"{logical_id}: {kind} has no attribute {attribute}")
    return kind


def _ref(name: str, parameters: Mapping[str, str], types: Mapping[str, str]) -> Any:
    if name in _PSEUDO:
        return _PSEUDO[name]
    if name in parameters:
        return parameters[name]
    if name in types:
        return TYPES[types[name]].ref(name)
    if name.removesuffix("Role") in types:  # the role that SAM makes for a function
        return physical_name(name)
    raise KeyError(name)


def _get_att(logical_id: str, attribute: str, types: Mapping[str, str]) -> str:
    if logical_id in types:
        known = TYPES[types[logical_id]].attributes
        if attribute in known:
            return known[attribute](logical_id)
        raise TemplateError(f"GetAtt {logical_id}.{attribute}: {types[logical_id]} has no such attribute here")
    owner = logical_id.removesuffix("Role")
    if owner in types and attribute == "Arn":
        return partition_arn_of_function_role(owner)
    raise TemplateError(f"GetAtt {logical_id}.{attribute}: no such resource in the template")


def _resource(
    logical_id: str, body: dict[str, Any], globals_: Mapping[str, Any], resolver: Resolver
) -> Resource | None:
    if "Condition" in body and not resolver.condition(body["Condition"]):
        return None
    kind = body["Type"]
    properties = body.get("Properties") or {}
    for section, applies_to in _GLOBALS.items():
        if applies_to == kind and section in globals_:
            properties = _merged(globals_[section], properties)
    properties = resolver.value(properties)
    TYPES[kind].check(logical_id, properties)
    if kind == "AWS::Serverless::Function":
        check_function_events(logical_id, properties.get("Events") or {})
    return Resource(logical_id, kind, properties, physical_name(logical_id))


def _merged(base: Any, own: Any) -> Any:
    """SAM's rule for Globals: maps merge, lists append, anything else is replaced."""
    if isinstance(base, dict) and isinstance(own, dict) and not _is_intrinsic(own):
        both = {key: _merged(base[key], own[key]) for key in base.keys() & own.keys()}
        return {**base, **own, **both}
    if isinstance(base, list) and isinstance(own, list):
        return [*base, *own]
    return own


def _is_intrinsic(node: dict[str, Any]) -> bool:
    return len(node) == 1 and next(iter(node)).startswith(("Ref", "Fn::", "Condition"))
