"""HTTP → function, as API Gateway's HTTP API does it."""

import base64
import threading
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.stack


def event_of(answer: httpx.Response) -> dict[str, Any]:
    return dict(answer.json()["event"])


def test_a_request_becomes_a_payload_of_format_2(toy: Any) -> None:
    headers = [("X-Many", "1"), ("X-Many", "2"), ("Cookie", "a=1; b=2"), ("User-Agent", "tester")]
    event = event_of(toy.http.get("/a%20b/c?x=1&x=2&y=", headers=headers))
    assert event["version"] == "2.0"
    assert event["routeKey"] == event["requestContext"]["routeKey"] == "$default"
    assert event["rawPath"] == "/a%20b/c"
    assert event["rawQueryString"] == "x=1&x=2&y="
    assert event["queryStringParameters"] == {"x": "1,2", "y": ""}
    assert event["headers"]["x-many"] == "1,2"
    assert event["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in event["headers"]
    http = event["requestContext"]["http"]
    assert (http["method"], http["path"], http["sourceIp"]) == ("GET", "/a%20b/c", "127.0.0.1")
    assert (http["userAgent"], http["protocol"]) == ("tester", "HTTP/1.1")
    assert event["isBase64Encoded"] is False
    assert "body" not in event


def test_text_bodies_are_text_and_others_base64(toy: Any) -> None:
    event = event_of(toy.http.post("/x", json={"ä": 1}))
    assert event["body"] == '{"ä":1}'
    assert event["isBase64Encoded"] is False
    raw = b"\x00\xff\x01"
    event = event_of(toy.http.post("/x", content=raw, headers={"content-type": "application/octet-stream"}))
    assert base64.b64decode(event["body"]) == raw
    assert event["isBase64Encoded"] is True
    event = event_of(toy.http.post("/x", content=raw, headers={"content-type": "application/json"}))
    assert event["isBase64Encoded"] is True, "text that is not UTF-8 cannot be text"


def test_the_answer_carries_status_headers_and_cookies(toy: Any) -> None:
    answer = toy.http.get("/x")
    assert answer.status_code == 200
    assert answer.headers["x-flag"] == "true"
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert answer.headers["content-type"] == "application/json"


def test_an_answer_without_a_status_is_the_body(toy: Any) -> None:
    answer = toy.http.get("/bare")
    assert (answer.status_code, answer.json()) == (200, {"bare": True})


def test_a_function_that_raises_answers_as_api_gateway_does(toy: Any, caplog: pytest.LogCaptureFixture) -> None:
    answer = toy.http.get("/boom")
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})
    until_logged = [record for record in caplog.records if record.exc_info]
    assert "boom" in str(until_logged[0].exc_info)


def test_a_body_over_ten_megabytes_is_refused(toy: Any) -> None:
    answer = toy.http.post("/x", content=b"x" * (10 * 1024 * 1024 + 1))
    assert (answer.status_code, answer.json()) == (413, {"message": "Request Entity Too Large"})
    assert toy.http.get("/healthz").status_code == 200


def test_the_context_tells_the_function_about_itself(toy: Any) -> None:
    answer = toy.http.get("/x").json()
    assert answer["function"] == "minoots-local-EchoFunction"
    assert 0 < answer["remaining"] <= 5000
    assert len(answer["request"]) == 36


def test_requests_at_the_same_time_each_get_their_own_answer(toy: Any) -> None:
    answers: dict[int, str] = {}

    def ask(number: int) -> None:
        answers[number] = event_of(httpx.get(f"{toy.stack.url}/n/{number}"))["rawPath"]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: f"/n/{number}" for number in range(40)}
