from __future__ import annotations

import json
from typing import Any

import pytest

from minoots_kernel.domain.api_keys import digest_key
from minoots_kernel.domain.dead_letters import dead_letter
from minoots_kernel.domain.dispatch import message_for, overdue_messages, released_at, under_way
from minoots_kernel.domain.messages import ActionMessage
from minoots_kernel.domain.rendering import render_webhook
from minoots_kernel.domain.timer import Timer
from minoots_kernel.domain.transitions import REDISPATCH_AFTER_MS
from minoots_kernel.domain.views import dead_letter_reply
from minoots_kernel.domain.webhooks import WebhookRequest, webhook_request
from tests.unit.domain.builders import NOW_MS, URL, after, fired, outcome, scheduled

DUE_MS = NOW_MS + 30_000


def sent(timer: Timer, now_ms: int = DUE_MS + 20) -> WebhookRequest:
    action = timer.spec.action("a")
    assert action is not None
    return webhook_request(timer, "a", render_webhook(timer, "a", action.webhook()), now_ms)


def with_parameters(**parameters: Any) -> Timer:
    return fired("a", late_ms=12, parameters=parameters, maxAttempts=3)


def test_a_webhook_tells_which_timer_and_when_in_its_headers() -> None:
    request = sent(with_parameters(headers={"X-Own": "1"}))
    assert (request.method, request.url, request.timeout_ms) == ("POST", URL, 10_000)
    assert request.headers == {
        "X-Own": "1",
        "content-type": "application/json",
        "user-agent": request.headers["user-agent"],
        "traceparent": request.headers["traceparent"],
        "idempotency-key": "0190-t1_a",
        "webhook-id": "0190-t1_a",
        "webhook-timestamp": str((DUE_MS + 20) // 1000),
        "minoots-timer-id": "0190-t1",
        "minoots-attempt": "1",
        "minoots-scheduled-for": "2026-09-21T14:13:50.000Z",
        "minoots-fired-at": "2026-09-21T14:13:50.012Z",
        "minoots-lateness-ms": "12",
    }


def test_every_attempt_carries_the_same_id_and_its_own_number() -> None:
    timer = with_parameters()
    again = after(timer, (outcome("a", 1, DUE_MS + 50, "failed"), DUE_MS + 50))
    first, second = sent(timer).headers, sent(again, DUE_MS + 5_000).headers
    assert first["webhook-id"] == second["webhook-id"]
    assert (first["minoots-attempt"], second["minoots-attempt"]) == ("1", "2")
    assert first["webhook-timestamp"] != second["webhook-timestamp"]


@pytest.mark.parametrize("name", ["Content-Type", "USER-AGENT", "Idempotency-Key"])
def test_a_callers_own_header_takes_the_place_of_the_default_and_is_not_sent_twice(name: str) -> None:
    headers = sent(with_parameters(headers={name: "mine"})).headers
    assert [value for given, value in headers.items() if given.lower() == name.lower()] == ["mine"]


def test_without_a_body_of_its_own_a_webhook_carries_the_timer() -> None:
    body = json.loads(sent(with_parameters()).body or b"")
    assert body["type"] == "io.minoots.timer.fired.v1"
    assert body["timer"]["id"] == "0190-t1"
    assert body["timer"]["latenessMs"] == 12


@pytest.mark.parametrize("body", [{}, [], 0, False, "", {"text": "Grüße"}])
def test_a_body_of_its_own_is_sent_as_json_even_if_it_is_empty(body: object) -> None:
    content = sent(with_parameters(body=body)).body
    assert content is not None
    assert json.loads(content) == body


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_method_without_content_sends_a_body_only_if_it_was_given(method: str) -> None:
    assert sent(with_parameters(method=method)).body is None
    assert sent(with_parameters(method=method, body=[1])).body == b"[1]"


def test_a_released_action_calls_for_its_first_attempt() -> None:
    timer = fired("a", "b", "c", concurrency=2)
    assert [state.id for state in under_way(timer)] == ["a", "b"]
    assert released_at(timer, DUE_MS) == [ActionMessage("demo", "0190-t1", name, 1) for name in "ab"]
    assert released_at(timer, DUE_MS + 1) == []
    assert [message_for(timer, state).attempt for state in timer.actions] == [1, 1, 1]


def test_what_was_tried_since_is_not_released_again() -> None:
    timer = after(fired("a", maxAttempts=2), (outcome("a", 1, DUE_MS, "failed"), DUE_MS))
    assert released_at(timer, DUE_MS) == []


def test_an_attempt_is_overdue_some_time_after_it_was_expected_and_not_before() -> None:
    timer = fired("a", maxAttempts=2)
    assert overdue_messages(timer, DUE_MS + REDISPATCH_AFTER_MS - 1) == []
    assert [message.attempt for message in overdue_messages(timer, DUE_MS + REDISPATCH_AFTER_MS)] == [1]
    wait = outcome("a", 1, DUE_MS, "failed", retry_after_ms=600_000)
    waiting = after(timer, (wait, DUE_MS))
    assert overdue_messages(waiting, DUE_MS + 600_000) == []
    late = overdue_messages(waiting, DUE_MS + 600_000 + REDISPATCH_AFTER_MS)
    assert [message.attempt for message in late] == [2]


def test_nothing_is_overdue_before_the_firing_and_after_the_end() -> None:
    ended = after(fired("a"), (outcome("a", 1, DUE_MS), DUE_MS))
    assert overdue_messages(scheduled("a"), DUE_MS * 2) == []
    assert overdue_messages(ended, DUE_MS * 2) == []


def test_a_dead_letter_has_the_whole_story_but_no_secret_of_the_headers() -> None:
    timer = fired("a", parameters={"headers": {"Authorization": "Bearer s3cret", "A": "b"}, "body": {"x": 1}})
    failed = after(timer, (outcome("a", 1, DUE_MS + 3, "failed"), DUE_MS + 3))
    letter = dead_letter(failed, failed.actions[0])
    assert (letter.id, letter.kind, letter.reason, letter.dead_at_ms) == (
        "0190-t1_a",
        "webhook",
        "no luck",
        DUE_MS + 3,
    )
    assert letter.request == {"url": URL, "body": {"x": 1}, "headers": ["A", "Authorization"]}
    wire = dead_letter_reply(letter).wire()
    assert "s3cret" not in json.dumps(wire)
    assert wire["attempts"][0]["statusCode"] == 503
    assert wire["deadAt"] == "2026-09-21T14:13:50.003Z"


def test_keys_are_stored_as_sha_256() -> None:
    assert digest_key("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
