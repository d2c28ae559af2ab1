"""Event patterns, as filters of event source mappings and rules of the bus use them."""

from typing import Any

import pytest

from minoots_local.errors import TemplateError
from minoots_local.patterns import Pattern

EVENT: dict[str, Any] = {
    "source": "shop",
    "detail": {"total": 12, "tags": ["a", "b"], "nothing": None, "name": "Coffee", "empty": {}},
}


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ({}, True),
        ({"source": ["shop"]}, True),
        ({"source": ["other", "shop"]}, True),
        ({"source": ["other"]}, False),
        ({"missing": ["x"]}, False),
        ({"detail": {"total": [12]}}, True),
        ({"detail": {"total": [{"numeric": [">", 10, "<=", 12]}]}}, True),
        ({"detail": {"total": [{"numeric": [">", 12]}]}}, False),
        ({"detail": {"tags": ["b"]}}, True),
        ({"detail": {"nothing": [None]}}, True),
        ({"detail": {"name": [{"prefix": "Cof"}]}}, True),
        ({"detail": {"name": [{"suffix": "fee"}]}}, True),
        ({"detail": {"name": [{"equals-ignore-case": "COFFEE"}]}}, True),
        ({"detail": {"name": [{"anything-but": ["Tea"]}]}}, True),
        ({"detail": {"name": [{"anything-but": "Coffee"}]}}, False),
        ({"detail": {"name": [{"wildcard": "C*e"}]}}, True),
        ({"detail": {"total": [{"exists": True}], "gone": [{"exists": False}]}}, True),
        ({"detail": {"gone": {"deeper": [{"exists": False}]}}}, True),
        ({"detail": {"gone": {"deeper": ["x"]}}}, False),
        ({"source": {"deeper": ["x"]}}, False),
        ({"$or": [{"source": ["other"]}, {"detail": {"total": [12]}}]}, True),
        ({"$or": [{"source": ["other"]}, {"detail": {"total": [13]}}]}, False),
    ],
)
def test_patterns_match_as_eventbridge_says(pattern: dict[str, Any], matches: bool) -> None:
    assert Pattern(pattern, "test").matches(EVENT) is matches


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ('{"a": [{"sounds-like": "x"}]}', "operator sounds-like is not played"),
        ('{"a": "x"}', "a must be an object or a list"),
        ('{"a": []}', "a must be an object or a list"),
        ('{"a": [["x"]]}', "a list within a list"),
        ('{"a": ', "not JSON"),
        ("[]", "a pattern is an object"),
    ],
)
def test_patterns_that_are_not_played_are_refused(pattern: str, complaint: str) -> None:
    with pytest.raises(TemplateError, match=complaint):
        Pattern(pattern, "test")
