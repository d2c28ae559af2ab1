"""Every listing links to its next page, and what it links to is that page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import pytest

from minoots_kernel.adapters.cedar import CedarEngine
from minoots_kernel.domain.api_keys import key_from_file
from minoots_kernel.domain.errors import PermanentActionError
from tests.unit.interfaces.api import Answer
from tests.unit.interfaces.test_tenants import OPS, Operated

DOCUMENT: Final = json.loads((Path(__file__).parents[3] / "docs/openapi.json").read_text())
LISTINGS: Final = {
    path: operations["get"]
    for path, operations in DOCUMENT["paths"].items()
    if any(one["name"] == "cursor" for one in operations.get("get", {}).get("parameters", ()))
}


def body_of(path: str) -> dict[str, Any]:
    return {"url": "https://a.example"} if path == "/destinations" else {"body": {"text": "hello"}}


@pytest.fixture(scope="module")
def api() -> Operated:
    """A tenant that has two of everything that can be listed, and an operator."""
    api = Operated()
    for name in ("a", "b"):
        for path in ("/destinations", "/command-templates"):
            assert api.call("PUT", f"{path}/{name}", body=body_of(path)).status in {200, 201}
        assert api.call("POST", "/tenants", key=OPS, body={"id": f"tenant-{name}"}).status == 201
        api.receiver.answers.append(PermanentActionError("no"))
        action = {"id": "a", "kind": "webhook", "parameters": {"url": "https://a.example"}}
        assert api.post(duration="1s", actionBundle={"actions": [action]}).status == 201
    for comment in ("// one\n", "// two\n"):
        assert api.call("PUT", "/policies", body={"policies": comment + CedarEngine().defaults()}).status == 200
    api.keys.put(key_from_file("mnt_another", "demo", name="another"))
    api.play(api.clock.now_ms() + 60_000)
    return api


def entries_of(answer: Answer) -> list[Any]:
    if answer.headers["content-type"] == "application/x-ndjson":
        return answer.text.splitlines()
    (entries,) = (value for value in answer.json.values() if isinstance(value, list))
    found: list[Any] = entries
    return found


@pytest.mark.parametrize("path", sorted(LISTINGS))
def test_a_listing_links_to_its_next_page(api: Operated, path: str) -> None:
    key = {"key": OPS} if path == "/tenants" else {}
    answer = api.call("GET", path, query={"limit": "1"}, **key)
    first = entries_of(answer)
    target, relation = answer.headers["link"].split("; ")
    assert relation == 'rel="next"'
    assert answer.headers["content-type"] != "application/json" or answer.json["nextCursor"] in target
    query = dict(parse_qsl(target.removeprefix("<?").removesuffix(">"), strict_parsing=True))
    second = entries_of(api.call("GET", path, query=query, **key))
    assert (len(first), len(second), first != second) == (1, 1, True)


@pytest.mark.parametrize("path", sorted(LISTINGS))
def test_the_description_has_the_link_of_a_listing(path: str) -> None:
    assert "Link" in LISTINGS[path]["responses"]["200"]["headers"]
