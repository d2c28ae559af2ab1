"""Inboxes that are asked more than once, and what taking a message out of them says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from minoots_contract.acknowledgements import AcknowledgementRequest
from minoots_kernel.application.letter_work import Wanted
from minoots_kernel.application.use_inbox import UseInbox
from minoots_kernel.domain.delivery_ids import delivery_id
from minoots_kernel.domain.errors import (
    DependencyUnavailableError,
    LeaseLostError,
    NotFoundError,
    TokenExpiredError,
)
from minoots_kernel.domain.inbox import KEPT_MS, LeasedMessage, Receipt
from minoots_kernel.domain.messages import ActionMessage
from minoots_kernel.domain.timer import ActionStatus, Status, Timer
from tests.unit.application.world import DEMO, Crash, Faults, World, crashing, wake_up
from tests.unit.domain.asking import known_of, state_of
from tests.unit.domain.builders import request

ANN = {"adapter": "inbox", "target": "ann"}
SAID = {"payloadTemplate": {"step": "{{ acknowledgement.step }}", "token": "{{ acknowledgement.token }}"}}


def inbox_of(world: World, **changes: Any) -> UseInbox:
    return replace(UseInbox(world.inboxes, world.clock, world.store, world.acknowledge), **changes)


def asking(world: World, *steps: dict[str, Any], **required: Any) -> Timer:
    """A timer that has fired and asked ann, who does not answer; `steps` are whom it asks then."""
    wanted = {"timeoutMs": 10_000, "maxAttempts": 1, "escalation": list(steps)} | required
    action = {
        "id": "a",
        "kind": "agent_prompt",
        "parameters": {"binding": ANN | SAID, "requiresAcknowledgement": wanted},
    }
    return fire(world, world.create(DEMO, request(actionBundle={"actions": [action]})))


def telling(world: World) -> Timer:
    """A timer that has fired, and whose action is about to be run: it leaves a message and waits for nothing."""
    action = {"id": "a", "kind": "agent_prompt", "parameters": {"binding": ANN}}
    timer = world.create(DEMO, request(actionBundle={"actions": [action], "retryPolicy": {"maxAttempts": 3}}))
    world.clock.advance_to(timer.fire_at_ms)
    world.fire(wake_up(timer))
    return world.now(timer)


def fire(world: World, timer: Timer) -> Timer:
    world.clock.advance_to(timer.fire_at_ms)
    world.fire(wake_up(timer))
    for message in world.actions_due():
        world.run(message)
    return world.now(timer)


def ask_on(world: World, timer: Timer) -> Timer:
    """Let the deadline of the wait pass, and the next attempt be made."""
    world.clock.advance_to(state_of(world.now(timer)).next_attempt_at_ms or 0)
    world.run(ActionMessage("demo", timer.id, "a", state_of(world.now(timer)).tries))
    world.run(ActionMessage("demo", timer.id, "a", state_of(world.now(timer)).next_attempt))
    return world.now(timer)


def fetch(world: World, lease_ms: int = 60_000) -> list[LeasedMessage]:
    return inbox_of(world).fetch(DEMO, "ann", limit=10, lease_ms=lease_ms)


def answer(world: World, leased: LeasedMessage, status: str = "accepted") -> str:
    assert leased.message.acknowledgement is not None
    said = AcknowledgementRequest.model_validate({"status": status})
    return world.acknowledge(leased.message.acknowledgement["token"], said).status


def redriven(world: World, timer: Timer) -> None:
    world.redrive.one(DEMO, delivery_id(timer.id, "a"), Wanted("ann", "again"))
    for hint in world.wake_ups_due():
        world.fire(hint)
    for message in world.actions_due():
        world.run(message)


def test_an_inbox_that_is_asked_at_two_steps_has_the_second_ones_words_and_token() -> None:
    world = World()
    timer = asking(world, {"binding": ANN | SAID, "timeoutMs": 50_000})
    (first,) = fetch(world)
    timer = ask_on(world, timer)
    assert len(known_of(timer).asks) == 2

    (second,) = fetch(world)

    assert (first.message.payload["step"], second.message.payload["step"]) == (0, 1)
    assert second.message.acknowledgement is not None
    assert second.message.payload["token"] == second.message.acknowledgement["token"]
    with pytest.raises(TokenExpiredError):
        answer(world, first)
    with pytest.raises(LeaseLostError):
        inbox_of(world).acknowledge(DEMO, "ann", first.receipt)
    assert world.now(timer).status is Status.FIRED
    assert answer(world, second) == "accepted"


def test_a_redriven_asking_has_a_token_that_counts() -> None:
    world = World()
    timer = asking(world)
    (first,) = fetch(world)
    world.clock.advance_to(state_of(timer).next_attempt_at_ms or 0)
    world.run(ActionMessage("demo", timer.id, "a", 1))
    assert world.now(timer).status is Status.FAILED

    redriven(world, timer)

    (second,) = fetch(world)
    assert second.message.id == first.message.id
    with pytest.raises(NotFoundError):
        answer(world, first)
    assert answer(world, second) == "accepted"
    assert world.now(timer).status is Status.SETTLED


def test_a_redrive_after_the_message_was_forgotten_is_seen() -> None:
    world = World()
    timer = asking(world)
    world.clock.advance_to(state_of(timer).next_attempt_at_ms or 0)
    world.run(ActionMessage("demo", timer.id, "a", 1))
    world.clock.advance_to(world.clock.now_ms() + KEPT_MS)
    assert fetch(world) == []

    redriven(world, timer)

    (leased,) = fetch(world)
    inbox_of(world).acknowledge(DEMO, "ann", leased.receipt)
    assert world.now(timer).status is Status.SETTLED


def test_an_asking_that_is_repeated_in_its_step_leaves_the_lease_alone() -> None:
    world = World()
    timer = asking(world, maxAttempts=3)
    (first,) = fetch(world, lease_ms=3_600_000)
    timer = ask_on(world, timer)
    assert known_of(timer).asks[0].tries == 2
    assert fetch(world) == []
    inbox_of(world).acknowledge(DEMO, "ann", first.receipt)
    assert world.now(timer).status is Status.SETTLED


@pytest.mark.parametrize("fetched_first", [True, False])
def test_an_attempt_that_crashed_after_it_left_its_message_does_not_bring_it_back(fetched_first: bool) -> None:
    world = World()
    timer = telling(world)
    (message,) = world.actions_due()
    run = world.run
    crashed = replace(run, store=crashing(world.store, "replace"))
    with pytest.raises(Crash):
        crashed(message)
    (leased,) = fetch(world)
    if fetched_first:
        inbox_of(world).acknowledge(DEMO, "ann", leased.receipt)
        inbox_of(world).acknowledge(DEMO, "ann", leased.receipt)

    run(message)

    assert world.now(timer).status is Status.SETTLED
    assert fetch(world) == []
    assert len(world.inboxes.messages) == (0 if fetched_first else 1)


def test_a_message_whose_attempt_has_its_outcome_leaves_nothing_behind() -> None:
    world = World()
    timer = telling(world)
    world.run(*world.actions_due())
    assert state_of(world.now(timer)).status is ActionStatus.SUCCEEDED
    (leased,) = fetch(world)
    inbox_of(world).acknowledge(DEMO, "ann", leased.receipt)
    assert world.inboxes.leased("demo", "ann", read(leased)) is None
    world.inboxes.put(leased.message)  # nothing is remembered of it, for nobody puts it again
    assert len(world.inboxes.messages) == 1


def read(leased: LeasedMessage) -> Receipt:
    receipt = Receipt.from_text(leased.receipt)
    assert receipt is not None
    return receipt


@pytest.mark.parametrize("changes", [{"fired_at_ms": 1}, {"lease": 2}, {"id": "0190-nobody_a"}, {"id": "0190_b"}])
@pytest.mark.parametrize("leased_by_somebody", [True, False])
def test_a_receipt_that_was_never_given_out_settles_nothing(changes: dict[str, Any], leased_by_somebody: bool) -> None:
    world = World()
    timer = asking(world)
    if leased_by_somebody:
        fetch(world)
    real = Receipt(timer.fired_at_ms or 0, delivery_id(timer.id, "a"), 1, asks=True)
    forged = replace(real, **changes)

    with pytest.raises(LeaseLostError):
        inbox_of(world).acknowledge(DEMO, "ann", forged.to_text())

    assert world.now(timer).status is Status.FIRED
    assert len(world.inboxes.messages) == 1


def test_a_message_that_went_without_an_answer_is_not_taken_for_acknowledged() -> None:
    world = World()
    timer = asking(world)
    (leased,) = fetch(world)
    world.inboxes.acknowledge("demo", "ann", read(leased))
    with pytest.raises(LeaseLostError, match="no answer"):
        inbox_of(world).acknowledge(DEMO, "ann", leased.receipt)
    assert world.now(timer).status is Status.FIRED


def test_an_acknowledgement_that_failed_on_the_way_can_be_made_again() -> None:
    lost = DependencyUnavailableError("no answer")
    for call in ("leased", "acknowledge"):
        for after in (False, True):
            world = World()
            timer = asking(world)
            (leased,) = fetch(world)
            failing = inbox_of(world, store=crashing(world.inboxes, call, after=after, error=lost))
            with pytest.raises(DependencyUnavailableError):
                failing.acknowledge(DEMO, "ann", leased.receipt)
            failing.acknowledge(DEMO, "ann", leased.receipt)
            inbox_of(world).acknowledge(DEMO, "ann", leased.receipt)
            assert world.now(timer).status is Status.SETTLED
            assert world.inboxes.messages == []


def test_an_answer_counts_also_if_the_lease_runs_out_while_it_is_written() -> None:
    world = World()
    timer = asking(world, timeoutMs=60_000)
    (first,) = fetch(world, lease_ms=1_000)
    world.clock.advance_to(first.leased_until_ms)
    others: list[LeasedMessage] = []
    found = world.inboxes.leased

    def leased(*arguments: Any) -> Any:
        message = found(*arguments)
        others.extend(fetch(world))
        return message

    late = Faults().around(world.inboxes)
    store = type("Store", (), {"leased": staticmethod(leased), "acknowledge": staticmethod(late.acknowledge)})()
    inbox_of(world, store=store).acknowledge(DEMO, "ann", first.receipt)

    assert world.now(timer).status is Status.SETTLED
    inbox_of(world).acknowledge(DEMO, "ann", others[0].receipt)
    assert world.inboxes.messages == []
