from __future__ import annotations

from dataclasses import replace

import pytest

from minoots_contract.late_policy import parse_late_policy
from minoots_kernel.application.fire_timer import FireOutcome
from minoots_kernel.application.letter_work import Wanted
from minoots_kernel.domain.errors import PermanentActionError
from minoots_kernel.domain.timer import Status, Timer
from tests.unit.application.world import DEMO, Crash, World, crashing, wake_up
from tests.unit.domain.builders import bundle, request


def late_timer(world: World, policy: str, *ids: str) -> Timer:
    """Create a timer with the deployment's policy, and let two seconds too many pass."""
    create = replace(world.create, late_policy=parse_late_policy(policy))
    timer = create(DEMO, request(**({"actionBundle": bundle(*ids)} if ids else {})))
    world.clock.advance_to(timer.fire_at_ms + 3_000)
    return timer


def test_a_timer_that_is_too_late_is_skipped_and_counted_and_none_of_its_actions_is_sent() -> None:
    world = World()
    timer = late_timer(world, "skip:1s", "a")
    assert world.fire(wake_up(timer)) is FireOutcome.SKIPPED
    assert world.now(timer).status is Status.CANCELLED
    assert world.action_queue.sent == []
    assert (world.metrics.counts["TimersSkipped"], world.metrics.counts["TimersFired"]) == (1, 0)
    assert world.metrics.durations_ms["Lateness"] == [3_000]


def test_a_timer_that_is_too_late_leaves_a_dead_letter_of_each_action() -> None:
    world = World()
    timer = late_timer(world, "deadLetter:1s", "a", "b")
    assert world.fire(wake_up(timer)) is FireOutcome.DEAD_LETTERED
    assert (world.now(timer).status, world.now(timer).next_check_at_ms) == (Status.FAILED, None)
    assert [(letter.action_id, letter.attempts) for letter in world.dead_letters.letters] == [("a", ()), ("b", ())]
    assert world.metrics.counts["TimersDeadLettered"] == 1
    assert world.metrics.counts["DeadLetters"] == 2
    assert world.action_queue.sent == []


def test_a_late_timers_dead_letters_are_counted_once_however_many_wake_ups_come() -> None:
    world = World()
    timer = late_timer(world, "deadLetter:1s", "a", "b")
    for again in (False, False, True, True):
        world.fire(wake_up(timer), again=again)
    world.play(timer.fire_at_ms + 200_000)
    assert world.metrics.counts["DeadLetters"] == 2


def test_a_late_dead_letter_that_is_redriven_and_fails_again_counts_again_alone() -> None:
    world = World()
    timer = late_timer(world, "deadLetter:1s", "a", "b")
    world.fire(wake_up(timer))
    world.receiver.answers.append(PermanentActionError("no"))
    world.redrive.one(DEMO, f"{timer.id}_a", Wanted("ann"))
    world.play(world.clock.now_ms() + 60_000)
    assert world.now(timer).status is Status.FAILED
    assert world.metrics.counts["DeadLetters"] == 3


@pytest.mark.parametrize("policy", ["skip:5s", "deadLetter:5s", "fire"])
def test_a_timer_that_is_late_within_its_policy_fires(policy: str) -> None:
    world = World()
    timer = late_timer(world, policy, "a")
    assert world.fire(wake_up(timer)) is FireOutcome.FIRED


def test_a_wake_up_that_failed_between_the_end_and_the_letters_stores_them_when_it_comes_back() -> None:
    world = World()
    timer = late_timer(world, "deadLetter:1s", "a")
    with pytest.raises(Crash):
        replace(world.fire, dead_letters=crashing(world.dead_letters, "put"))(wake_up(timer))
    assert world.dead_letters.letters == []
    assert world.fire(wake_up(timer), again=True) is FireOutcome.DEAD_LETTERED
    assert [letter.action_id for letter in world.dead_letters.letters] == ["a"]
    assert world.fire(wake_up(timer), again=True) is FireOutcome.DROPPED
    assert world.metrics.counts["DeadLetters"] == 1


def test_a_wake_up_that_is_lost_there_leaves_the_letters_to_the_sweep() -> None:
    world = World()
    timer = late_timer(world, "deadLetter:1s", "a")
    with pytest.raises(Crash):
        replace(world.fire, dead_letters=crashing(world.dead_letters, "put"))(wake_up(timer))
    world.play(timer.fire_at_ms + 200_000)
    assert [letter.action_id for letter in world.dead_letters.letters] == ["a"]
    assert world.now(timer).next_check_at_ms is None
    assert world.metrics.counts["DeadLetters"] == 1
