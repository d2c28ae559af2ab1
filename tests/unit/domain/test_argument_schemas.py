"""What is taken of JSON Schema for arguments, and how the work that a schema makes is counted before it is stored."""

from __future__ import annotations

from typing import Any

import pytest

from minoots_kernel.domain.argument_schemas import DIALECT, MAX_WORK, Misfit, misfits_of_schema, placed, work_of


def laughs(levels: int) -> dict[str, Any]:
    """A schema of a few lines, each of which refers to the next one twice."""
    twice = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(levels)}
    return {"$defs": twice | {f"a{levels}": {"type": "integer"}}, "$ref": "#/$defs/a0"}


def only(schema: dict[str, Any]) -> Misfit:
    (misfit,) = misfits_of_schema(schema)
    return misfit


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"$schema": DIALECT},
        {"$schema": f"{DIALECT}#"},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}, "b": {"$ref": "#/$defs/a"}}, "$defs": {"a": {}}},
        {"$defs": {"a/b": {}, "c~d": {}, "e f": {}}, "anyOf": [{"$ref": "#/$defs/a~1b"}, {"$ref": "#/$defs/c~0d"}]},
        {"$defs": {"e f": {}}, "$ref": "#/$defs/e%20f"},
        {"allOf": [{"type": "object"}, {"not": {"$ref": "#/allOf/0"}}]},
        {"properties": {"$ref": {"type": "string"}, "$id": {"const": {"$ref": "https://example.com"}}}},
        {"enum": [{"$ref": "https://example.com"}], "examples": [{"$id": "x"}]},
    ],
)
def test_an_ordinary_schema_is_taken(schema: dict[str, Any]) -> None:
    assert misfits_of_schema(schema) == []


@pytest.mark.parametrize(
    ("schema", "place", "says"),
    [
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema", "2020-12"),
        ({"$schema": ["x"]}, "/$schema", "2020-12"),
        ({"properties": {"a": {"$ref": "https://example.com/x"}}}, "/properties/a/$ref", "out of the schema"),
        ({"$ref": "other.json#/a"}, "/$ref", "out of the schema"),
        ({"$ref": "#anchor"}, "/$ref", "out of the schema"),
        ({"$ref": 7}, "/$ref", "out of the schema"),
        ({"items": {"$ref": "#/$defs/nothing"}}, "/items/$ref", "nowhere"),
        ({"$ref": "#/allOf/7", "allOf": [{}]}, "/$ref", "nowhere"),
        ({"$ref": "#/allOf/-1", "allOf": [{}]}, "/$ref", "nowhere"),
        ({"$id": "https://example.com/x"}, "/$id", "not taken"),
        ({"$defs": {"a": {"$dynamicAnchor": "x"}}}, "/$defs/a/$dynamicAnchor", "not taken"),
        ({"$ref": "#"}, "", "refers to itself"),
        ({"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}, "/$defs/a", "refers to itself"),
        ({"properties": {"a~/b": {"$ref": "#"}}}, "", "refers to itself"),
        ({"$ref": "#/examples/0", "examples": [{"$ref": "https://example.com"}]}, "/examples/0/$ref", "out of"),
    ],
)
def test_what_is_not_taken_is_named(schema: dict[str, Any], place: str, says: str) -> None:
    misfit = only(schema)
    assert says in misfit.message
    assert placed(misfit) == (f"at {place}: {misfit.message}" if place else misfit.message)


def test_a_place_is_told_as_a_json_pointer() -> None:
    assert placed(Misfit(("a/b", 0, "c~d"), "is wrong")) == "at /a~1b/0/c~0d: is wrong"


@pytest.mark.parametrize(
    ("schema", "work"),
    [
        ({}, 1),
        ({"properties": {"a": True, "b": {"items": {}}}, "additionalProperties": False}, 5),
        ({"$defs": {"a": {"items": {}}}}, 1),
        ({"$defs": {"a": {"items": {}}}, "prefixItems": [{"$ref": "#/$defs/a"}] * 3}, 10),
        ({"pattern": "a"}, 31),
        ({"patternProperties": {"a": {}, "b": {}}}, 63),
        ({"anyOf": [{}, {}], "unevaluatedProperties": False}, 12),
        (laughs(3), 30),
    ],
)
def test_work_is_counted_where_it_is_made(schema: dict[str, Any], work: int) -> None:
    assert work_of(schema) == work


def test_a_few_lines_that_make_endless_work_are_refused_in_no_time() -> None:
    misfit = only(laughs(15))
    assert (misfit.place, str(MAX_WORK) in misfit.message) == ((), True)
    nested: dict[str, Any] = {}
    for _ in range(6):
        nested = {"anyOf": [nested], "unevaluatedProperties": {"type": "integer"}}
    assert "too much work" in only(nested).message
    assert "too much work" in only({"allOf": [{"pattern": "a"}] * 17}).message


def test_a_long_chain_of_references_does_not_run_out_of_stack() -> None:
    chain = {f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(500)} | {"a500": {}}
    assert "nested more than" in only({"$defs": chain, "$ref": "#/$defs/a0"}).message
