from __future__ import annotations

import re
from typing import get_args

import pytest

from minoots_contract.dead_letters import DeadLetterPage
from minoots_contract.events import EVENT_TYPES, OUTCOME_EVENTS, CloudEvent, TimerEventName, event_type
from minoots_contract.problems import ERRORS, ErrorCode, Problem
from minoots_contract.timers import (
    TERMINAL_STATUSES,
    TIMER_STATUSES,
    HealthReply,
    TimerPage,
    TimerReply,
    TimerStatus,
)


def test_every_error_code_has_its_meaning() -> None:
    assert set(ERRORS) == set(ErrorCode)
    assert all(info.title for info in ERRORS.values())


def test_titles_tell_codes_apart() -> None:
    assert len({info.title for info in ERRORS.values()}) == len(ERRORS)


def test_what_the_service_is_at_fault_for_may_be_tried_again_and_what_the_caller_is_at_fault_for_may_not() -> None:
    retryable = {code for code, info in ERRORS.items() if info.retryable}
    assert retryable == {ErrorCode.QUOTA_EXCEEDED, ErrorCode.DEPENDENCY_UNAVAILABLE, ErrorCode.INTERNAL}


@pytest.mark.parametrize("code", list(ErrorCode))
def test_codes_are_words_that_fit_in_a_urn(code: ErrorCode) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)


def test_the_table_of_events_is_the_type() -> None:
    assert set(EVENT_TYPES) == set(get_args(TimerEventName))
    assert set(EVENT_TYPES) >= OUTCOME_EVENTS
    assert {event_type(name) for name in EVENT_TYPES} == {f"io.minoots.timer.{name}.v1" for name in EVENT_TYPES}


def test_the_table_of_statuses_is_the_type() -> None:
    assert set(TIMER_STATUSES) == set(get_args(TimerStatus))
    assert set(TIMER_STATUSES) >= TERMINAL_STATUSES


def test_a_client_reads_the_problem_of_a_newer_service() -> None:
    problem = Problem.model_validate(
        {"type": "t", "title": "t", "status": 400, "detail": "d", "code": "c", "requestId": "r", "hint": "new"}
    )
    assert problem.request_id == "r"


def test_the_health_reply_is_word_for_word_that_of_the_contract() -> None:
    assert HealthReply().wire() == {"status": "ok", "service": "minoots-control-plane"}


def test_what_the_service_writes_is_camel_case_without_absent_fields() -> None:
    reply = TimerReply.model_validate(
        {
            "id": "t1",
            "tenantId": "demo",
            "name": "n",
            "status": "fired",
            "durationMs": 1000,
            "createdAt": 0,
            "fireAt": "1970-01-01T00:00:01Z",
            "requestedBy": "cli",
            "metadata": {},
            "labels": {},
            "firedAt": 1001,
            "latenessMs": 1,
            "stateVersion": 2,
            "actions": [{"id": "a", "state": "dispatched", "deliveryId": "t1_a", "nextAttemptAt": 2000}],
            "timeline": [{"event": "created", "at": 0}],
        }
    )
    wire = reply.wire()
    assert wire["createdAt"] == "1970-01-01T00:00:00.000Z"
    assert wire["firedAt"] == "1970-01-01T00:00:01.001Z"
    assert wire["actions"][0] == {
        "id": "a",
        "state": "dispatched",
        "deliveryId": "t1_a",
        "attempts": [],
        "nextAttemptAt": "1970-01-01T00:00:02.000Z",
    }
    assert "cancelledAt" not in wire
    assert TimerReply.model_validate(wire) == reply


def test_pages_name_their_entries_and_their_cursor() -> None:
    assert TimerPage(timers=[], next_cursor="c").wire() == {"timers": [], "nextCursor": "c"}
    assert DeadLetterPage(dead_letters=[]).wire() == {"deadLetters": []}


def test_cloud_event_attributes_are_lower_case_letters_and_digits() -> None:
    names = [field.alias or name for name, field in CloudEvent.model_fields.items()]
    assert [name for name in names if not re.fullmatch("[a-z0-9]{1,20}", name)] == []
