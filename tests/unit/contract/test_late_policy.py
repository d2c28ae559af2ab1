from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from minoots_contract.late_policy import LatePolicy, parse_late_policy

GOOD = {
    "fire": LatePolicy(mode="fire"),
    "skip:60s": LatePolicy(mode="skip", after_ms=60_000),
    "skip:60000": LatePolicy(mode="skip", after_ms=60_000),
    "deadLetter:5m": LatePolicy(mode="deadLetter", after_ms=300_000),
}


@pytest.mark.parametrize(("text", "policy"), GOOD.items())
def test_a_deployment_writes_a_policy_in_one_word(text: str, policy: LatePolicy) -> None:
    assert parse_late_policy(text) == policy
    assert parse_late_policy(str(policy)) == policy


@pytest.mark.parametrize(
    "text",
    ["", "skip", "skip:", "skip:soon", "skip:0", "skip:-1", "fire:60s", "fire:", "dead:5m", "SKIP:5s", "skip:5:5"],
)
def test_a_word_that_is_no_policy_is_refused_with_one_that_is(text: str) -> None:
    with pytest.raises(ValueError, match="write fire, skip:60s or deadLetter:5m"):
        parse_late_policy(text)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"mode": "skip"}, "afterMs"),
        ({"mode": "deadLetter", "afterMs": None}, "afterMs"),
        ({"mode": "fire", "afterMs": 5}, "afterMs"),
        ({"mode": "skip", "afterMs": 0}, "afterMs"),
        ({"mode": "skip", "afterMs": -5}, "afterMs"),
        ({"mode": "skip", "afterMs": 1.5}, "afterMs"),
        ({"mode": "skip", "afterMs": True}, "afterMs"),
        ({"mode": "later", "afterMs": 5}, "mode"),
        ({"afterMs": 5}, "mode"),
        ({"mode": "skip", "after": "5s"}, "after"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused_by_the_field(body: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        LatePolicy.model_validate(body)
    named = {error.get("ctx", {}).get("field") or error["loc"][-1] for error in refused.value.errors()}
    assert field in named


def test_the_bound_may_be_a_duration_and_is_shown_in_milliseconds() -> None:
    policy = LatePolicy.model_validate({"mode": "skip", "afterMs": "1m30s"})
    assert policy.wire() == {"mode": "skip", "afterMs": 90_000}
    assert LatePolicy(mode="fire").wire() == {"mode": "fire"}


def test_a_timer_that_is_exactly_as_late_as_it_may_be_still_fires() -> None:
    policy = parse_late_policy("skip:60s")
    assert [policy.tolerates(late_ms) for late_ms in (0, 60_000, 60_001)] == [True, True, False]
    assert parse_late_policy("fire").tolerates(1 << 60)
