from __future__ import annotations

import logging
from typing import Any

import pytest

from minoots_kernel.domain.errors import DependencyUnavailableError
from tests.unit.application.test_acknowledgements import new, token_of
from tests.unit.interfaces.api import Answer, Api


@pytest.fixture
def api() -> Api:
    made = Api()
    new(made)
    return made


def answer(api: Api, body: Any, token: str | None = None, **how: Any) -> Answer:
    return api.call("POST", f"/acknowledgements/{token or token_of(api)}", body=body, key=None, **how)


def test_whoever_holds_the_token_answers_without_a_key(api: Api) -> None:
    reply = answer(api, {"status": "done", "result": {"closed": True}})
    assert reply.status == 200
    assert (reply.json["status"], reply.json["state"], reply.json["step"]) == ("done", "settled", 0)
    assert answer(api, {"status": "done"}).json == reply.json
    shown = api.call("GET", f"/timers/{reply.json['timerId']}").json
    assert shown["actions"][0]["acknowledgement"]["result"] == '{"closed":true}'
    assert shown["status"] == "settled"
    assert token_of(api) not in api.call("GET", f"/timers/{reply.json['timerId']}").text


def test_tokens_that_do_not_count_are_told_apart(api: Api) -> None:
    token = token_of(api)
    assert (answer(api, {"status": "done"}, "ack_nobody").status, token[:4]) == (404, "ack_")
    assert answer(api, {"status": "refused"}).status == 200
    gone = answer(api, {"status": "done"}, token)
    assert (gone.status, gone.json["code"]) == (410, "token-expired")


def test_an_answer_after_the_end_is_a_conflict(api: Api) -> None:
    answer(api, {"status": "done"})
    late = answer(api, {"status": "refused"})
    assert (late.status, late.json["code"]) == (409, "state-conflict")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "status"),
        ({"status": "perhaps"}, "status"),
        ({"status": "done", "reason": "a\nb"}, "reason"),
        ({"status": "done", "x": 1}, "x"),
    ],
)
def test_an_answer_that_does_not_fit_names_the_field(api: Api, body: Any, field: str) -> None:
    refused = answer(api, body)
    assert (refused.status, refused.fields) == (400, [field])


def test_a_long_result_is_kept_in_its_beginning(api: Api) -> None:
    timer_id = answer(api, {"status": "done", "result": "x" * 100_000}).json["timerId"]
    shown = api.call("GET", f"/timers/{timer_id}").json
    assert shown["actions"][0]["acknowledgement"]["result"] == '"' + "x" * 255


def test_only_the_path_of_the_token_is_open(api: Api) -> None:
    assert api.call("GET", "/acknowledgements/ack_x", key=None).status == 405
    assert api.call("POST", "/acknowledgements", key=None, body={"status": "done"}).status == 401


@pytest.mark.parametrize(
    ("error", "status"), [(DependencyUnavailableError("The store does not answer."), 503), (RuntimeError("x"), 500)]
)
def test_a_failure_is_logged_with_its_operation_and_without_the_token(
    api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    caplog.set_level(logging.DEBUG, logger="minoots_kernel")  # the one that `LogLevel` is for
    token = token_of(api)

    def get(_: object) -> None:
        raise error

    monkeypatch.setattr(api.store, "get", get)
    assert answer(api, {"status": "done"}, token).status == status

    (logged,) = [record for record in caplog.records if record.getMessage().startswith("request ")]
    assert vars(logged)["operation"] == "acknowledge"
    assert all(token not in str(vars(record)) for record in caplog.records)
