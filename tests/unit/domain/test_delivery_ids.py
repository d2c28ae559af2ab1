"""Ids of deliveries: one for each action of each timer, and fit to be signed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minoots_contract.signatures import InvalidSignatureError, format_secret, sign, verify
from minoots_kernel.domain.delivery_ids import delivery_id, delivery_of, timer_of

TIMER = "01a20206-46b3-776d-b4d9-9395f810a6ff"
ACTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
"""What the contract allows (`minoots_contract.model.Identifier`)."""

timers = st.uuids().map(str)
actions = st.from_regex(ACTION, fullmatch=True)


@given(timer=timers, action=actions)
def test_an_id_has_no_dot_and_can_be_taken_apart_again(timer: str, action: str) -> None:
    identity = delivery_id(timer, action)
    assert re.fullmatch(r"[A-Za-z0-9_:~-]+", identity)
    assert delivery_of(identity) == (timer, action)
    assert timer_of(identity) == timer


@given(first=st.tuples(timers, actions), second=st.tuples(timers, actions))
def test_two_deliveries_have_two_ids(first: tuple[str, str], second: tuple[str, str]) -> None:
    assert (delivery_id(*first) == delivery_id(*second)) == (first == second)


@pytest.mark.parametrize(
    ("one", "other"), [("a.b", "a_b"), ("a.b", "a-b"), ("a.b", "a:b"), ("a..b", "a.b"), ("a_b.c", "a.b_c")]
)
def test_dots_underscores_and_hyphens_are_told_apart(one: str, other: str) -> None:
    assert delivery_id(TIMER, one) != delivery_id(TIMER, other)


def test_a_signature_is_of_one_id_and_time_only() -> None:
    secret = format_secret(b"k" * 32)
    signed = sign([secret], delivery_id(TIMER, "1900000000"), 1_795_330_400, b"5")
    headers = {"webhook-id": TIMER, "webhook-timestamp": "1900000000", "webhook-signature": signed}
    with pytest.raises(InvalidSignatureError):
        verify(secret, headers, b"1795330400.5", now_s=1_900_000_001)


@pytest.mark.parametrize("text", ["", "x", TIMER, f"{TIMER}.a", "_", "_a"])
def test_what_is_no_id_of_a_delivery_names_no_action_of_a_timer(text: str) -> None:
    timer, action = delivery_of(text)
    assert not (timer and action)
