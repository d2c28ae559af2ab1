"""Timers as items: the whole way there and back, for whatever a timer may be."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer
from hypothesis import given
from hypothesis import strategies as st

from minoots_contract.actions import Action, ActionBundle, RetryPolicy
from minoots_contract.agents import AgentBinding
from minoots_contract.late_policy import LatePolicy
from minoots_kernel.adapters.dynamodb.codec import (
    MAX_SPEC_BYTES,
    attempts_from_json,
    attempts_to_json,
    changes,
    compact,
    spec_from_json,
    spec_to_json,
    timer_from_item,
    timer_to_item,
)
from minoots_kernel.adapters.dynamodb.keys import check_shard
from minoots_kernel.domain.put_offs import PutOffs
from minoots_kernel.domain.timer import (
    ActionState,
    ActionStatus,
    Attempt,
    Moment,
    Redriven,
    Remembered,
    Status,
    Timer,
    TimerSpec,
)
from tests.contract.timers import a_timer, common_timer, ended, fired, webhook

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
instants = st.integers(0, 253_402_300_799_999)
durations = st.integers(1, 10**12)
maybe = st.none() | instants
names = st.text(min_size=1, max_size=30)
actions = st.builds(
    lambda name, body: Action.model_validate(webhook(name, body=body)),
    st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._:-]{0,20}\Z"),
    json_values,
)
bundles = st.builds(
    ActionBundle,
    actions=st.lists(actions, min_size=1, max_size=4, unique_by=lambda action: action.id),
    concurrency=st.integers(1, 20),
    retry_policy=st.builds(
        RetryPolicy,
        max_attempts=st.integers(1, 100),
        backoff_initial_ms=st.integers(1, 86_400_000),
        backoff_multiplier=st.floats(1, 10),
        backoff_max_ms=st.integers(1, 604_800_000),
    ),
)
bindings = st.builds(
    AgentBinding,
    adapter=st.just("mcp"),
    target=st.just("https://agent.example/mcp"),
    payload_template=st.dictionaries(st.text(), json_values, max_size=3),
    acknowledgement_timeout_ms=st.integers(1, 604_800_000),
    headers=st.just({"Authorization": "Bearer x"}),
    tool=st.none() | st.just("wake"),
    timeout_ms=st.integers(100, 30_000),
)
specs = st.builds(
    TimerSpec,
    metadata=st.dictionaries(st.text(), json_values, max_size=5),
    labels=st.dictionaries(st.text(), st.text(), max_size=4),
    bundle=st.none() | bundles,
    agent_binding=st.none() | bindings,
)
attempts = st.builds(
    Attempt,
    number=st.integers(1, 100),
    started_at_ms=instants,
    ended_at_ms=instants,
    outcome=st.sampled_from(["succeeded", "failed"]),
    status_code=st.none() | st.integers(100, 599),
    error=st.none() | st.text(),
    connect_ms=st.none() | st.integers(0, 30_000),
    first_byte_ms=st.none() | st.integers(0, 30_000),
    excerpt=st.none() | st.text(),
)
states = st.builds(
    ActionState,
    id=names,
    status=st.sampled_from(ActionStatus),
    tries=st.integers(0, 100),
    attempts=st.lists(attempts, max_size=3).map(tuple),
    dispatched_at_ms=maybe,
    next_attempt_at_ms=maybe,
    redriven=st.just(Redriven()) | st.builds(Redriven, st.integers(1, 9), st.integers(0, 100), st.none() | names),
    discarded=st.booleans(),
    put_off=st.none()
    | st.builds(PutOffs, st.integers(1, 99), instants, st.text(), st.sampled_from([None, "destination", "tenant"])),
)
moments = st.builds(Moment, names, instants, st.integers(1, 99), st.none() | names, st.none() | names)
timers = st.builds(
    Timer,
    id=st.uuids().map(str),
    tenant_id=st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,20}\Z"),
    name=names,
    requested_by=names,
    status=st.sampled_from(Status),
    created_at_ms=instants,
    fire_at_ms=instants,
    spec=specs,
    generation=st.integers(1, 99),
    version=st.integers(1, 10**6),
    late_policy=st.none() | st.builds(LatePolicy, mode=st.sampled_from(["skip", "deadLetter"]), after_ms=durations),
    armed_at_ms=maybe,
    paused_at_ms=maybe,
    remaining_ms=maybe,
    fired_at_ms=maybe,
    settled_at_ms=maybe,
    cancelled_at_ms=maybe,
    cancelled_by=st.none() | names,
    cancel_reason=st.none() | names,
    failure_reason=st.none() | names,
    next_check_at_ms=maybe,
    timeout_ms=st.none() | durations,
    beat_at_ms=maybe,
    beats=st.integers(0, 10**9),
    lap=st.integers(0, 10**6),
    actions=st.lists(states, max_size=3, unique_by=lambda state: state.id).map(tuple),
    timeline=st.lists(moments, min_size=1, max_size=5).map(tuple),
    remembered=st.lists(st.builds(Remembered, names, names), max_size=4).map(tuple),
)


@given(timers)
def test_every_timer_comes_back_from_its_item(timer: Timer) -> None:
    spec_json = spec_to_json(timer.spec)

    assert timer_from_item(timer_to_item(timer, spec_json), spec_json) == timer


@given(timers, timers)
def test_what_differs_turns_one_item_into_the_other(before: Timer, other: Timer) -> None:
    set_once = ("id", "tenant_id", "name", "requested_by", "created_at_ms", "spec")
    after = replace(other, **{name: getattr(before, name) for name in set_once})
    spec_json = spec_to_json(before.spec)
    item = timer_to_item(before, spec_json)

    for attribute, value in changes(before, after).items():
        if value is None:
            del item[attribute]  # what is not there is not removed
        else:
            assert item.get(attribute) != value  # what is the same is not written
            item[attribute] = value

    assert item == timer_to_item(after, spec_json)


@given(timers)
def test_an_item_has_only_what_the_wire_can_carry(timer: Timer) -> None:
    item = timer_to_item(timer, spec_to_json(timer.spec))

    deserialize = TypeDeserializer().deserialize
    plain = {name: deserialize(value) for name, value in item.items()}
    json.dumps(item).encode()
    assert plain["kind"] == "timer"
    assert None not in plain.values()
    assert ("checkShard" in plain) == ("nextCheckAt" in plain) == (timer.next_check_at_ms is not None)


def test_a_step_that_leaves_the_check_alone_does_not_touch_the_index() -> None:
    timer = a_timer()

    assert changes(timer, fired(timer)).keys().isdisjoint({"nextCheckAt", "checkShard"})


def test_a_timer_that_ends_leaves_the_index() -> None:
    timer = fired(a_timer())
    differing = changes(timer, ended(timer))

    assert (differing["nextCheckAt"], differing["checkShard"]) == (None, None)


def test_a_timer_is_in_the_shard_of_its_id() -> None:
    timer = a_timer()

    assert timer_to_item(timer, "{}")["checkShard"] == {"S": check_shard(timer.id)}
    assert {check_shard(a_timer().id) for _ in range(200)} == set("01234567")


@pytest.mark.parametrize("length", [MAX_SPEC_BYTES - 1, MAX_SPEC_BYTES, MAX_SPEC_BYTES + 1])
def test_a_spec_beyond_the_bound_is_not_in_the_item(length: int) -> None:
    text = json.dumps({"metadata": {"é": ""}}, ensure_ascii=False, separators=(",", ":"))
    spec_json = text.replace('""', f'"{"x" * (length - len(text.encode()))}"')
    assert len(spec_json.encode()) == length

    item = timer_to_item(a_timer(), spec_json)

    assert ("spec" in item) == (length <= MAX_SPEC_BYTES)
    assert item.get("payload") == (None if "spec" in item else {"N": str(length)})


def test_an_image_without_its_payload_is_a_timer_with_an_empty_spec() -> None:
    timer = common_timer(metadata={"text": "x" * 1000})

    assert timer_from_item(timer_to_item(timer, spec_to_json(timer.spec))) == replace(timer, spec=TimerSpec())


def test_half_a_surrogate_pair_can_be_written() -> None:
    spec = TimerSpec(metadata={"broken": "\ud83e", "whole": "🫖"})

    text = spec_to_json(spec)

    text.encode()
    assert spec_from_json(text) == spec


def test_text_is_written_as_it_is() -> None:
    assert compact({"喝茶": [1, 2.0, None]}) == '{"喝茶":[1,2.0,null]}'


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (ActionBundle, {"actions", "concurrency", "retry_policy"}),
        (Action, {"id", "kind", "parameters", "escalation"}),
        (RetryPolicy, {"max_attempts", "backoff_initial_ms", "backoff_multiplier", "backoff_max_ms"}),
    ],
)
def test_the_codec_knows_every_field_of_the_bundle(model: Any, fields: set[str]) -> None:
    # A field added to the contract has to be added to the codec, or stored timers lose it.
    assert set(model.model_fields) == fields


def test_defaults_are_stored_so_that_they_may_change() -> None:
    stored = json.loads(spec_to_json(a_timer().spec))["bundle"]

    assert stored["concurrency"] == 1
    assert stored["retry"] == [1, 1000, 2, 86_400_000]


def test_what_was_accepted_once_stays_readable_under_stricter_rules() -> None:
    stored = json.dumps(
        {
            "bundle": {
                "actions": [{"id": "a", "kind": "webhook", "parameters": {"url": "gopher://was.fine.once"}}],
                "concurrency": 1,
                "retry": [1, 1, 1, 1],
            }
        }
    )

    assert spec_from_json(stored).bundle is not None


def test_attempts_that_were_stored_with_fewer_values_stay_readable() -> None:
    old = [[1, 5, 9, "failed", 503, "no luck"], [2, 15, 19, "succeeded", 200, None]]

    assert attempts_from_json(old) == (Attempt(1, 5, 9, "failed", 503, "no luck"), Attempt(2, 15, 19, "succeeded", 200))


def test_an_action_that_was_neither_redriven_nor_discarded_costs_no_byte_for_that() -> None:
    timer = fired(a_timer())
    (row,) = json.loads(timer_to_item(timer, "{}")["actions"]["S"])
    assert len(row) == 6
    redriven = replace(timer, actions=(replace(timer.actions[0], redriven=Redriven(1, 3, "k")),))
    (row,) = json.loads(timer_to_item(redriven, "{}")["actions"]["S"])
    assert row[6:] == [1, 3, "k", 0]


def test_an_attempts_row_ends_with_its_last_value() -> None:
    attempts = (Attempt(1, 5, 9, "succeeded", 200, first_byte_ms=4), Attempt(2, 15, 19, "failed", excerpt="no"))

    assert attempts_to_json(attempts) == [
        [1, 5, 9, "succeeded", 200, None, None, 4],
        [2, 15, 19, "failed", None, None, None, None, "no"],
    ]
