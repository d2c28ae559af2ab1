"""Messages of actions that ask: late, twice, from before a redrive, and executions that come back with them."""

from __future__ import annotations

import pytest

from minoots_contract.timers import CreateTimerRequest
from minoots_kernel.application.letter_work import Wanted
from minoots_kernel.application.ports import TimerKey
from minoots_kernel.domain.delivery_ids import delivery_id
from minoots_kernel.domain.errors import UnknownHintError
from minoots_kernel.domain.executions import NextMove
from minoots_kernel.domain.messages import ActionMessage
from minoots_kernel.domain.timer import ActionStatus, Timer
from minoots_kernel.domain.transitions import REDISPATCH_AFTER_MS
from tests.unit.application.test_acknowledgements import Machine, answer, new, past_deadline
from tests.unit.application.world import DEMO, Crash, HidingStore, World, wake_up
from tests.unit.domain.asking import ask_bundle, known_of, state_of
from tests.unit.domain.builders import request

ANN = Wanted("ann", "mended")


def message(timer: Timer, attempt: int, token: str | None = None, driver: str | None = None) -> ActionMessage:
    return ActionMessage(timer.tenant_id, timer.id, "a", attempt, token, driver)


def redrive(world: World, timer: Timer, action_id: str = "a") -> None:
    world.redrive.one(DEMO, delivery_id(timer.id, action_id), ANN)


def refused(world: World) -> Timer:
    """A timer whose one asking was refused: it has failed, with a dead letter."""
    timer = new(world, maxAttempts=1, escalation=[])
    answer(world, "refused")
    world.run(message(timer, 1))
    return world.now(timer)


def waiting_its_turn(world: World) -> Timer:
    """A timer whose action `a` was redriven, and waits for another that asks."""
    (other,) = ask_bundle()["actions"]
    timer = new(world, other | {"id": "c"}, maxAttempts=1, escalation=[])
    answer(world, "refused")
    world.run(message(timer, 1))
    for sent in world.actions_due():
        world.run(sent)
    redrive(world, timer)
    assert state_of(world.now(timer)).status is ActionStatus.WAITING
    return world.now(timer)


def run_redriven(world: World) -> None:
    for hint in world.wake_ups_due():
        world.fire(hint)
    for sent in world.actions_due():
        world.run(sent)


def new_request() -> CreateTimerRequest:
    return request(actionBundle=ask_bundle())


def fire(world: World, timer: Timer) -> None:
    world.clock.advance_to(timer.fire_at_ms)
    world.fire(wake_up(timer))
    for sent in world.actions_due():
        world.run(sent)


def test_late_messages_from_before_a_redrive_are_done_with_while_the_action_waits_its_turn() -> None:
    world = World()
    timer = waiting_its_turn(world)
    asked = len(world.receiver.requests)
    world.workflow.waiting.add("old")
    for late in (message(timer, 1), message(timer, 1, "old", "gone"), message(timer, 2)):
        world.run(late)
    assert world.workflow.woken == ["old"], "the execution is to find out that it is not needed"
    assert world.look(TimerKey("demo", timer.id), "a", "gone") == NextMove("superseded")
    assert (world.now(timer), len(world.receiver.requests)) == (timer, asked)
    with pytest.raises(UnknownHintError):
        world.run(message(timer, 3))


def test_a_message_ahead_of_its_first_turn_comes_back() -> None:
    world = World()
    (other,) = ask_bundle()["actions"]
    timer = new(world, other | {"id": "c"})
    with pytest.raises(UnknownHintError):
        world.run(ActionMessage(timer.tenant_id, timer.id, "c", 1))


def test_a_redriven_action_is_asked_once_however_many_messages_of_its_former_life_come() -> None:
    world = World()
    timer = refused(world)
    redrive(world, timer)
    run_redriven(world)
    for late in (message(timer, 1), message(timer, 2), message(timer, 1, "old", "gone")):
        world.run(late)
    assert world.receiver.deliveries == ["a#1", "a#2"]
    assert (known_of(world.now(timer)).step, known_of(world.now(timer)).waits) == (0, True)
    assert answer(world, "done").state == "settled"


def test_an_execution_of_a_former_life_does_not_take_the_place_of_the_one_that_waits() -> None:
    world = World()
    timer = refused(world)
    redrive(world, timer)
    run_redriven(world)
    machine = Machine(world, timer)
    machine.ask(next(reversed(world.workflow.started.values())).first)
    world.run(message(timer, 1, "old", "gone"))
    assert known_of(world.now(timer)).driver == machine.name
    past_deadline(world, timer)
    assert machine.look().do == "failed"


def test_an_execution_that_another_took_the_place_of_asks_whom_nobody_asks() -> None:
    world = World()
    timer = new(world)
    machine = Machine(world, timer)
    machine.ask(next(iter(world.workflow.started.values())).first)
    past_deadline(world, timer)
    # Another one came at the last moment, and waits by a wait of its own that began just now.
    world.clock.advance(-1)
    machine.ask(NextMove("ask", 1, 10), "other")
    world.clock.advance(1)
    move = machine.look()
    assert (move.do, move.attempt) == ("ask", 2)
    machine.ask(move)
    assert machine.look("other") == NextMove("superseded")


def test_a_copy_of_a_message_asks_nobody_while_the_attempt_is_under_way() -> None:
    world = World()
    timer = world.create(DEMO, new_request())
    world.workflow.waiting.add("token")

    def slow() -> int:
        world.run(message(timer, 1))
        world.run(message(timer, 1, "token", "driver"))
        return 200

    world.receiver.answers.append(slow)
    fire(world, timer)
    assert world.receiver.deliveries == ["a#1"]
    assert world.workflow.woken == ["token"], "it looks again, and then waits beside the action"
    assert known_of(world.now(timer)).waits


def test_a_message_that_comes_back_after_a_crash_asks_again() -> None:
    world = World()
    timer = world.create(DEMO, new_request())

    def crash() -> int:
        raise Crash

    world.receiver.answers.append(crash)
    with pytest.raises(Crash):
        fire(world, timer)
    world.run(message(timer, 1), again=True)
    assert world.receiver.deliveries == ["a#1", "a#1"]


def test_an_attempt_of_which_nothing_was_heard_for_long_is_made_by_whoever_comes() -> None:
    world = World()
    timer = world.create(DEMO, new_request())

    def crash() -> int:
        raise Crash

    world.receiver.answers.append(crash)
    with pytest.raises(Crash):
        fire(world, timer)
    world.clock.advance(REDISPATCH_AFTER_MS)
    world.run(message(timer, 1))
    assert known_of(world.now(timer)).waits


def test_an_execution_waits_beside_an_action_whose_agent_reports_progress_within_the_call() -> None:
    world = World()
    world.receiver.answers.append(lambda: 200 if answer(world, "progress") else 500)
    timer = new(world)
    assert known_of(world.now(timer)).waits
    (execution,) = world.workflow.started.values()
    assert (execution.first.do, execution.first.attempt) == ("ask", 1)


def test_an_execution_waits_beside_an_action_though_the_answer_of_its_write_was_lost() -> None:
    world = World()
    timer = world.create(DEMO, new_request())
    ask = world.run.ask
    assert ask is not None

    def hides() -> int:
        hiding = HidingStore(world.store, lambda: answer(world, "progress"))
        object.__setattr__(ask, "store", hiding)
        return 200

    world.receiver.answers.append(hides)
    fire(world, timer)
    assert len(world.workflow.started) == 1
