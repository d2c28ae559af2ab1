from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest
from pydantic import BaseModel

import minoots_contract
from minoots_contract.problems import Problem
from minoots_kernel.interfaces.rest.document import document
from minoots_kernel.interfaces.rest.problems import STATUS
from tests.unit.interfaces.api import Api

WITH_POLICIES = {"PUT /policies", "POST /policies:test"}
VERBS = ("cancel", "extend", "fire", "heartbeat", "pause", "reschedule", "resume", "snooze")


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return document(Api().control_plane._app)


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in described["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def test_the_description_is_openapi_3_1_and_plain_json(described: dict[str, Any]) -> None:
    assert described["openapi"] == "3.1.0"
    assert json.loads(json.dumps(described)) == described


def test_every_route_of_the_contract_is_described_and_no_other(described: dict[str, Any]) -> None:
    assert {name for name, _ in operations(described)} == {
        "GET /healthz",
        "POST /timers",
        "POST /timers:batch",
        "GET /timers",
        "GET /timers/{timer_id}",
        "PATCH /timers/{timer_id}",
        *(f"POST /timers/{{timer_id}}/{verb}" for verb in VERBS),
        "GET /dead-letters",
        "GET /dead-letters/{letter_id}",
        "DELETE /dead-letters/{letter_id}",
        "POST /dead-letters/{letter_id}/redrive",
        "POST /dead-letters:redrive",
        "POST /dead-letters:discard",
        "GET /agents/{agent}/inbox",
        *(f"POST /agents/{{agent}}/inbox/{{receipt}}/{verb}" for verb in ("ack", "nack", "extend")),
        "GET /command-templates",
        *(f"{method} /command-templates/{{name}}" for method in ("PUT", "GET", "DELETE")),
        "GET /command-templates/{name}/versions/{version}",
        "GET /destinations",
        "GET /destinations/{name}",
        "PUT /destinations/{name}",
        "DELETE /destinations/{name}",
        *(f"POST /destinations/{{name}}/{verb}" for verb in ("disable", "enable")),
        "POST /destinations/{name}/secrets",
        "DELETE /destinations/{name}/secrets/{secret_id}",
        "GET /settings",
        "PUT /settings",
        "GET /whoami",
        *(f"{verb} /keys" for verb in ("GET", "POST")),
        *(f"{verb} /keys/{{key_id}}" for verb in ("GET", "DELETE")),
        "POST /keys/{key_id}/rotate",
        *(f"{verb} /policies" for verb in ("GET", "PUT", "DELETE")),
        "POST /policies:test",
        "GET /policies/versions",
        "GET /policies/versions/{version}",
        "POST /acknowledgements/{token}",
        "GET /audit",
        "GET /audit:export",
        "GET /usage",
        *(f"{verb} /tenants" for verb in ("GET", "POST")),
        *(f"{verb} /tenants/{{tenant_id}}" for verb in ("GET", "PATCH")),
        *(f"POST /tenants/{{tenant_id}}/{what}" for what in ("keys", "suspend", "resume")),
        "DELETE /tenants/{tenant_id}/policies",
    }


def test_every_operation_with_a_key_has_problems_and_a_422_if_it_may_be_repeated_or_names_targets(
    described: dict[str, Any],
) -> None:
    for name, operation in operations(described):
        problems = {status: one for status, one in operation["responses"].items() if int(status) >= 400}
        parameters = {one["name"] for one in operation.get("parameters", [])}
        remembers_the_request = "idempotency-key" in parameters and "redrive" not in name
        # A batch tells each entry's 422 in that entry's result.
        told_here = remembers_the_request and name != "POST /timers:batch"
        assert ("422" in problems) == (told_here or name in WITH_POLICIES), name
        assert bool(problems) == (name != "GET /healthz"), name
        for status, problem in problems.items():
            assert problem == {"$ref": f"#/components/responses/Problem{status}"}, name
        if operation.get("security", []):
            assert {"401", "403", "503"} <= problems.keys(), name


def test_only_health_and_whoever_holds_a_token_need_no_key(described: dict[str, Any]) -> None:
    without = {name for name, operation in operations(described) if not operation.get("security", [])}
    assert without == {"GET /healthz", "POST /acknowledgements/{token}"}
    schemes = described["components"]["securitySchemes"]
    for _, operation in operations(described):
        assert {scheme for one in operation.get("security", []) for scheme in one} <= set(schemes)


def test_operation_ids_are_distinct(described: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, operation in operations(described)]
    assert len(ids) == len(set(ids))


def test_every_reference_leads_somewhere_and_every_component_is_used(described: dict[str, Any]) -> None:
    sorts = ("schemas", "responses", "headers", "examples")
    components = {f"#/components/{sort}/{name}" for sort in sorts for name in described["components"][sort]}
    assert set(references(described)) == components


def test_a_problem_names_the_codes_that_its_status_may_have_with_an_example(described: dict[str, Any]) -> None:
    for name, problem in described["components"]["responses"].items():
        status = int(name.removeprefix("Problem"))
        codes = {code.value for code, told in STATUS.items() if told == status}
        assert set(re.findall(r"`([\w-]+)`", problem["description"])) == codes
        (content,) = problem["content"].values()
        example = Problem.model_validate(content["example"])
        assert (example.status, example.code in codes) == (status, True)


def bodies(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The content of every JSON body of a request and of a good answer."""
    for name, operation in operations(described):
        answers = [one for status, one in operation["responses"].items() if int(status) < 300]
        for message in [operation.get("requestBody", {}), *answers]:
            if content := message.get("content", {}).get("application/json"):
                yield name, content


def test_every_body_and_every_good_answer_has_an_example_that_is_one(described: dict[str, Any]) -> None:
    examples = described["components"]["examples"]
    for name, content in bodies(described):
        if name == "GET /timers":
            continue  # what it is depends on the fields that are asked for
        model = content["schema"]["$ref"].rpartition("/")[2]
        assert content["examples"] == {model: {"$ref": f"#/components/examples/{model}"}}, name
    for name, example in examples.items():
        read = model_of(name).model_validate(example["value"], by_alias=True, by_name=False)
        assert name.endswith("Request") or read.wire() == example["value"], name


def model_of(name: str) -> type[BaseModel]:
    """The model of the contract that a schema was made of."""
    modules = [import_module(f"minoots_contract.{found.name}") for found in iter_modules(minoots_contract.__path__)]
    found = {vars(module)[name] for module in modules if name in vars(module)}
    (model,) = found
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    return model


def test_a_body_or_a_parameter_that_may_be_left_out_is_not_said_to_be_null(described: dict[str, Any]) -> None:
    left_out = set()
    for name, operation in operations(described):
        for parameter in operation.get("parameters", []):
            assert {"type": "null"} not in parameter["schema"].get("anyOf", []), (name, parameter["name"])
        if "requestBody" in operation:
            assert "$ref" in operation["requestBody"]["content"]["application/json"]["schema"]
            left_out |= set() if operation["requestBody"].get("required") else {name}
    assert "POST /timers/{timer_id}/heartbeat" in left_out
    assert not left_out & {"POST /timers", "PATCH /timers/{timer_id}", "POST /timers:batch"}


def test_a_listing_with_fields_may_show_some_of_each_timer(described: dict[str, Any]) -> None:
    listed = dict(operations(described))["GET /timers"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert {one["$ref"].rpartition("/")[2] for one in listed["anyOf"]} == {"TimerPage", "TimerPartPage"}
    schemas = described["components"]["schemas"]
    assert schemas["TimerPart"]["properties"] == schemas["TimerReply"]["properties"]
    assert schemas["TimerPart"]["required"] == []


def test_request_schemas_are_camel_case_and_closed(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    for name in [name for name in schemas if name.endswith("Request")]:
        assert schemas[name]["additionalProperties"] is False
        assert not [field for field in schemas[name]["properties"] if "_" in field]
    assert "required" not in schemas["CreateTimerRequest"]
    assert schemas["CreateKeyRequest"]["required"] == ["name", "roles"]
