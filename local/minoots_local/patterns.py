"""Event patterns, as filters of event source mappings and rules of the bus use them.

moto matches a subset of EventBridge's patterns and lets operators that it does not know match
everything; here those are an error.
"""

import json
from collections.abc import Mapping
from typing import Any

from moto.events.models import UNDEFINED, EventPattern

from minoots_local.errors import TemplateError

_OPERATORS = frozenset(
    {"anything-but", "cidr", "equals-ignore-case", "exists", "numeric", "prefix", "suffix", "wildcard"}
)


class Pattern:
    """One event pattern.

    Args:
        source: The pattern, as JSON text or as data.
        where: What to call it in an error.

    Raises:
        TemplateError: The pattern is malformed or uses an operator that is not played.
    """

    def __init__(self, source: str | Mapping[str, Any], where: str) -> None:
        try:
            pattern = json.loads(source) if isinstance(source, str) else dict(source)
        except ValueError as error:
            raise TemplateError(f"{where}: the pattern is not JSON: {error}") from error
        if not isinstance(pattern, dict):
            raise TemplateError(f"{where}: a pattern is an object")
        _check(pattern, where)
        self._pattern = pattern
        self._rules = EventPattern(json.dumps(pattern), pattern)

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether an event matches."""
        return self._matches(event, self._pattern)

    def _matches(self, node: Any, pattern: Mapping[str, Any]) -> bool:
        # moto would copy and flatten the whole event; only what the pattern names is looked at here.
        for key, wanted in pattern.items():
            if key == "$or":
                if not any(self._matches(node, part) for part in wanted):
                    return False
                continue
            found = node.get(key, UNDEFINED) if isinstance(node, dict) else UNDEFINED
            if isinstance(wanted, dict):
                if not self._matches(found, wanted):
                    return False
            elif not self._rules._does_item_match_filters(found, wanted):
                return False
        return True


def _check(node: Mapping[str, Any], where: str) -> None:
    for key, value in node.items():
        if key == "$or":
            for part in value:
                _check(part, where)
        elif isinstance(value, dict):
            _check(value, where)
        elif isinstance(value, list) and value:
            for rule in value:
                _check_rule(rule, where)
        else:
            raise TemplateError(f"{where}: {key} must be an object or a list that is not empty")


def _check_rule(rule: Any, where: str) -> None:
    if isinstance(rule, dict):
        unknown = set(rule) - _OPERATORS
        if unknown or len(rule) != 1:
            raise TemplateError(f"{where}: operator {', '.join(map(str, rule))} is not played")
    elif isinstance(rule, list):
        raise TemplateError(f"{where}: a list within a list matches nothing")
