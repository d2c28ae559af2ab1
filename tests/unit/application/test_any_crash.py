"""Every call of every port crashes once, before and after it is done; every life must end well all the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from minoots_contract.changes import ChangeRequest
from minoots_contract.changes import ExtendTimerRequest as Extend
from minoots_contract.changes import FireTimerRequest as FireNow
from minoots_contract.changes import PauseTimerRequest as Pause
from minoots_contract.changes import RescheduleTimerRequest as Reschedule
from minoots_contract.changes import ResumeTimerRequest as Resume
from minoots_kernel.domain.due_times import CHECK_AFTER_MS
from minoots_kernel.domain.errors import (
    ActionError,
    DependencyUnavailableError,
    PermanentActionError,
    TransientActionError,
)
from minoots_kernel.domain.timer import ActionStatus, Status, Timer
from tests.unit.application.world import (
    DEMO,
    SWEEP_EVERY_MS,
    WAKE_VISIBILITY_MS,
    Crash,
    Faults,
    World,
)

HALF_AN_HOUR_MS = 1_800_000


@dataclass(frozen=True)
class Life:
    create: Callable[[World], Timer]
    answers: dict[str, ActionError]
    ends: Status
    deliveries: tuple[str, ...]
    in_order: bool = True


BY: dict[str, Any] = {"requested_by": "ann"}


def changed(world: World, *requests: ChangeRequest) -> Timer:
    """Create a far timer, let it be armed, and have it changed by a caller who asks until there is an answer."""
    timer = world.new("a", duration="25m")
    world.play(timer.created_at_ms + 1_000)
    for number, request in enumerate(requests):
        while True:
            try:
                timer = world.change(DEMO, timer.id, request, idempotency_key=str(number))
            except (Crash, DependencyUnavailableError):
                world.clock.advance(1_000)
            else:
                break
    return timer


def beaten(world: World, timeout: str, after_ms: int) -> Timer:
    """Create a heartbeat timer that hears twice from its watcher, and then no more."""
    timer = world.new("a", duration=timeout, heartbeat=True)
    for number in (1, 2):
        world.play(timer.created_at_ms + number * after_ms)
        while True:
            try:
                timer = world.beat(DEMO, timer.id)
            except (Crash, DependencyUnavailableError):
                world.clock.advance(1_000)
            else:
                break
    return timer


BUSY = TransientActionError("busy", 503)
LATER = TransientActionError("later", 429, retry_after_ms=HALF_AN_HOUR_MS)
LIVES = {
    "near, no action": Life(lambda world: world.new(duration="3s"), {}, Status.SETTLED, ()),
    "far, no action": Life(lambda world: world.new(duration="25m"), {}, Status.SETTLED, ()),
    "one after another": Life(lambda world: world.new("a", "b"), {}, Status.SETTLED, ("a#1", "b#1")),
    "all at once": Life(
        lambda world: world.new("a", "b", "c", concurrency=3), {}, Status.SETTLED, ("a#1", "b#1", "c#1"), in_order=False
    ),
    "tried again": Life(
        lambda world: world.new("a", duration="1s", maxAttempts=3),
        {"a#1": BUSY, "a#2": BUSY},
        Status.SETTLED,
        ("a#1", "a#2", "a#3"),
    ),
    "tried again much later": Life(
        lambda world: world.new("a", duration="30s", maxAttempts=2), {"a#1": LATER}, Status.SETTLED, ("a#1", "a#2")
    ),
    "moved away": Life(lambda world: changed(world, Extend(**BY, by=60_000)), {}, Status.SETTLED, ("a#1",)),
    "pulled near": Life(lambda world: changed(world, Reschedule(**BY, duration=3_000)), {}, Status.SETTLED, ("a#1",)),
    "fired now": Life(lambda world: changed(world, FireNow(**BY)), {}, Status.SETTLED, ("a#1",)),
    "paused and resumed": Life(lambda world: changed(world, Pause(**BY), Resume(**BY)), {}, Status.SETTLED, ("a#1",)),
    "beaten and left to die": Life(lambda world: beaten(world, "30s", 20_000), {}, Status.SETTLED, ("a#1",)),
    "beaten rarely and left to die": Life(lambda world: beaten(world, "2h", 5_400_000), {}, Status.SETTLED, ("a#1",)),
    "failed for good": Life(
        lambda world: world.new("a", "b"), {"a#1": PermanentActionError("no", 404)}, Status.FAILED, ("a#1", "b#1")
    ),
}
ERRORS = {"crash": Crash(), "no answer": DependencyUnavailableError("no answer")}


def live(life: Life, faults: Faults, *, redelivers: bool) -> tuple[World, Timer | None]:
    world = World(faults, redelivers=redelivers)
    world.receiver.plan = life.answers
    with suppress(Crash, DependencyUnavailableError):  # the caller was told nothing good
        life.create(world)
    timers = world.store.timers
    if not timers:
        return world, None
    world.play(timers[0].fire_at_ms + 2 * HALF_AN_HOUR_MS)
    return world, world.now(timers[0])


def check(world: World, timer: Timer, life: Life, *, bound_ms: int) -> None:
    events = Counter(moment.event for moment in timer.timeline)
    sent = Counter(world.receiver.deliveries)
    assert timer.lateness_ms is not None, "it never fired"
    assert 0 <= timer.lateness_ms <= bound_ms
    assert events["fired"] == 1
    assert timer.status is life.ends
    assert events[life.ends] == 1
    order = list(dict.fromkeys(world.receiver.deliveries))
    assert (order if life.in_order else sorted(order)) == list(life.deliveries)
    assert sum(sent.values()) <= len(life.deliveries) + 1, "more than the attempt in flight was repeated"
    for state in timer.actions:
        assert [attempt.number for attempt in state.attempts] == list(range(1, state.tries + 1))


def call_counts(life: Life) -> int:
    faults = Faults()
    world, timer = live(life, faults, redelivers=True)
    assert timer is not None
    check(world, timer, life, bound_ms=0)
    return len(faults.calls)


@pytest.mark.parametrize("error", list(ERRORS))
@pytest.mark.parametrize("name", list(LIVES))
def test_whatever_call_goes_wrong_the_timer_fires_once_never_early_and_ends(name: str, error: str) -> None:
    life = LIVES[name]
    # The message comes back after its visibility timeout; what the stream lost its mapping reads again.
    bound_ms = max(WAKE_VISIBILITY_MS, CHECK_AFTER_MS + SWEEP_EVERY_MS) + 2_000
    for at in range(1, call_counts(life) + 1):
        for after in (False, True):
            faults = Faults(at, after=after, error=ERRORS[error])
            world, timer = live(life, faults, redelivers=True)
            if timer is None:
                assert faults.calls[:at] == ["StreamedStore.create"]
                continue
            try:
                check(world, timer, life, bound_ms=bound_ms)
                failed = {state.id for state in world.now(timer).actions if state.status is ActionStatus.FAILED}
                assert {letter.action_id for letter in world.dead_letters.letters} == failed
            except AssertionError as problem:
                problem.add_note(f"{error} {'after' if after else 'before'} call {at}: {faults.calls[at - 1]}")
                raise
            expected_letters = sum(isinstance(answer, PermanentActionError) for answer in life.answers.values())
            assert len(world.dead_letters.letters) == expected_letters


@pytest.mark.parametrize("error", list(ERRORS))
def test_whatever_call_goes_wrong_a_timer_that_is_too_late_leaves_each_of_its_dead_letters_once(error: str) -> None:
    def late(faults: Faults) -> tuple[World, Timer]:
        world = World(faults)
        with suppress(Crash, DependencyUnavailableError):
            world.new("a", "b", latePolicy={"mode": "deadLetter", "afterMs": "1s"})
        timer = world.store.timers[0]
        world.store.changes.clear()  # what the stream said is lost: the sweep wakes it, late
        world.play(timer.fire_at_ms + 10 * SWEEP_EVERY_MS)
        return world, world.now(timer)

    smooth = Faults()
    late(smooth)
    for at in range(2, len(smooth.calls) + 1):  # the first is the creation
        for after in (False, True):
            world, timer = late(Faults(at, after=after, error=ERRORS[error]))
            events = [moment.event for moment in timer.timeline if moment.event != "repaired"]
            assert (events, timer.next_check_at_ms) == (["created", "failed"], None), smooth.calls[at - 1]
            assert sorted(letter.action_id for letter in world.dead_letters.letters) == ["a", "b"]
            assert world.receiver.requests == []


@pytest.mark.parametrize("name", list(LIVES))
def test_though_no_message_ever_comes_back_the_sweep_brings_every_timer_to_its_end(name: str) -> None:
    life = LIVES[name]
    bound_ms = 2 * (CHECK_AFTER_MS + SWEEP_EVERY_MS)
    for at in range(1, call_counts(life) + 1):
        for after in (False, True):
            world, timer = live(life, Faults(at, after=after), redelivers=False)
            if timer is not None:
                check(world, timer, life, bound_ms=bound_ms)
