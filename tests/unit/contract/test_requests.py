from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from minoots_contract.changes import CancelTimerRequest
from minoots_contract.timers import CreateTimerRequest

MINIMAL = {"requestedBy": "cli", "duration": "30s"}


def problems(model: type[CreateTimerRequest | CancelTimerRequest], body: object) -> dict[str, str]:
    """What is wrong with a body: path to message; empty if it is taken."""
    try:
        model.model_validate(body)
    except ValidationError as error:
        found = {}
        for one in error.errors():
            path = ".".join(str(part) for part in one["loc"])
            named = one.get("ctx", {}).get("field")
            found[".".join(filter(None, [path, named]))] = one["msg"]
        return found
    return {}


def test_the_least_request_has_the_defaults_of_the_contract() -> None:
    request = CreateTimerRequest.model_validate(MINIMAL)
    assert request.duration == 30_000
    assert (request.tenant_id, request.name, request.fire_at, request.action_bundle) == (None, None, None, None)
    assert (request.metadata, request.labels) == ({}, {})


def test_everything_that_callers_send_is_read() -> None:
    request = CreateTimerRequest.model_validate(
        {
            "tenantId": "demo",
            "requestedBy": "cli",
            "name": "coffee-break",
            "fireAt": "2030-01-01T01:00:00+01:00",
            "metadata": {"note": "brew beans", "deep": {"list": [1, 2.5, None, True]}},
            "labels": {"team": "kitchen", "a/b.c_d-e": ""},
        }
    )
    assert request.fire_at == 1_893_456_000_000
    assert request.tenant_id == "demo"
    assert request.metadata["deep"] == {"list": [1, 2.5, None, True]}
    assert request.labels == {"team": "kitchen", "a/b.c_d-e": ""}


def test_a_request_is_written_as_it_is_read() -> None:
    body = {"requestedBy": "cli", "duration": 30_000, "metadata": {}, "labels": {"a": "b"}}
    assert CreateTimerRequest.model_validate(body).wire() == body


@pytest.mark.parametrize("field", ["agentBinding", "name", "tenantId", "fireAt", "actionBundle"])
def test_null_is_the_same_as_absent(field: str) -> None:
    assert CreateTimerRequest.model_validate(MINIMAL | {field: None}) == CreateTimerRequest.model_validate(MINIMAL)


BAD: list[tuple[str, Any, str, str]] = [
    # field, value, path that the error names, words of its message
    ("tenantId", "", "tenantId", "pattern"),
    ("tenantId", "a#b", "tenantId", "pattern"),
    ("tenantId", "a:b", "tenantId", "pattern"),
    ("tenantId", "demo\n", "tenantId", "pattern"),
    ("tenantId", "x" * 65, "tenantId", "pattern"),
    ("tenantId", 7, "tenantId", "string"),
    ("requestedBy", "", "requestedBy", "at least 1"),
    ("requestedBy", 5, "requestedBy", "string"),
    ("requestedBy", b"cli", "requestedBy", "string"),
    ("requestedBy", "x" * 257, "requestedBy", "at most 256"),
    ("requestedBy", "a\nb", "requestedBy", "pattern"),
    ("requestedBy", "a\n", "requestedBy", "pattern"),
    ("requestedBy", "a\x85b", "requestedBy", "pattern"),
    ("requestedBy", "\x00", "requestedBy", "pattern"),
    ("name", "", "name", "at least 1"),
    ("name", "tab\there", "name", "pattern"),
    ("duration", 1.0, "duration", "whole number"),
    ("duration", True, "duration", "whole number"),
    ("duration", ["30s"], "duration", "whole number"),
    ("duration", "30", "duration", "write a duration"),
    ("duration", 0, "duration", "longer than zero"),
    ("metadata", [], "metadata", "dictionary"),
    ("metadata", "x", "metadata", "dictionary"),
    ("metadata", None, "metadata", "dictionary"),
    ("metadata", {"x": object()}, "metadata.x", "valid JSON"),
    ("metadata", {"x": float("nan")}, "metadata.x.float", "finite"),
    ("metadata", {"x": float("inf")}, "metadata.x.float", "finite"),
    ("labels", {"a": 1}, "labels.a", "string"),
    ("labels", {"a": None}, "labels.a", "string"),
    ("labels", {"": "x"}, "labels..[key]", "pattern"),
    ("labels", {"-a": "x"}, "labels.-a.[key]", "pattern"),
    ("labels", {"a b": "x"}, "labels.a b.[key]", "pattern"),
    ("labels", {"x" * 64: "x"}, f"labels.{'x' * 64}.[key]", "pattern"),
    ("labels", {"a": "x" * 257}, "labels.a", "at most 256"),
    ("labels", {f"a{n}": "x" for n in range(51)}, "labels", "at most 50"),
    ("labels", ["a"], "labels", "dictionary"),
    ("actionBundle", [], "actionBundle", "dictionary"),
    ("actionBundle", {}, "actionBundle.actions", "required"),
    ("agentBinding", {"adapter": "mcp", "target": "x"}, "agentBinding.target", "http or https"),
    ("agentBinding", {}, "agentBinding.adapter", "required"),
    ("schedule", "daily", "schedule", "not permitted"),
    ("latePolicy", "fire", "latePolicy", "valid dictionary"),
    ("status", "armed", "status", "not permitted"),
    ("id", "mine", "id", "not permitted"),
    ("requestedby", "cli", "requestedby", "not permitted"),
]


@pytest.mark.parametrize(("field", "value", "path", "says"), BAD)
def test_a_field_that_does_not_fit_is_named(field: str, value: Any, path: str, says: str) -> None:
    found = problems(CreateTimerRequest, MINIMAL | {field: value})
    assert says in found[path]


@pytest.mark.parametrize(
    ("when", "path", "says"),
    [
        ({}, "duration", "give duration or fireAt"),
        ({"duration": None}, "duration", "give duration or fireAt"),
        ({"duration": "1s", "fireAt": "2030-01-01T00:00:00Z"}, "fireAt", "not both"),
        ({"fireAt": "2030-01-01T00:00:00"}, "fireAt", "no offset"),
        ({"fireAt": 1_893_456_000_000}, "fireAt", "RFC 3339"),
        ({"fireAt": "2030-02-30T00:00:00Z"}, "fireAt", "no such date"),
    ],
)
def test_exactly_one_of_duration_and_fire_at_says_when(when: dict[str, Any], path: str, says: str) -> None:
    found = problems(CreateTimerRequest, {"requestedBy": "cli"} | when)
    assert list(found) == [path]
    assert says in found[path]


def test_every_field_at_fault_is_named_at_once() -> None:
    found = problems(CreateTimerRequest, {"name": "", "duration": "x", "labels": {"a": 1}, "colour": "red"})
    assert set(found) == {"name", "duration", "labels.a", "colour"}


def test_a_request_cannot_be_changed_after_it_was_checked() -> None:
    request = CreateTimerRequest.model_validate(MINIMAL)
    with pytest.raises(ValidationError, match="frozen"):
        request.requested_by = "somebody else"  # type: ignore[misc]


@pytest.mark.parametrize("body", [None, [], "x", 1, True])
def test_a_request_is_an_object(body: object) -> None:
    assert problems(CreateTimerRequest, body)
    assert problems(CancelTimerRequest, body)


def test_a_cancel_says_who_and_may_say_why() -> None:
    assert CancelTimerRequest.model_validate({"requestedBy": "cli"}).reason is None
    assert CancelTimerRequest.model_validate({"requestedBy": "cli", "reason": "done"}).reason == "done"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"requestedBy": ""}, "requestedBy"),
        ({"requestedBy": "a", "reason": ""}, "reason"),
        ({"requestedBy": "a", "reason": "x\r\ny"}, "reason"),
        ({"requestedBy": "a", "force": True}, "force"),
    ],
)
def test_a_cancel_that_does_not_fit_is_refused(body: dict[str, Any], path: str) -> None:
    assert set(problems(CancelTimerRequest, body)) == {path}
