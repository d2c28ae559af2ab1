"""Templates in a webhook's parameters, as far as their form goes, and URLs of destinations."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from minoots_contract.urls import lies_under
from minoots_contract.webhooks import WebhookParameters

URL = "https://example.org/hook"


def faults(**parameters: Any) -> dict[str, str]:
    try:
        WebhookParameters.model_validate({"url": URL} | parameters, by_alias=True, by_name=False)
    except ValidationError as error:
        return {
            ".".join(map(str, [*one["loc"], *filter(None, [one.get("ctx", {}).get("field")])])): one["msg"]
            for one in error.errors()
        }
    return {}


@pytest.mark.parametrize(
    "parameters",
    [
        {"url": "https://example.org/{{ timer.id }}"},
        {"url": "https://example.org/a/{{timer.metadata.any thing}}/b?c={{ timer.name }}&d=1"},
        {"url": "https://example.org:8443?x={{ timer.id }}"},
        {"url": "HTTPS://[2001:db8::1]:8443/{{ timer.id }}"},
        {"method": "{{ timer.metadata.method }}"},
        {"headers": {"X-Name": "{{ timer.name }}", "Authorization": "Bearer {{ timer.metadata.token }}"}},
        {"body": {"a": ["{{ timer.metadata }}", "{{ '{{' }}"]}},
        {"url": "https://example.org/x", "destination": "billing"},
    ],
)
def test_placeholders_are_taken_where_they_may_stand(parameters: dict[str, Any]) -> None:
    assert faults(**parameters) == {}


@pytest.mark.parametrize(
    ("parameters", "field", "says"),
    [
        ({"url": "{{ timer.metadata.url }}"}, "url", "path and query only"),
        ({"url": "https://{{ timer.metadata.host }}/"}, "url", "path and query only"),
        ({"url": "https://{{ timer.metadata.host }}.example.org/"}, "url", "path and query only"),
        ({"url": "https://example.org{{ timer.name }}/"}, "url", "path and query only"),
        ({"url": "https://example.org:{{ timer.name }}/"}, "url", "path and query only"),
        ({"url": "https://user:{{ timer.name }}@example.org/"}, "url", "path and query only"),
        ({"url": "{{ timer.name }}://example.org/"}, "url", "path and query only"),
        ({"url": "ftp://example.org/{{ timer.name }}"}, "url", "path and query only"),
        ({"url": "https://example.org/{{ timer.name }}#{{ timer.id }}"}, "url", "fragment"),
        ({"url": "https://example.org/{{ timer.name }}/../x"}, "url", "'.' or '..'"),
        ({"url": "https://example.org/{{ timer.name"}, "url", "begins no placeholder"),
        ({"url": "https://example.org/a/../b"}, "url", "'.' or '..'"),
        ({"url": "https://example.org/a/%2e%2E/b"}, "url", "'.' or '..'"),
        ({"url": "https://example.org/./b"}, "url", "'.' or '..'"),
        ({"url": "https://example.org:25/"}, "url", "port 25 belongs to another protocol"),
        ({"url": "https://example.org:6667/{{ timer.id }}"}, "url", "port 6667 belongs"),
        ({"method": "TRACE"}, "method", "must be one of"),
        ({"method": "post"}, "method", "must be one of"),
        ({"method": ""}, "method", "must be one of"),
        ({"method": "{{"}, "method", "begins no placeholder"),
        ({"headers": {"X": "{{ }}"}}, "headers", "begins no placeholder"),
        ({"body": ["{{ '{{' "]}, "body", "begins no placeholder"),
        ({"destination": ""}, "destination", ""),
        ({"destination": "a b"}, "destination", ""),
        ({"destination": 1}, "destination", ""),
        ({"url": None}, "url", "give the URL"),
        ({"url": None, "destination": "billing"}, "url", "give the URL"),
    ],
)
def test_what_is_not_well_formed_is_named(parameters: dict[str, Any], field: str, says: str) -> None:
    found = faults(**parameters)
    assert list(found) == [field]
    assert says in found[field]


CLIMBING = [
    "..%2fadmin",
    "..%2Fadmin",
    "..%5cadmin",
    "..;/admin",
    "..;x=1/admin",
    ";x/..;",
    "a;..",
    "%2e%2e%3b/admin",
    "a%2f..%2f..%2fadmin",
    "%252e%252e/admin",
    "..%252fadmin",
    "..%25252525252fadmin",
    ".%2e%20/admin",
    "..%09/admin",
    "%2525252525252525252525252e",
]
"""Paths that some server in front of a receiver takes for one that leads elsewhere."""


@pytest.mark.parametrize("step", CLIMBING)
def test_a_path_that_any_server_could_read_as_one_that_leads_out_again_is_refused(step: str) -> None:
    assert "'.' or '..'" in faults(url=f"https://example.org/hooks/{step}")["url"]
    assert not lies_under(f"https://example.org/hooks/{step}", "https://example.org/hooks")


@pytest.mark.parametrize(
    "step", ["...", "..a", "a..b", "a%2fb", "a%5Cb", "a;v=1.5", "100%25", "%252F", "v1..2", ".well-known", "%ff"]
)
def test_dots_slashes_and_parameters_that_lead_nowhere_else_are_taken(step: str) -> None:
    assert faults(url=f"https://example.org/hooks/{step}?q=../x") == {}
    assert lies_under(f"https://example.org/hooks/{step}", "https://example.org/hooks")


def test_a_webhook_with_a_destination_needs_no_url() -> None:
    assert WebhookParameters.model_validate({"destination": "billing"}).url is None
    with pytest.raises(ValidationError, match="give the URL, or name a destination"):
        WebhookParameters.model_validate({})


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("https://example.org", "https://example.org"),
        ("https://example.org/", "https://example.org"),
        ("https://example.org", "https://example.org/"),
        ("https://EXAMPLE.org:443/a?b", "HTTPS://example.ORG/"),
        ("http://example.org:80/a", "http://example.org"),
        ("https://example.org/hooks", "https://example.org/hooks"),
        ("https://example.org/hooks?x=1", "https://example.org/hooks"),
        ("https://example.org/hooks/", "https://example.org/hooks"),
        ("https://example.org/hooks/a/b", "https://example.org/hooks"),
        ("https://example.org/hooks/a", "https://example.org/hooks/"),
        ("https://[2001:db8::1]/a", "https://[2001:DB8::1]"),
    ],
)
def test_a_url_lies_under_its_destinations(url: str, prefix: str) -> None:
    assert lies_under(url, prefix)


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("http://example.org/", "https://example.org/"),
        ("https://example.org:8443/", "https://example.org/"),
        ("https://example.org/", "https://example.org:8443/"),
        ("https://example.org.evil.example/", "https://example.org"),
        ("https://sub.example.org/", "https://example.org/"),
        ("https://example.org./", "https://example.org/"),
        ("https://example.org/hook", "https://example.org/hooks"),
        ("https://example.org/hooks2", "https://example.org/hooks"),
        ("https://example.org/hooks%2fa", "https://example.org/hooks"),
        ("https://example.org/Hooks", "https://example.org/hooks"),
        ("https://example.org/", "https://example.org/hooks"),
        ("https://example.org/hooks", "https://example.org/hooks/"),
        ("https://example.org/?/hooks/a", "https://example.org/hooks"),
        ("https://example.org?hooks", "https://example.org/hooks"),
        ("https://xn--bcher-kva.example/", "https://b\u00fccher.example/"),
    ],
)
def test_any_other_does_not(url: str, prefix: str) -> None:
    assert not lies_under(url, prefix)
