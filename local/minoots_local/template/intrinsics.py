"""CloudFormation's YAML tags and intrinsic functions.

Source: "Intrinsic function reference", AWS CloudFormation User Guide.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from minoots_local.errors import TemplateError

_PLACEHOLDER = re.compile(r"\$\{(!?)([^${}]+)\}")


class _Removed:
    """What `AWS::NoValue` stands for: the property is as if it had not been written."""


REMOVED = _Removed()


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags."""


def _tagged(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:  # pragma: no cover - YAML has no other nodes
        raise TemplateError(f"!{suffix}: unexpected YAML")
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


def _no_dates(loader: _Loader, node: yaml.ScalarNode) -> str:
    # `Version: 2012-10-17` is text to CloudFormation, a date to YAML.
    return loader.construct_scalar(node)


_Loader.add_multi_constructor("!", _tagged)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _no_dates)


def parse(text: str) -> Any:
    """Parse template text into plain data, short tags written out as their long forms."""
    # _Loader is a SafeLoader: it makes plain data only.
    return yaml.load(text, Loader=_Loader)


class Resolver:
    """Evaluates intrinsic functions.

    Args:
        ref: Value of `Ref` for a name; raises `KeyError` when there is none.
        get_att: Value of `Fn::GetAtt` for a logical id and an attribute.
        conditions: The template's conditions, unevaluated.
        mappings: The template's mappings.
    """

    def __init__(
        self,
        ref: Callable[[str], Any],
        get_att: Callable[[str, str], Any],
        conditions: Mapping[str, Any],
        mappings: Mapping[str, Any],
    ) -> None:
        self._ref = ref
        self._get_att = get_att
        self._conditions = conditions
        self._mappings = mappings
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._do_ref,
            "Condition": self.condition,
            "Fn::And": lambda parts: all(self.value(part) for part in parts),
            "Fn::Equals": self._equals,
            "Fn::FindInMap": self._find_in_map,
            "Fn::GetAtt": self._do_get_att,
            "Fn::If": self._if,
            "Fn::Join": lambda args: str(self.value(args[0])).join(map(str, self.value(args[1]))),
            "Fn::Not": lambda parts: not self.value(parts[0]),
            "Fn::Or": lambda parts: any(self.value(part) for part in parts),
            "Fn::Select": lambda args: self.value(args[1])[int(self.value(args[0]))],
            "Fn::Split": lambda args: str(self.value(args[1])).split(str(self.value(args[0]))),
            "Fn::Sub": self._sub,
        }

    def value(self, node: Any) -> Any:
        """Resolve everything in `node`; properties set to `AWS::NoValue` disappear."""
        if isinstance(node, dict):
            return self._mapping(node)
        if isinstance(node, list):
            return [item for item in map(self.value, node) if item is not REMOVED]
        return node

    def condition(self, name: str) -> bool:
        """Whether a condition of the template holds."""
        if name not in self._conditions:
            raise TemplateError(f"Condition {name} is not in the template")
        return bool(self.value(self._conditions[name]))

    def _mapping(self, node: dict[str, Any]) -> Any:
        if len(node) == 1:
            (key, argument), *_ = node.items()
            if key in self._functions:
                return self._functions[key](argument)
            if isinstance(key, str) and key.startswith("Fn::"):
                raise TemplateError(f"{key} is not known to the local stack")
        resolved = {key: self.value(item) for key, item in node.items()}
        return {key: item for key, item in resolved.items() if item is not REMOVED}

    def _do_ref(self, name: str) -> Any:
        try:
            return self._ref(name)
        except KeyError:
            raise TemplateError(f"Ref {name}: no such parameter or resource in the template") from None

    def _do_get_att(self, argument: Any) -> Any:
        logical_id, attribute = argument
        return self._get_att(logical_id, str(self.value(attribute)))

    def _equals(self, pair: list[Any]) -> bool:
        left, right = (self.value(side) for side in pair)
        return str(left) == str(right)

    def _if(self, argument: list[Any]) -> Any:
        name, then, otherwise = argument
        return self.value(then if self.condition(name) else otherwise)

    def _find_in_map(self, argument: list[Any]) -> Any:
        name, top, second = (str(self.value(part)) for part in argument)
        try:
            return self._mappings[name][top][second]
        except KeyError:
            raise TemplateError(f"FindInMap: no {name}.{top}.{second} in the template") from None

    def _sub(self, argument: Any) -> str:
        text, local = argument if isinstance(argument, list) else (argument, {})

        def replace(match: re.Match[str]) -> str:
            literal, name = match.group(1), match.group(2).strip()
            if literal:
                return f"${{{name}}}"
            if name in local:
                return str(self.value(local[name]))
            if "." in name:
                return str(self._do_get_att(name.split(".", 1)))
            return str(self._do_ref(name))

        return _PLACEHOLDER.sub(replace, text)
