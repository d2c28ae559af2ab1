"""The description for people, over sockets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from minoots_local.local_stack import LocalStack
from minoots_local.settings import LocalSettings

pytestmark = pytest.mark.stack

ORIGIN = "https://app.example.org"


@pytest.fixture(scope="module")
def api() -> Iterator[httpx.Client]:
    settings = LocalSettings(port=0, aws_port=None, parameters={"AllowedOrigins": ORIGIN})
    with LocalStack(settings) as stack, httpx.Client(base_url=stack.url, timeout=30) as client:
        yield client


def test_the_page_loads_nothing_from_elsewhere_and_everything_that_it_names(api: httpx.Client) -> None:
    page = api.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    named = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert named
    assert not [link for link in named if "//" in link]
    for link in named:
        assert api.get(f"/{link}").raise_for_status().content
    start = api.get("/docs/start.js").text
    assert 'url: "openapi.json"' in start
    assert "SwaggerUIBundle" in api.get("/docs/ui.js").text


def test_the_description_is_the_committed_one(api: httpx.Client) -> None:
    committed = Path(__file__).parents[2] / "docs" / "openapi.json"
    assert api.get("/openapi.json").text == committed.read_text(encoding="utf-8")


def test_a_browser_is_answered_as_the_deployment_says(api: httpx.Client) -> None:
    asked = {"origin": ORIGIN, "access-control-request-method": "POST"}
    preflight = api.options("/timers", headers=asked)
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, ORIGIN)
    assert (
        "access-control-allow-origin" not in api.options("/timers", headers={**asked, "origin": "https://x.y"}).headers
    )
    head = api.head("/healthz")
    assert (head.status_code, head.content, head.headers["x-content-type-options"]) == (200, b"", "nosniff")
