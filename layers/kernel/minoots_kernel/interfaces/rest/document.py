"""The OpenAPI description, made from the routes; `docs/openapi.json` is its committed copy.

Powertools describes the routes; what it does not know is added here: which problems a status may be, which headers
answers have, examples, and that a body may be left out, for which it writes that it may be null.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Final

from minoots_contract.problems import ErrorCode
from minoots_kernel.interfaces.rest.openapi import SCHEMES, TITLES
from minoots_kernel.interfaces.rest.problems import PROBLEM_JSON, STATUS, problem_of
from minoots_kernel.interfaces.rest.resolver import ConcurrentHttpResolver

__all__ = ["document"]

_SCHEMAS: Final = "#/components/schemas/"
_JSON: Final = "application/json"
_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "X-Request-Id": {
        "description": "Names the request: in problems, logs and the audit.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "After how many seconds it is worth asking again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {
        "description": "A challenge for bearer tokens (RFC 6750, 3).",
        "required": True,
        "schema": {"type": "string"},
    },
}
_OF_STATUS: Final = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
"""Which headers problems have beside the request's id."""


def document(app: ConcurrentHttpResolver) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the routes.

    Powertools adds its own 422 answer to every operation that has none. What it means is a 400 problem here, so it
    goes, and its models with it.
    """
    schema = app.get_openapi_schema(
        title="MINOOTS",
        version="1",
        description="Durable timers for AI agents and automation.",
        openapi_version="3.1.0",
        security_schemes=SCHEMES,
    )
    made: dict[str, Any] = schema.model_dump(mode="json", by_alias=True, exclude_none=True)
    components = made["components"]
    for unused in ("HTTPValidationError", "ValidationError", "ResponseValidationError"):
        components["schemas"].pop(unused, None)
    components |= {"responses": {}, "headers": _HEADERS, "examples": {}}
    for path, item in made["paths"].items():
        for operation in item.values():
            operation["tags"] = [path.strip("/").partition("/")[0].partition(":")[0]]
            _settle_parameters(operation)
            _settle_body(operation, components)
            _settle_responses(operation, components)
    _settle_timers(made["paths"], components["schemas"])
    return made


def _settle_parameters(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", []):
        parameter["schema"] = _without_null(parameter["schema"])


def _settle_body(operation: dict[str, Any], components: dict[str, Any]) -> None:
    body = operation.get("requestBody")
    if body is None:
        return
    content = body["content"][_JSON]
    settled = _without_null(content["schema"])
    if settled is not content["schema"]:
        body["required"] = False
    content["schema"] = {"$ref": settled["$ref"]}
    _give_example(content, components["examples"])


def _settle_responses(operation: dict[str, Any], components: dict[str, Any]) -> None:
    responses = operation["responses"]
    for code, response in list(responses.items()):
        status = int(code)
        if status >= 400 and PROBLEM_JSON not in response.get("content", {}):
            del responses[code]
        elif status >= 400:
            name = f"Problem{status}"
            components["responses"].setdefault(name, _problem(status))
            responses[code] = {"$ref": f"#/components/responses/{name}"}
        else:
            response["headers"] = {**response.get("headers", {}), **_refs("X-Request-Id")}
            if status == 204:
                response.pop("content", None)
            for content in response.get("content", {}).values():
                _give_example(content, components["examples"])


def _settle_timers(paths: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Describe what timers have and nothing else has: merge patches, 304, answers with some of the fields."""
    patch = paths["/timers/{timer_id}"]["patch"]["requestBody"]["content"]
    patch["application/merge-patch+json"] = patch[_JSON]
    read = paths["/timers/{timer_id}"]["get"]["responses"]
    read["304"] = {"description": "The timer still has the ETag of If-None-Match", "headers": _refs("X-Request-Id")}
    whole, page = schemas["TimerReply"], schemas["TimerPage"]
    told = "A timer of a listing with `fields`: those that were asked for, of those that it has."
    schemas["TimerPart"] = {**whole, "required": [], "title": "TimerPart", "description": told}
    properties = page["properties"]
    parts = {**properties["timers"], "items": {"$ref": f"{_SCHEMAS}TimerPart"}}
    described = "A page of timers, of each the fields that were asked for."
    schemas["TimerPartPage"] = {
        **page,
        "properties": {**properties, "timers": parts},
        "title": "TimerPartPage",
        "description": described,
    }
    listed = paths["/timers"]["get"]["responses"]["200"]["content"][_JSON]
    listed["schema"] = {"anyOf": [listed["schema"], {"$ref": f"{_SCHEMAS}TimerPartPage"}]}


def _problem(status: int) -> dict[str, Any]:
    """Describe a problem: which codes it may have, and one of them as an example."""
    codes = [code for code in ErrorCode if STATUS[code] == status]
    example = problem_of(codes[0], "What exactly is wrong, for people.", instance="/timers", request_id="a1b2c3")
    return {
        "description": f"{TITLES[status]}: {', '.join(f'`{code}`' for code in codes)}",
        "headers": _refs("X-Request-Id", *_OF_STATUS.get(status, ())),
        "content": {PROBLEM_JSON: {"schema": {"$ref": f"{_SCHEMAS}Problem"}, "example": example.wire()}},
    }


def _refs(*headers: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in headers}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema without the null that stands for what is left out."""
    others = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
    if not others or len(others) == len(schema["anyOf"]):
        return schema
    kept = {name: value for name, value in schema.items() if name not in {"anyOf", "title"}}
    return kept | (others[0] if len(others) == 1 else {"anyOf": others})


def _give_example(content: dict[str, Any], examples: dict[str, Any]) -> None:
    name = content["schema"].get("$ref", "").removeprefix(_SCHEMAS)
    if name:
        examples[name] = {"value": _EXAMPLES[name]}
        content["examples"] = {name: {"$ref": f"#/components/examples/{name}"}}


_EXAMPLES: Final[dict[str, Any]] = json.loads((files(__package__) / "examples.json").read_text(encoding="utf-8"))
"""One for each body of a request or a reply, by the name of its model."""
