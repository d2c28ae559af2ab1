"""Attempts that may not be made now: they wait, count as none, and are not lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from minoots_contract.destinations import PutDestinationRequest
from minoots_kernel.adapters.webhook.exchange import shortage
from minoots_kernel.application.put_destination import PutDestination, SecretMaker
from minoots_kernel.domain.circuits import FAILURES_TO_OPEN, OPEN_MS, TENANT, Circuit, Limits
from minoots_kernel.domain.errors import DependencyUnavailableError, TransientActionError
from minoots_kernel.domain.messages import ActionMessage
from minoots_kernel.domain.timer import Status, Timer
from minoots_kernel.domain.views import timer_reply
from tests.unit.application.world import (
    ACTION_VISIBILITY_MS,
    DEMO,
    Crash,
    Faults,
    HidingStore,
    World,
    crashing,
    wake_up,
)
from tests.unit.domain.builders import URL, request

BUSY = TransientActionError("busy", 503)
HOUR_MS = 3_600_000


def with_open_circuit(**changes: Any) -> World:
    """A world in which example.org has just failed too often."""
    world = World(**changes)
    world.receiver.answers += [BUSY] * FAILURES_TO_OPEN
    world.new("a", duration="1s", maxAttempts=FAILURES_TO_OPEN, backoffInitialMs=10, backoffMultiplier=1)
    world.play(world.clock.now_ms() + 7_000)
    assert world.metrics.counts["CircuitsOpened"] == 1
    world.receiver.requests.clear()
    return world


def message(timer: Timer, attempt: int = 1) -> ActionMessage:
    return ActionMessage(timer.tenant_id, timer.id, "a", attempt)


def test_an_attempt_at_an_open_circuit_waits_without_being_one() -> None:
    world = with_open_circuit()
    opened_ms = world.circuits.get_many("demo", ["h:example.org:443"])["h:example.org:443"].opened_at_ms or 0
    timer = world.new("a", duration="1s")
    world.play(world.clock.now_ms() + 1_100)
    (state,) = world.now(timer).actions
    assert state.put_off is not None
    assert (state.tries, state.put_off.times) == (0, 1)
    (shown,) = timer_reply(world.now(timer)).actions or []
    assert shown.put_off is not None
    assert "its circuit is open since" in shown.put_off.reason
    world.play(opened_ms + OPEN_MS + 30_000)
    assert world.now(timer).status is Status.SETTLED
    assert world.receiver.deliveries == ["a#1"]


@pytest.fixture
def limited() -> World:
    """A world with a destination that takes one attempt at a time."""
    world = World()
    maker = SecretMaker(world.secret_box, bytes)
    put = PutDestination(world.destinations, maker, world.clock, world.guard.refusal)
    put(DEMO, "slow", PutDestinationRequest.model_validate({"url": URL, "maxInFlight": 1}))
    return world


def to_the_limited(world: World, **policy: Any) -> Timer:
    action = {"id": "a", "kind": "webhook", "parameters": {"destination": "slow"}}
    bundle = {"actions": [action], "retryPolicy": policy}
    timer = world.create(DEMO, request(duration="1s", actionBundle=bundle))
    world.clock.advance_to(timer.fire_at_ms)
    world.fire(wake_up(timer))
    world.wake_queue.take_due()
    return timer


def busy(world: World) -> Any:
    """Take the destination's one slot for a minute."""
    return world.circuits.take(Circuit("demo", "d:slow"), 0, world.clock.now_ms() + 60_000, world.clock.now_ms())


def test_an_attempt_over_the_limit_is_put_off_and_made_when_there_is_room(limited: World) -> None:
    busy(limited)
    timer = to_the_limited(limited)
    limited.run(*limited.actions_due())
    (state,) = limited.now(timer).actions
    assert state.put_off is not None
    assert (state.tries, state.attempts, limited.receiver.requests) == (0, (), [])
    (sent,) = limited.action_queue.sent
    assert (sent.message, sent.due_at_ms) == (message(timer), pytest.approx(state.next_attempt_at_ms, abs=1_000))
    assert sent.due_at_ms >= (state.next_attempt_at_ms or 0)
    assert limited.metrics.counts["AttemptsPutOff"] == 1
    limited.play(limited.clock.now_ms() + 300_000)
    assert limited.now(timer).status is Status.SETTLED
    assert limited.receiver.deliveries == ["a#1"]
    assert "SweepRepairs" not in limited.metrics.counts


def test_a_message_that_comes_back_sends_what_it_had_put_off(limited: World) -> None:
    busy(limited)
    timer = to_the_limited(limited)
    (due,) = limited.actions_due()
    limited.run(due)
    limited.action_queue.take_due()
    sent = len(limited.action_queue.sent)
    limited.run(due, again=True)
    assert [one.message for one in limited.action_queue.sent][sent:] == [message(timer)]
    assert limited.now(timer).actions[0].put_off is not None
    assert limited.now(timer).actions[0].put_off.times == 1  # type: ignore[union-attr]


@pytest.mark.parametrize("again", [False, True])
def test_of_twins_that_are_put_off_at_once_one_goes_on(limited: World, again: bool) -> None:
    busy(limited)
    timer = to_the_limited(limited)
    (due,) = limited.actions_due()
    stale = limited.now(timer)
    limited.run(due)
    store = limited.store

    class ReadsOld:
        """Returns to the first read what its twin saw, too."""

        def __init__(self) -> None:
            self.reads = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        def get(self, key: Any) -> Any:
            self.reads += 1
            return stale if self.reads == 1 else store.get(key)

    replace(limited.run, store=ReadsOld())(due, again=again)
    assert len(limited.action_queue.sent) == (2 if again else 1)
    assert limited.now(timer).actions[0].put_off.times == 1  # type: ignore[union-attr]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("port", ["store", "action_queue"])
def test_a_crash_while_an_attempt_is_put_off_loses_nothing(limited: World, port: str, after: bool) -> None:
    busy(limited)
    timer = to_the_limited(limited)
    (due,) = limited.actions_due()
    method = "replace" if port == "store" else "send"
    broken = replace(limited.run, **{port: crashing(getattr(limited, port), method, after=after)})
    with pytest.raises(Crash):
        broken(due)
    limited.clock.advance(ACTION_VISIBILITY_MS)
    limited.run(due, again=True)
    limited.play(limited.clock.now_ms() + 600_000)
    assert limited.now(timer).status is Status.SETTLED
    assert set(limited.receiver.deliveries) == {"a#1"}


def test_a_put_off_whose_answer_was_lost_still_sends_its_message(limited: World) -> None:
    busy(limited)
    timer = to_the_limited(limited)
    (due,) = limited.actions_due()
    hiding = HidingStore(limited.store, lambda: None)
    replace(limited.run, store=hiding)(due)
    assert [one.message for one in limited.action_queue.sent] == [message(timer)]


def test_a_message_that_was_lost_while_its_attempt_waits_is_sent_again_by_the_sweep(limited: World) -> None:
    busy(limited)
    timer = to_the_limited(limited)
    limited.run(*limited.actions_due())
    limited.clock.advance_to(limited.action_queue.sent[0].due_at_ms)
    limited.action_queue.take_due()
    limited.play(limited.clock.now_ms() + 300_000)
    assert limited.now(timer).status is Status.SETTLED
    assert limited.metrics.counts["SweepRepairs"] == 1


def test_what_waits_too_long_counts_as_made_in_vain_and_leaves_a_dead_letter() -> None:
    world = World(tenant=Limits(max_in_flight=1))
    timer = world.new("a", duration="1s", maxAttempts=2, backoffInitialMs=1_000)
    world.circuits.take(Circuit("demo", TENANT), 0, world.clock.now_ms() + 1_000 * HOUR_MS, world.clock.now_ms())
    world.play(world.clock.now_ms() + 50 * HOUR_MS)
    failed = world.now(timer)
    assert failed.status is Status.FAILED
    first, second = failed.actions[0].attempts
    assert first.error == "not sent: tenant 'demo' has as many attempts under way as it may have"
    assert first.ended_at_ms - (failed.fired_at_ms or 0) >= 24 * HOUR_MS
    assert second.number == 2
    assert world.receiver.requests == []
    assert [letter.action_id for letter in world.dead_letters.letters] == ["a"]
    assert "SweepRepairs" not in world.metrics.counts


def test_a_wait_for_a_limit_and_then_a_shortage_use_up_no_attempt() -> None:
    world = World(tenant=Limits(max_in_flight=1))
    timer = world.new("a", duration="1s", maxAttempts=1)
    until_ms = world.clock.now_ms() + 71 * HOUR_MS // 60
    world.circuits.take(Circuit("demo", TENANT), 0, until_ms, world.clock.now_ms())
    world.receiver.answers += [_raise_shortage] * 3
    world.play(until_ms + HOUR_MS)

    assert world.now(timer).status is Status.SETTLED
    assert world.receiver.deliveries == ["a#1"] * 4, "three times it got no connection"


def test_a_shortage_that_does_not_end_is_waited_for_as_long_as_it_may_take() -> None:
    world = World(tenant=Limits(max_in_flight=1))
    timer = world.new("a", duration="1s", maxAttempts=1)
    until_ms = world.clock.now_ms() + 2 * HOUR_MS
    world.circuits.take(Circuit("demo", TENANT), 0, until_ms, world.clock.now_ms())
    world.receiver.answers += [_raise_shortage] * 99
    world.play(until_ms + 2 * HOUR_MS)

    (attempt,) = world.now(timer).actions[0].attempts
    assert (attempt.error, attempt.failure) == ("not sent: none is free", "throttled")
    assert until_ms + HOUR_MS <= attempt.ended_at_ms < until_ms + 2 * HOUR_MS


def _raise_shortage() -> int:
    raise shortage("none is free")


def test_a_store_of_circuits_that_does_not_answer_brings_the_message_back(limited: World) -> None:
    timer = to_the_limited(limited)
    faults = Faults(2, error=DependencyUnavailableError("no answer"))
    limited.shield._circuits = faults.around(limited.circuits)
    limited.shield._known._store = limited.shield._circuits
    with pytest.raises(DependencyUnavailableError):
        limited.run(*limited.actions_due())
    assert limited.now(timer).actions[0].tries == 0
    assert limited.receiver.requests == []
