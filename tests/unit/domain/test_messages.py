from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minoots_kernel.domain.messages import ActionMessage, MalformedMessageError, WakeUp

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
numbers = st.integers(-(2**53), 2**53)
timer_hints = st.builds(WakeUp, texts, texts, numbers, numbers, lap=st.integers(0, 2**31))
attempt_hints = st.builds(WakeUp, texts, texts, numbers, numbers, texts, numbers)

WAKE = {"tenantId": "demo", "timerId": "t1", "generation": 1, "dueAt": 5}
ACTION = {"tenantId": "demo", "timerId": "t1", "actionId": "a", "attempt": 1}


@given(timer_hints | attempt_hints)
def test_a_wake_up_is_read_as_it_was_written(hint: WakeUp) -> None:
    assert WakeUp.from_json(hint.to_json()) == hint


@given(st.builds(ActionMessage, texts, texts, texts, numbers))
def test_an_action_message_is_read_as_it_was_written(message: ActionMessage) -> None:
    assert ActionMessage.from_json(message.to_json()) == message


def test_messages_are_those_of_the_brief_on_the_wire() -> None:
    assert json.loads(WakeUp("demo", "t1", 1, 5).to_json()) == WAKE
    assert json.loads(WakeUp("demo", "t1", 1, 5, lap=3).to_json()) == WAKE | {"lap": 3}
    assert json.loads(WakeUp("demo", "t1", 1, 5, "a", 2).to_json()) == WAKE | {"actionId": "a", "attempt": 2}
    assert json.loads(ActionMessage("demo", "t1", "a", 1).to_json()) == ACTION


def test_a_message_of_a_newer_service_is_read() -> None:
    assert WakeUp.from_json(json.dumps(WAKE | {"colour": "red"})) == WakeUp("demo", "t1", 1, 5)


@pytest.mark.parametrize("text", ["", "x", "null", "1", '"x"', "[]", "[1]", "{", "{}", "\x00", "{'a': 1}"])
def test_what_is_no_object_of_ours_is_malformed(text: str) -> None:
    for kind in (WakeUp, ActionMessage):
        with pytest.raises(MalformedMessageError):
            kind.from_json(text)


@pytest.mark.parametrize("value", [None, True, 1.0, 1.5, [], {}, "missing"])
@pytest.mark.parametrize("name", [*WAKE, "attempt"])
def test_a_wake_up_with_a_field_that_does_not_fit_is_malformed(name: str, value: Any) -> None:
    body = {**WAKE, "actionId": "a", "attempt": 1, name: value}
    if value == "missing":
        del body[name]
    with pytest.raises(MalformedMessageError, match=name):
        WakeUp.from_json(json.dumps(body))


@pytest.mark.parametrize("value", [None, True, 1.5, "missing"])
@pytest.mark.parametrize("name", list(ACTION))
def test_an_action_message_with_a_field_that_does_not_fit_is_malformed(name: str, value: Any) -> None:
    body = ACTION | {name: value}
    if value == "missing":
        del body[name]
    with pytest.raises(MalformedMessageError, match=name):
        ActionMessage.from_json(json.dumps(body))
