"""Timers as items: the whole way there and back, for whatever a timer may be."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer
from hypothesis import given
from hypothesis import strategies as st

from minoots_contract.actions import Action, ActionBundle, Escalation, RetryPolicy
from minoots_contract.agents import AgentBinding
from minoots_contract.late_policy import LatePolicy
from minoots_contract.retry import DEFAULT_RETRY_ON, FAILURES
from minoots_kernel.adapters.dynamodb.action_codec import actions_from_item, attempts_from_json, attempts_to_json
from minoots_kernel.adapters.dynamodb.codec import (
    MAX_SPEC_BYTES,
    changes,
    timer_from_item,
    timer_to_item,
)
from minoots_kernel.adapters.dynamodb.compact_json import compact
from minoots_kernel.adapters.dynamodb.keys import check_shard
from minoots_kernel.adapters.dynamodb.spec_codec import policy_from_row, policy_to_row, spec_from_json, spec_to_json
from minoots_kernel.domain.put_offs import Cause, PutOffs
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
    Via,
)
from tests.contract.timers import a_timer, common_timer, ended, fired, webhook

plain_texts = st.text().filter(lambda text: "{{" not in text)  # braces in a webhook's body have to be placeholders
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | plain_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
instants = st.integers(0, 253_402_300_799_999)
durations = st.integers(1, 10**12)
maybe = st.none() | instants
names = st.text(min_size=1, max_size=30)
policies = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 100),
    backoff_initial_ms=st.integers(1, 86_400_000),
    backoff_multiplier=st.floats(1, 10),
    backoff_max_ms=st.integers(1, 604_800_000),
    jitter=st.sampled_from(["equal", "full", "none"]),
    total_time_limit_ms=st.none() | st.integers(1, 10**9),
    retry_on=st.lists(st.sampled_from([*DEFAULT_RETRY_ON, "clientError"]), unique=True)
    | st.just(list(DEFAULT_RETRY_ON)),
)
actions = st.builds(
    lambda name, body, policy: Action.model_validate(webhook(name, body=body)).model_copy(
        update={"retry_policy": policy}
    ),
    st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._:-]{0,20}\Z"),
    json_values,
    st.none() | policies,
)


def linked(actions: list[Action], escalates: bool, success: bool, failure: bool) -> dict[str, Any]:
    """Make the first action escalate to the second, and the last ones callbacks, as far as there are so many."""
    fields: dict[str, Any] = {}
    for name, wanted in (("on_success", success), ("on_failure", failure)):
        if wanted and len(actions) > 1:
            fields[name] = actions[-1]
            actions = actions[:-1]
    if escalates and len(actions) > 1:
        link = Escalation(after_attempts=2, escalates_to=actions[1].id)
        actions = [actions[0].model_copy(update={"escalation": link}), *actions[1:]]
    return {"actions": actions, **fields}


bundles = st.builds(
    lambda actions, escalates, success, failure, **rest: ActionBundle(
        **linked(actions, escalates, success, failure), **rest
    ),
    st.lists(actions, min_size=1, max_size=5, unique_by=lambda action: action.id),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    concurrency=st.integers(1, 20),
    retry_policy=policies,
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
    outcome=st.just("failed"),
    failure=st.none() | st.sampled_from(FAILURES),
    status_code=st.none() | st.integers(100, 599),
    error=st.none() | st.text(),
    connect_ms=st.none() | st.integers(0, 30_000),
    first_byte_ms=st.none() | st.integers(0, 30_000),
    excerpt=st.none() | st.text(),
) | st.builds(Attempt, st.integers(1, 100), instants, instants, st.just("succeeded"), st.just(200))
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
    | st.builds(
        PutOffs,
        st.integers(1, 99),
        instants,
        st.text(),
        st.sampled_from([None, "destination", "tenant"]),
        st.none() | st.sampled_from(Cause),
        maybe,
    ),
    given_up=st.none() | st.text(),
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
    decided=st.sampled_from([None, "succeeded", "escalated", "failed"]),
    via=st.none()
    | st.builds(
        Via, names, names, st.none() | names, st.none() | names, names, st.none() | names, st.none() | st.integers(1)
    ),
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
        (ActionBundle, {"actions", "concurrency", "retry_policy", "on_success", "on_failure"}),
        (Action, {"id", "kind", "parameters", "retry_policy", "escalation"}),
        (Escalation, {"after_attempts", "escalates_to"}),
    ],
)
def test_the_codec_knows_every_field_of_the_bundle(model: Any, fields: set[str]) -> None:
    # A field added to the contract has to be added to the codec, or stored timers lose it.
    assert set(model.model_fields) == fields


def test_defaults_are_stored_so_that_they_may_change() -> None:
    stored = json.loads(spec_to_json(a_timer().spec))["bundle"]

    assert stored["concurrency"] == 1
    assert stored["retry"] == [1, 1000, 2, 86_400_000]


def test_every_field_of_a_retry_policy_is_in_its_row() -> None:
    row = [2, 3, 4.5, 6, "none", 7, ["timeout"]]

    assert policy_to_row(policy_from_row(row)) == row
    assert len(RetryPolicy.model_fields) == len(row)


def test_a_retry_policy_stored_with_four_values_means_what_it_meant_then() -> None:
    policy = policy_from_row([5, 2000, 2, 86_400_000])

    assert (policy.jitter, policy.total_time_limit_ms) == ("equal", None)
    assert set(policy.retry_on) == {"connection", "timeout", "throttled", "serverError", "conflict", "internal"}


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


def test_what_was_put_off_when_all_causes_counted_as_one_is_read() -> None:
    item = {"actions": {"S": '[["a","dispatched",0,9,99,[]]]'}, "putOff": {"S": '{"a":[2,10,"full","tenant"]}'}}
    assert actions_from_item(item)[0].put_off == PutOffs(2, 10, "full", "tenant")
