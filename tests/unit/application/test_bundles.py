"""Bundles through the use cases: what is sent, what is not sent any more, and what is left of it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minoots_kernel.domain.delivery_ids import delivery_of
from minoots_kernel.domain.errors import ActionError, InvalidTimerError, TransientActionError, UnknownHintError
from minoots_kernel.domain.messages import ActionMessage
from minoots_kernel.domain.timer import ActionStatus, Status, Timer
from tests.unit.application.world import DEMO, World
from tests.unit.domain.builders import URL, bundle, request

HOUR_MS = 3_600_000
BUSY = ActionError("the receiver answered 503", 503)
GONE = ActionError("the receiver answered 404", 404)
TO_B = {"a": {"escalatesTo": "b"}}


def lived(world: World, *ids: str, **changes: Any) -> Timer:
    """A timer after its whole life."""
    timer = world.new(*ids, **changes)
    world.play(timer.fire_at_ms + HOUR_MS)
    return world.now(timer)


def test_a_stand_by_is_called_at_once_and_its_success_ends_the_retries_of_the_first() -> None:
    world = World()
    world.receiver.plan = {f"a#{number}": BUSY for number in range(1, 9)}
    timer = lived(world, "a", "b", escalations=TO_B, maxAttempts=8, backoffInitialMs=60_000)
    assert world.receiver.deliveries == ["a#1", "b#1"]
    assert world.receiver.requests[1][0] - world.receiver.requests[0][0] < 1_000
    assert (timer.status, timer.outcome) == (Status.SETTLED, "escalated")
    assert world.dead_letters.letters == []


def test_the_first_gets_its_retries_while_the_stand_by_fails() -> None:
    world = World()
    world.receiver.plan = {"a#1": BUSY, "a#2": BUSY, "b#1": GONE}
    timer = lived(world, "a", "b", escalations=TO_B, maxAttempts=3)
    assert sorted(world.receiver.deliveries) == ["a#1", "a#2", "a#3", "b#1"]
    assert timer.outcome == "succeeded"
    assert [letter.action_id for letter in world.dead_letters.letters] == ["b"]
    assert timer.next_check_at_ms is None, "its letter is stored, and the sweep has let go"


def test_a_callback_says_what_came_of_the_others_with_or_without_a_body_of_its_own() -> None:
    world = World()
    world.receiver.plan = {"b#1": GONE}
    wanted = bundle("a", "b", concurrency=2, callbacks={"onSuccess": "ok", "onFailure": "no"})
    told = {"what": "{{ outcome }}: {{ failureReason }}", "b": "{{ actions.b.statusCode }}"}
    for body in (None, told):
        wanted["onFailure"]["parameters"] = {"url": URL} | ({"body": body} if body else {})
        timer = world.create(DEMO, request(duration="30s", actionBundle=wanted))
        world.play(timer.fire_at_ms + HOUR_MS)
        assert world.now(timer).status is Status.FAILED
    assert sorted(world.receiver.deliveries) == sorted(["a#1", "b#1", "no#1"] * 2)
    why = "1 of 2 actions failed; b: the receiver answered 404"
    plain, templated = (
        json.loads(sent.body or b"")
        for _, sent in world.receiver.requests
        if sent.headers["webhook-id"].endswith("_no")
    )
    assert (plain["outcome"], plain["failureReason"], plain["actions"]["a"]["state"]) == ("failed", why, "succeeded")
    assert templated == {"what": f"failed: {why}", "b": 404}


def test_what_a_callback_alone_can_name_is_refused_elsewhere_and_told_with_its_place() -> None:
    world = World()
    wanted = bundle("a", callbacks={"onSuccess": "ok"})
    wanted["actions"][0]["parameters"]["body"] = "{{ outcome }}"
    wanted["onSuccess"]["parameters"]["body"] = "{{ actions.z.state }}"
    with pytest.raises(InvalidTimerError) as refused:
        world.create(DEMO, request(duration="30s", actionBundle=wanted))
    assert [field for field, _ in refused.value.fields] == [
        "actionBundle.actions[0].parameters.body",
        "actionBundle.onSuccess.parameters.body",
    ]


def test_callbacks_are_held_to_what_the_deployment_allows_like_every_action() -> None:
    wanted = bundle("a", callbacks={"onSuccess": "ok"})
    wanted["onSuccess"] = {"id": "ok", "kind": "command", "parameters": {"template": "unheard-of"}}
    binding = {"adapter": "inbox", "target": "ann"}
    with pytest.raises(InvalidTimerError) as refused:
        World().create(DEMO, request(duration="30s", actionBundle=wanted, agentBinding=binding))
    assert refused.value.fields[0][0] == "actionBundle.onSuccess.parameters.template"


def test_a_failed_callback_leaves_a_dead_letter_of_a_timer_that_settled() -> None:
    world = World()
    world.receiver.plan = {"ok#1": GONE}
    timer = lived(world, "a", callbacks={"onSuccess": "ok"})
    assert (timer.status, timer.outcome, timer.next_check_at_ms) == (Status.SETTLED, "succeeded", None)
    assert [letter.action_id for letter in world.dead_letters.letters] == ["ok"]


def test_an_attempt_that_comes_too_late_for_its_policy_is_on_record_and_not_made() -> None:
    world = World()
    timer = world.new_fired("a", maxAttempts=3, totalTimeLimitMs=20_000)
    world.clock.advance_to(timer.fire_at_ms + 20_001)
    for message in world.actions_due():
        world.run(message)
    state = world.now(timer).actions[0]
    assert world.receiver.requests == []
    assert (state.status, state.tries, state.attempts[0].failure) == (ActionStatus.FAILED, 1, "expired")
    why = "not made: attempt 1 would begin after 20001 ms, and totalTimeLimitMs is 20000"
    assert [letter.reason for letter in world.dead_letters.letters] == [why]


def test_an_action_that_waited_its_turn_past_the_limit_expires_and_those_before_it_stand() -> None:
    world = World()

    def slow() -> int:
        world.clock.sleep_ms(5_000)
        return 200

    world.receiver.answers += [BUSY, slow]
    timer = lived(world, "a", "b", maxAttempts=2, backoffInitialMs=10_000, jitter="none", totalTimeLimitMs=12_000)
    assert world.receiver.deliveries == ["a#1", "a#2"]
    assert [state.status for state in timer.actions] == [ActionStatus.SUCCEEDED, ActionStatus.FAILED]
    assert timer.actions[1].attempts[0].failure == "expired"


class Watched:
    """A receiver that looks how an action stands whenever it is sent to, and answers as it is told."""

    def __init__(self, world: World, answers: dict[str, str]) -> None:
        self.world, self.answers = world, answers
        self.sent: list[str] = []
        world.receiver.send = self.send  # type: ignore[method-assign]

    def send(self, wanted: Any) -> Any:
        identity = wanted.headers["webhook-id"]
        name, number = delivery_of(identity)[1], wanted.headers["minoots-attempt"]
        (timer,) = self.world.store.timers
        state = timer.action(name)
        assert state is not None
        assert state.status is ActionStatus.DISPATCHED, f"{name} is {state.status}, and was sent once more"
        assert state.tries + 1 == int(number), "an attempt that has its outcome was made again"
        self.sent.append(f"{name}#{number}")
        how = self.answers.get(f"{name}#{number}", "good")
        if how != "good":
            raise BUSY if how == "busy" else GONE
        return type("Answer", (), {"status_code": 200, "connect_ms": None, "first_byte_ms": None, "excerpt": None})()


@settings(max_examples=150)
@given(
    answers=st.dictionaries(
        st.sampled_from([f"{name}#{number}" for name in "abc" for number in (1, 2, 3)]),
        st.sampled_from(["busy", "gone"]),
        max_size=9,
    ),
    escalates=st.booleans(),
    concurrency=st.integers(1, 3),
    data=st.data(),
)
def test_a_settled_action_never_runs_again_however_often_its_message_returns(
    answers: dict[str, str], escalates: bool, concurrency: int, data: st.DataObject
) -> None:
    world = World()
    watched = Watched(world, answers)
    timer = world.new_fired(
        "a",
        "b",
        "c",
        escalations=TO_B if escalates else {},
        concurrency=concurrency,
        maxAttempts=3,
        backoffInitialMs=1_000,
        callbacks={"onFailure": "no"},
    )
    known: list[ActionMessage] = []
    for _ in range(40):
        known += [sent.message for sent in world.action_queue.take_due()]
        if not known:
            break
        message = data.draw(st.sampled_from(known))
        with suppress(UnknownHintError):
            world.run(message, again=data.draw(st.booleans()))
        if data.draw(st.booleans()):
            world.clock.advance_to(world.clock.now_ms() + data.draw(st.sampled_from([1, 1_000, 60_000])))
    world.play(world.clock.now_ms() + HOUR_MS)
    assert world.now(timer).status in {Status.SETTLED, Status.FAILED}
    made = list(watched.sent)
    for message in known * 2:
        world.run(message, again=True)
    assert watched.sent == made
    assert len(set(made)) == len(made), "nothing crashed, so nothing was made twice"


def test_a_callback_tells_a_failure_in_a_header_whatever_its_words_are() -> None:
    world = World()
    world.receiver.answers.append(TransientActionError("the tool failed: caf\u00e9\nzu", failure="serverError"))
    wanted = bundle("a", callbacks={"onFailure": "no"})
    wanted["onFailure"]["parameters"] = {
        "url": URL,
        "headers": {"X-Why": "{{ failureReason }}"},
        "body": "{{ failureReason }}",
    }
    timer = world.create(DEMO, request(actionBundle=wanted))
    world.play(timer.fire_at_ms + HOUR_MS)
    _, callback = (sent for _, sent in world.receiver.requests)
    assert callback.headers["X-Why"] == "1 of 1 actions failed; a: the tool failed: caf? zu"
    assert json.loads(callback.body or b"") == "1 of 1 actions failed; a: the tool failed: caf\u00e9 zu"
