from __future__ import annotations

import pytest

from minoots_kernel.interfaces.rest.edge import SAFE, Edge
from tests.unit.interfaces.api import Api, event

OURS, THEIRS = "https://app.example.org", "https://evil.example.org"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/timers", 200), ("GET", "/x", 404), ("PUT", "/x", 404)]
)
def test_every_answer_has_the_headers_that_keep_it_safe(method: str, path: str, status: int) -> None:
    answer = Api().call(method, path)
    assert answer.status == status
    assert answer.headers | SAFE == answer.headers
    assert "content-security-policy" not in answer.headers, "there is no page here"


def test_a_head_is_answered_as_its_get_without_the_body() -> None:
    api = Api()
    path = f"/timers/{api.post(duration='1h').json['id']}"
    get, head = api.call("GET", path), api.call("HEAD", path)
    assert (head.status, head.text, head.headers) == (200, "", get.headers)
    assert api.call("HEAD", path, headers={"if-none-match": get.headers["etag"]}).status == 304
    missing = api.call("HEAD", "/timers/nobody")
    assert (missing.status, missing.text) == (404, "")
    assert api.call("HEAD", "/timers", key=None).status == 401


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/timers", "GET, HEAD, OPTIONS, POST"),
        ("/timers/x", "GET, HEAD, OPTIONS, PATCH"),
        ("/timers:batch", "OPTIONS, POST"),
        ("/timers/x/cancel", "OPTIONS, POST"),
    ],
)
def test_options_says_what_a_path_takes_and_needs_no_key(path: str, allow: str) -> None:
    answer = Api().call("OPTIONS", path, key=None)
    assert (answer.status, answer.text, answer.headers["allow"]) == (204, "", allow)


def test_a_page_of_an_allowed_origin_may_call_and_read() -> None:
    api = Api()
    asked = {"origin": OURS, "access-control-request-method": "PATCH", "access-control-request-headers": "if-match"}
    preflight = api.call("OPTIONS", "/timers/x", key=None, headers=asked)
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == OURS
    assert "PATCH" in preflight.headers["access-control-allow-methods"]
    assert {"x-api-key", "if-match", "idempotency-key"} <= set(
        preflight.headers["access-control-allow-headers"].split(", ")
    )
    for path in ("/timers", "/nothing"):
        answer = api.call("GET", path, headers={"origin": OURS})
        assert answer.headers["access-control-allow-origin"] == OURS
        assert {"etag", "link", "ratelimit", "ratelimit-policy", "x-request-id"} <= set(
            answer.headers["access-control-expose-headers"].split(", ")
        )
        assert answer.headers["vary"] == "origin"
        assert "access-control-allow-credentials" not in answer.headers


def test_a_page_of_any_other_origin_is_told_nothing_that_lets_it() -> None:
    api = Api()
    asked = {"origin": THEIRS, "access-control-request-method": "GET"}
    for answer in (
        api.call("OPTIONS", "/timers", key=None, headers=asked),
        api.call("GET", "/timers", headers={"origin": THEIRS}),
        api.call("GET", "/timers", headers={"origin": f"{OURS}.evil.org"}),
        api.call("GET", "/timers"),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert answer.headers["vary"] == "origin", "caches keep the two apart"


def test_without_origins_there_is_no_cors_and_an_asterisk_allows_them_all() -> None:
    api = Api()
    asked = event("GET", "/healthz", headers={"origin": THEIRS})
    headers = Edge(api.control_plane)(asked, None)["headers"]
    assert not [name for name in headers if name.startswith("access-control-") or name == "vary"]
    assert Edge(api.control_plane, ["*"])(asked, None)["headers"]["access-control-allow-origin"] == THEIRS


def test_the_requests_id_is_the_services_own_whatever_a_caller_sends() -> None:
    answer = Api().call("GET", "/timers", headers={"x-request-id": "mine"})
    assert answer.headers["x-request-id"] == "request-1"
