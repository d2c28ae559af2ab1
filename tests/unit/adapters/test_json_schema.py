"""Schemas and arguments before the library: what it refuses, what it says, and what it cannot be brought to do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minoots_kernel.adapters.json_schema import MAX_SHOWN, JsonSchemas
from minoots_kernel.domain.argument_schemas import MAX_WORK, Effort, placed

SCHEMAS = JsonSchemas()
PAGE = {
    "type": "object",
    "properties": {
        "severity": {"type": "integer", "minimum": 1, "maximum": 5},
        "who": {"type": "array", "items": {"pattern": "^[a-z]+$"}},
        "mode": {"enum": ["loud", "quiet"]},
    },
    "required": ["severity"],
    "additionalProperties": False,
}


def said(schema: dict[str, Any], arguments: dict[str, Any]) -> list[str]:
    assert SCHEMAS.faults(schema) == []
    return [placed(one) for one in SCHEMAS.misfits(schema, arguments, Effort())]


def test_arguments_that_fit_are_let_through() -> None:
    assert said(PAGE, {"severity": 3, "who": ["ann", "bob"], "mode": "loud"}) == []
    assert said(PAGE, {"severity": 3.0}) == []


def test_everything_that_does_not_fit_is_named_with_its_place() -> None:
    assert sorted(said(PAGE, {"severity": 9, "who": ["ann", "B0B"], "mode": "l", "x": 1})) == [
        "Additional properties are not allowed ('x' was unexpected)",
        'at /mode: the value is not one of "loud" or "quiet"',
        "at /severity: the value is greater than the maximum of 5",
        'at /who/1: the value does not match "^[a-z]+$"',
    ]
    assert said(PAGE, {}) == ['"severity" is a required property']


@pytest.mark.parametrize("value", ["hunter2", 8675309, ["hunter2"], {"hunter2": 1}, 10**400])
def test_no_value_of_the_arguments_is_repeated(value: Any) -> None:
    schema = {
        "properties": {"a": {"allOf": [{"const": 1}, {"type": "null"}, {"enum": [1, 2]}, {"not": {}}, {"maximum": 1}]}}
    }
    found = said(schema, {"a": value})
    assert len(found) >= 4
    assert not any("hunter2" in text or "8675309" in text or "0000" in text for text in found)


@pytest.mark.parametrize(
    ("schema", "place", "says"),
    [
        ({"type": "nonsense"}, ("type",), "nonsense"),
        ({"properties": {"a": {"minLength": -1}}}, ("properties", "a", "minLength"), "minimum"),
        ({"properties": []}, ("properties",), "object"),
        ({"required": ["a", "a"]}, ("required",), "non-unique"),
        ({"pattern": "("}, ("pattern",), "no pattern"),
        ({"pattern": "(?=a)b"}, ("pattern",), "look-around"),
        ({"pattern": "(a)\\1"}, ("pattern",), "back-references"),
        ({"pattern": "(\\w{1,1000}){1,1000}"}, ("pattern",), "too large"),
        ({"patternProperties": {"(": {}}}, ("patternProperties", "("), "no pattern"),
        ({"$ref": "https://example.com/schema"}, ("$ref",), "out of the schema"),
        ({"$ref": "file:///etc/passwd"}, ("$ref",), "out of the schema"),
        ({"$ref": "#/default", "default": {"type": 7}}, ("default", "type"), "7"),
    ],
)
def test_what_is_no_schema_here_is_named_with_its_place(
    schema: dict[str, Any], place: tuple[str, ...], says: str
) -> None:
    (fault,) = SCHEMAS.faults(schema)
    assert (fault.place, says in fault.message) == (place, True), fault


def test_a_pattern_that_would_hang_others_is_matched_in_linear_time() -> None:
    """Thirty characters are enough to keep an engine that backtracks busy for hours."""
    schema = {"properties": {"a": {"pattern": "^(a|aa)+$"}, "b": {"pattern": "^(a+)+$"}}}
    assert len(said(schema, {"a": "a" * 7_000 + "!", "b": "a" * 7_000 + "!"})) == 1


LONG = "they are too long for such a schema: 2208 characters of JSON where 2141 are left"


def test_the_more_work_a_schema_makes_the_shorter_its_arguments_have_to_be() -> None:
    slow = {"properties": {"a": {"allOf": [{"pattern": "^[ab]*a[ab]{40}c"}] * 15}}}
    assert said(slow, {"a": "b" * 2_000}) == ['at /a: the value does not match "^[ab]*a[ab]{40}c"']
    assert said(slow, {"a": "b" * 2_200}) == [LONG]


def test_faults_without_number_are_cut_short() -> None:
    assert len(said({"additionalProperties": {"type": "null"}}, {str(n): 1 for n in range(100)})) == MAX_SHOWN
    much = {"additionalProperties": {"allOf": [{"type": "null"}] * (MAX_WORK - 10)}}
    assert len(said(much, {str(n): 1 for n in range(200)})) == 1
    assert len(said({"required": ["x" * 10_000]}, {})[0]) <= 200


def test_formats_are_annotations_as_the_standard_has_it() -> None:
    assert said({"properties": {"a": {"format": "email"}}}, {"a": "nobody"}) == []


def test_a_schema_that_is_not_taken_any_more_lets_nothing_through() -> None:
    (misfit,) = SCHEMAS.misfits({"pattern": "(?=a)"}, {}, Effort())
    assert "store it anew" in misfit.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON))
def test_whatever_json_says_is_an_argument_and_fits_the_schema_that_asks_for_nothing(arguments: dict[str, Any]) -> None:
    assert SCHEMAS.misfits({"type": "object"}, arguments, Effort()) == []
    assert SCHEMAS.misfits({"const": arguments}, arguments, Effort()) == []


@given(st.dictionaries(st.sampled_from(["type", "$ref", "allOf", "items", "pattern", "enum", "$defs", "not"]), JSON))
def test_whatever_is_given_for_a_schema_gets_an_answer(schema: dict[str, Any]) -> None:
    if not SCHEMAS.faults(schema):
        SCHEMAS.misfits(schema, {"a": 1}, Effort())
