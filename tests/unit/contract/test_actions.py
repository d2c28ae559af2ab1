from __future__ import annotations

from typing import Any

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from minoots_contract.actions import ACTION_KINDS, ActionBundle, RetryPolicy
from minoots_contract.webhooks import WebhookParameters

URL = "https://example.org/hook"


def action(**changes: Any) -> dict[str, Any]:
    return {"id": "a", "kind": "webhook", "parameters": {"url": URL}} | changes


def refusals(body: object) -> dict[tuple[Any, ...], str]:
    try:
        ActionBundle.model_validate(body)
    except ValidationError as error:
        return {
            (*one["loc"], *filter(None, [one.get("ctx", {}).get("field")])): str(one["msg"]) for one in error.errors()
        }
    return {}


def parameters_refused(parameters: dict[str, Any]) -> dict[tuple[Any, ...], str]:
    return refusals({"actions": [action(parameters=parameters)]})


def test_a_bundle_has_the_defaults_of_the_contract() -> None:
    bundle = ActionBundle.model_validate({"actions": [action()]})
    assert bundle.concurrency == 1
    assert bundle.retry_policy == RetryPolicy()
    assert (bundle.retry_policy.max_attempts, bundle.retry_policy.backoff_initial_ms) == (1, 1000)
    assert bundle.retry_policy.backoff_multiplier == 2
    webhook = bundle.actions[0].webhook()
    assert (webhook.method, webhook.headers, webhook.body, webhook.timeout_ms) == ("POST", {}, None, 10_000)


def test_every_kind_says_what_it_lacks() -> None:
    lacking = {kind: list(refusals({"actions": [action(kind=kind, parameters={})]})) for kind in ACTION_KINDS}
    parameters = ("actions", 0, "parameters")
    assert lacking == {
        "webhook": [(*parameters, "url")],
        "command": [(*parameters, "template")],
        "agent_prompt": [],
        "workflow_event": [("actions", 0, "parameters.target")],
    }


@pytest.mark.parametrize(
    ("bundle", "path"),
    [
        ({}, ("actions",)),
        ({"actions": []}, ("actions",)),
        ({"actions": {}}, ("actions",)),
        ({"actions": [action(id=f"a{n}") for n in range(21)]}, ("actions",)),
        ({"actions": [action()], "concurrency": 0}, ("concurrency",)),
        ({"actions": [action()], "concurrency": 21}, ("concurrency",)),
        ({"actions": [action()], "concurrency": "1"}, ("concurrency",)),
        ({"actions": [action()], "concurrency": True}, ("concurrency",)),
        ({"actions": [action()], "concurrency": 1.0}, ("concurrency",)),
        ({"actions": [action()], "parallel": 2}, ("parallel",)),
        ({"actions": [action()], "retryPolicy": None}, ("retryPolicy",)),
        ({"actions": [action()], "retryPolicy": {"maxAttempts": 0}}, ("retryPolicy", "maxAttempts")),
        ({"actions": [action()], "retryPolicy": {"maxAttempts": 101}}, ("retryPolicy", "maxAttempts")),
        ({"actions": [action()], "retryPolicy": {"maxAttempts": 1.5}}, ("retryPolicy", "maxAttempts")),
        ({"actions": [action()], "retryPolicy": {"backoffInitialMs": 0}}, ("retryPolicy", "backoffInitialMs")),
        ({"actions": [action()], "retryPolicy": {"backoffMultiplier": 0.5}}, ("retryPolicy", "backoffMultiplier")),
        ({"actions": [action()], "retryPolicy": {"backoffMultiplier": "2"}}, ("retryPolicy", "backoffMultiplier")),
        ({"actions": [action()], "retryPolicy": {"backoffMaxMs": 604_800_001}}, ("retryPolicy", "backoffMaxMs")),
        ({"actions": [action()], "retryPolicy": {"jitter": "some"}}, ("retryPolicy", "jitter")),
        ({"actions": [action()], "retryPolicy": {"maxAttempts": None}}, ("retryPolicy", "maxAttempts")),
        ({"actions": [action()], "retryPolicy": {"retryOn": ["gone"]}}, ("retryPolicy", "retryOn", 0)),
        ({"actions": [action()], "retryPolicy": {"totalTimeLimitMs": 0}}, ("retryPolicy", "totalTimeLimitMs")),
        ({"actions": [action(retryPolicy={"maxAttempts": 0})]}, ("actions", 0, "retryPolicy", "maxAttempts")),
        ({"actions": [action()], "onSuccess": action(id="b", kind="sms")}, ("onSuccess", "kind")),
        ({"actions": [action()], "onFailure": action(id="b", parameters={})}, ("onFailure", "parameters", "url")),
        ({"actions": ["webhook"]}, ("actions", 0)),
        ({"actions": [action(id="")]}, ("actions", 0, "id")),
        ({"actions": [action(id="a b")]}, ("actions", 0, "id")),
        ({"actions": [action(id="a\n")]}, ("actions", 0, "id")),
        ({"actions": [action(id="x" * 65)]}, ("actions", 0, "id")),
        ({"actions": [action(id=1)]}, ("actions", 0, "id")),
        ({"actions": [action(kind="email")]}, ("actions", 0, "kind")),
        ({"actions": [action(kind=None)]}, ("actions", 0, "kind")),
        ({"actions": [action(parameters=None)]}, ("actions", 0, "parameters")),
        ({"actions": [action(parameters={})]}, ("actions", 0, "parameters", "url")),
        ({"actions": [action(), action(id="b", extra=1)]}, ("actions", 1, "extra")),
        ({"actions": [action(escalation={"afterAttempts": 0})]}, ("actions", 0, "escalation", "afterAttempts")),
        ({"actions": [action(escalation={"escalatesTo": ""})]}, ("actions", 0, "escalation", "escalatesTo")),
        ({"actions": [action(escalation={"to": "b"})]}, ("actions", 0, "escalation", "to")),
    ],
)
def test_a_bundle_that_does_not_fit_names_the_field(bundle: dict[str, Any], path: tuple[Any, ...]) -> None:
    assert list(refusals(bundle)) == [path]


def test_an_action_id_used_twice_is_named_where_it_stands_again() -> None:
    found = refusals({"actions": [action(id="a"), action(id="b"), action(id="a")]})
    assert found == {("actions[2].id",): "the action id 'a' is used twice"}


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "https://example.org/",
        "HTTPS://EXAMPLE.ORG/x?y=z&u=1%202",
        "http://example.org:2/",
        "http://example.org:65535/",
        "http://example.org:/",
        "http://127.0.0.1:8080/hook",
        "http://[::1]:8080/hook",
        "http://[2001:db8::1]/",
        "https://xn--bcher-kva.example/",
        "https://example.org/a@b",
        "https://example.org/?mail=a@b.c",
        "https://example.org/" + "x" * 2028,
    ],
)
def test_an_absolute_web_address_is_taken(url: str) -> None:
    assert WebhookParameters.model_validate({"url": url}).url == url


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "at least 1"),
        ("https://example.org/" + "x" * 2029, "at most 2048"),
        ("ftp://example.org/", "http or https"),
        ("file:///etc/passwd", "http or https"),
        ("javascript:alert(1)", "http or https"),
        ("gopher://example.org/", "http or https"),
        ("//example.org/hook", "http or https"),
        ("/hook", "http or https"),
        ("example.org/hook", "http or https"),
        ("example.org:80", "http or https"),
        ("http:", "no host"),
        ("http://", "no host"),
        ("http:///hook", "no host"),
        ("http:example.org", "no host"),
        ("http://:80/", "no host"),
        ("http://?x", "no host"),
        ("http://user@example.org/", "user name or password"),
        ("http://user:pass@example.org/", "user name or password"),
        ("http://@example.org/", "user name or password"),
        ("http://example.org@evil.example/", "user name or password"),
        ("http://example.org/#x", "fragment"),
        ("http://example.org#@evil.example/", "fragment"),
        ("http://example.org:0/", "port"),
        ("http://example.org:65536/", "ort"),
        ("http://example.org:abc/", "ort"),
        ("http://example.org:-1/", "ort"),
        ("http://example.org:80:81/", "ort"),
        ("http://example.org:\uff18\uff10/", ""),
        ("http://[::1/", ""),
        ("http://::1]/", ""),
        ("http://[example.org]/", ""),
        ("http://[::1]x/", "host"),
        ("http://x[::1]/", "host"),
        ("http://[fe80::1%25eth0]/", ""),
        ("http://example.org\\@evil.example/", "backslashes"),
        ("http:\\\\example.org", "backslashes"),
        (" http://example.org/", "blanks"),
        ("http://example.org/ ", "blanks"),
        ("http://exam ple.org/", "blanks"),
        ("http://example.org/\r\nHost: evil", "blanks"),
        ("http://exam\tple.org/", "blanks"),
        ("http://example.org/\x00", "control"),
        ("http://example.org/\x7f", "control"),
        ("http://example.org/\x85", "control"),
        ("http://127.0.0.%31/", "percent-encoded"),
        ("http://%65xample.org/", "percent-encoded"),
        ("http://example.org%2eevil.example:80/", "percent-encoded"),
        ("http://example.org\uff0fevil.example/", ""),
        ("http://example.org\uff20evil.example/", ""),
    ],
)
def test_any_other_address_is_refused(url: str, says: str) -> None:
    found = parameters_refused({"url": url})
    assert list(found) == [("actions", 0, "parameters", "url")]
    assert says in found["actions", 0, "parameters", "url"]


@pytest.mark.parametrize("value", [None, 1, ["https://example.org"], {"href": "https://example.org"}])
def test_an_address_is_text(value: object) -> None:
    assert list(parameters_refused({"url": value})) == [("actions", 0, "parameters", "url")]


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "Connection",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
        "Keep-Alive",
        "Proxy-Authorization",
        "proxy-connection",
        "webhook-id",
        "Webhook-Signature",
        "minoots-attempt",
        "MINOOTS-x",
    ],
)
def test_headers_that_the_service_writes_are_refused(name: str) -> None:
    found = parameters_refused({"url": URL, "headers": {name: "x"}})
    assert "leave it out" in found["actions", 0, "parameters", "headers"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "a\r\nX-B: c"),
        ("X-A", "a\n"),
        ("X-A", "\x00"),
        ("X-A", "\x7f"),
        ("X-A", "caf\u00e9"),
        ("X-A", "x" * 4097),
        ("X-A", " x"),
        ("X-A", "x "),
        ("X-A", "\tx"),
        ("X-A", "x\t"),
        ("X-A", " "),
        ("X-A", "\t"),
        ("X-A", 1),
        ("X-A", None),
        ("X-A", ["a", "b"]),
        ("X-A\r\nX-B", "c"),
        ("X-A\n", "c"),
        ("X A", "c"),
        ("X-A:", "c"),
        ("", "c"),
        ("Pr\u00e9nom", "c"),
        ("x" * 129, "c"),
    ],
)
def test_no_header_can_carry_another(name: str, value: object) -> None:
    found = parameters_refused({"url": URL, "headers": {name: value}})
    assert {path[:5] for path in found} == {("actions", 0, "parameters", "headers", name)}


def test_headers_of_the_receiver_are_taken_as_they_are() -> None:
    headers = {"Authorization": "Bearer x.y-z", "X-Empty": "", "X-Tab": "a\tb", "X-Blanks": "a  b c", "accept": "*"}
    assert WebhookParameters.model_validate({"url": URL, "headers": headers}).headers == headers


@pytest.mark.parametrize("names", [("X-A", "x-a"), ("authorization", "Accept", "AUTHORIZATION")])
def test_header_names_that_differ_in_case_alone_are_one_name(names: tuple[str, ...]) -> None:
    found = parameters_refused({"url": URL, "headers": dict.fromkeys(names, "x")})
    assert f"'{names[-1]}' is given twice" in found["actions", 0, "parameters", "headers"]


@given(st.text(alphabet=st.characters(max_codepoint=0x81), max_size=6))
def test_every_header_value_that_is_taken_can_be_sent(value: str) -> None:
    try:
        WebhookParameters.model_validate({"url": URL, "headers": {"X-A": value}})
    except ValidationError:
        return
    h11.Request(method="POST", target="/", headers=[("Host", "example.org"), ("X-A", value.encode())])


def test_there_are_at_most_32_headers() -> None:
    headers = {f"X-{n}": "x" for n in range(33)}
    assert list(parameters_refused({"url": URL, "headers": headers})) == [("actions", 0, "parameters", "headers")]


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"method": "post"}, "method"),
        ({"method": "TRACE"}, "method"),
        ({"method": "CONNECT"}, "method"),
        ({"timeoutMs": 99}, "timeoutMs"),
        ({"timeoutMs": 30_001}, "timeoutMs"),
        ({"timeoutMs": "10"}, "timeoutMs"),
        ({"timeoutMs": 100.0}, "timeoutMs"),
        ({"timeout": 100}, "timeout"),
        ({"headers": []}, "headers"),
    ],
)
def test_other_parameters_are_checked_too(parameters: dict[str, Any], name: str) -> None:
    assert list(parameters_refused({"url": URL} | parameters)) == [("actions", 0, "parameters", name)]


@pytest.mark.parametrize("body", [None, {}, [], "text", 0, False, {"deep": [{"x": None}]}])
def test_a_webhook_body_is_any_json(body: object) -> None:
    assert WebhookParameters.model_validate({"url": URL, "body": body}).body == body
