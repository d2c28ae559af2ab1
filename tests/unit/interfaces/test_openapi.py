from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from minoots_kernel.interfaces.rest.openapi import document
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
        for problem in problems.values():
            assert list(problem["content"]) == ["application/problem+json"]
            assert problem["content"]["application/problem+json"]["schema"]["$ref"].endswith("/Problem")
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


def test_every_reference_leads_somewhere_and_every_schema_is_used(described: dict[str, Any]) -> None:
    found = {reference.removeprefix("#/components/schemas/") for reference in references(described)}
    assert found == set(described["components"]["schemas"])


def test_request_schemas_are_camel_case_and_closed(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    for name in [name for name in schemas if name.endswith("Request")]:
        assert schemas[name]["additionalProperties"] is False
        assert not [field for field in schemas[name]["properties"] if "_" in field]
    assert "required" not in schemas["CreateTimerRequest"]
    assert schemas["CreateKeyRequest"]["required"] == ["name", "roles"]
