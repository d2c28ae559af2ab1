from __future__ import annotations

import inspect
from uuid import UUID

import httpx
import pytest

from minoots.client import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    MinootsClientError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    errors,
)
from minoots.client.retry import parse_retry_after
from tests.unit.sdk.fakes import NOW_MS, HandClock, Script, client_on, problem, refusal, timer

KINDS = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    405: BadRequestError,
    409: ConflictError,
    412: ConflictError,
    413: BadRequestError,
    415: BadRequestError,
    418: APIStatusError,
    422: BadRequestError,
    429: RateLimitError,
    500: ServerError,
    503: ServerError,
    599: ServerError,
    302: APIStatusError,
}


@pytest.mark.parametrize(("status", "kind"), KINDS.items())
def test_each_status_has_its_error(status: int, kind: type[APIStatusError]) -> None:
    with client_on(Script([refusal(status)]), max_retries=0) as client, pytest.raises(APIStatusError) as caught:
        client.timers.get("t-1")
    assert type(caught.value) is kind
    assert caught.value.status_code == status
    assert caught.value.problem.code == "some-code"


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    drawn = {line.split("── ")[1].split()[0] for line in (errors.__doc__ or "").splitlines() if "── " in line}
    classes = {
        name
        for name, member in inspect.getmembers(errors, inspect.isclass)
        if issubclass(member, MinootsClientError) and member is not MinootsClientError
    }
    assert drawn == classes


def test_an_error_reads_as_one_line_with_the_fields() -> None:
    answer = refusal(400, errors=[{"field": "duration", "message": "give duration or fireAt", "hint": "new"}])
    with client_on(Script([answer])) as client, pytest.raises(BadRequestError) as caught:
        client.timers.create()
    assert str(caught.value) == "Some title (400): Some detail. [duration: give duration or fireAt]"


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        ({"requestId": "from-body"}, {"x-request-id": "from-header"}, "from-body"),
        ({}, {"x-request-id": "from-header"}, "from-header"),
        ({}, {"apigw-requestid": "from-gateway"}, "from-gateway"),
        ({}, {}, None),
    ],
)
def test_the_request_id_comes_from_the_problem_or_the_headers(
    body: dict[str, str], headers: dict[str, str], expected: str | None
) -> None:
    answer = httpx.Response(404, json=problem(404, **body), headers=headers)
    with client_on(Script([answer])) as client, pytest.raises(NotFoundError) as caught:
        client.timers.get("t-1")
    assert caught.value.request_id == expected


def test_an_answer_in_a_gateways_own_words_becomes_a_problem() -> None:
    answer = httpx.Response(413, json={"message": "Request Too Long"})
    with client_on(Script([answer])) as client, pytest.raises(BadRequestError) as caught:
        client.timers.create(duration="1s")
    assert caught.value.problem.type == "about:blank"
    assert caught.value.problem.status == 413


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_read_is_made_again_after_a_failure_that_may_pass(status: int) -> None:
    clock = HandClock()
    script = Script([refusal(status), refusal(status), timer()])
    with client_on(script, clock) as client:
        assert client.timers.get("t-1").id == "t-1"
    assert len(clock.sleeps) == 2
    assert 0 <= clock.sleeps[0] <= 0.5
    assert 0 <= clock.sleeps[1] <= 1.0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 501])
def test_a_failure_that_will_not_pass_is_raised_at_once(status: int) -> None:
    clock = HandClock()
    script = Script([refusal(status)])
    with client_on(script, clock) as client, pytest.raises(APIStatusError):
        client.timers.get("t-1")
    assert clock.sleeps == []


def test_a_read_gives_up_after_its_retries_and_raises_the_last_error() -> None:
    script = Script([refusal(500), refusal(502), refusal(503)])
    with client_on(script) as client, pytest.raises(ServerError) as caught:
        client.timers.get("t-1")
    assert caught.value.status_code == 503


def test_no_retries_means_none() -> None:
    script = Script([refusal(503)])
    with client_on(script, max_retries=0) as client, pytest.raises(ServerError):
        client.timers.get("t-1")


@pytest.mark.parametrize("failure", [httpx.ConnectError("refused"), httpx.ReadError("cut"), httpx.ReadTimeout("slow")])
def test_a_read_is_made_again_after_a_failure_of_the_network(failure: Exception) -> None:
    script = Script([failure, timer()])
    with client_on(script) as client:
        assert client.timers.get("t-1").id == "t-1"


def test_a_cancel_is_made_again_since_doing_it_twice_does_no_harm() -> None:
    script = Script([httpx.ReadTimeout("slow"), timer(status="cancelled")])
    with client_on(script) as client:
        assert client.timers.cancel("t-1").status == "cancelled"
    assert len(script.requests) == 2


@pytest.mark.parametrize(
    "failure", [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), httpx.PoolTimeout("")]
)
def test_a_create_that_never_left_is_made_again(failure: Exception) -> None:
    script = Script([failure, timer()])
    with client_on(script) as client:
        assert client.timers.create(duration="1s").id == "t-1"
    assert len(script.requests) == 2


@pytest.mark.parametrize(
    "failure",
    [
        refusal(500),
        refusal(503, headers={"Retry-After": "1"}),
        httpx.ReadTimeout("slow"),
        httpx.ReadError("cut"),
        httpx.WriteError("cut"),
        httpx.RemoteProtocolError("cut"),
        httpx.DecodingError("garbled"),
    ],
)
def test_a_create_whose_outcome_is_unknown_is_made_again_under_the_same_key(
    failure: Exception | httpx.Response,
) -> None:
    script = Script([failure, timer()])
    with client_on(script) as client:
        assert client.timers.create(duration="1s").id == "t-1"
    keys = [UUID(one.headers["idempotency-key"]) for one in script.requests]
    assert keys[0] == keys[1]
    assert (keys[0].version, keys[0].int >> 80) == (7, NOW_MS)


def test_each_create_has_a_key_of_its_own_unless_it_is_given_one() -> None:
    script = Script([timer(), timer(), timer()])
    with client_on(script) as client:
        for given in (None, None, "order-7"):
            client.timers.create(duration="1s", idempotency_key=given)
    keys = [one.headers["idempotency-key"] for one in script.requests]
    assert len(set(keys)) == 3
    assert keys[2] == "order-7"


def test_a_create_that_was_turned_away_is_made_again() -> None:
    script = Script([refusal(429, headers={"Retry-After": "1"}), timer()])
    with client_on(script) as client:
        assert client.timers.create(duration="1s").id == "t-1"


def test_retry_after_is_waited_for_and_a_little_longer() -> None:
    clock = HandClock()
    script = Script([refusal(429, headers={"Retry-After": "7"}), timer()])
    with client_on(script, clock) as client:
        client.timers.get("t-1")
    assert 7 <= clock.sleeps[0] <= 7.5


def test_a_retry_after_beyond_a_minute_is_left_to_the_caller() -> None:
    clock = HandClock()
    script = Script([refusal(429, headers={"Retry-After": "3600"})])
    with client_on(script, clock) as client, pytest.raises(RateLimitError) as caught:
        client.timers.get("t-1")
    assert caught.value.retry_after_s == 3600
    assert clock.sleeps == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Mon, 21 Sep 2026 14:13:30 GMT", 10.0),
        ("Mon, 21 Sep 2026 13:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_its_forms(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, now_ms=NOW_MS) == seconds


@pytest.mark.parametrize("failure", [httpx.ReadTimeout("slow"), httpx.ReadError("cut")])
def test_an_error_tells_whether_the_call_may_have_been_carried_out(failure: Exception) -> None:
    with client_on(Script([failure]), max_retries=0) as client, pytest.raises(APIConnectionError) as caught:
        client.timers.create(duration="1s")
    assert caught.value.outcome_unknown
    assert isinstance(caught.value, APITimeoutError) == isinstance(failure, httpx.ReadTimeout)
