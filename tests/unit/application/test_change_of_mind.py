from __future__ import annotations

from dataclasses import replace

import pytest

from minoots_contract.changes import (
    ChangeRequest,
    ExtendTimerRequest,
    FireTimerRequest,
    PauseTimerRequest,
    RescheduleTimerRequest,
    ResumeTimerRequest,
    SnoozeTimerRequest,
)
from minoots_kernel.application.change_of_mind import ChangeOfMind
from minoots_kernel.application.hints import DIRECT_WITHIN_MS
from minoots_kernel.domain.errors import (
    DependencyUnavailableError,
    IdempotencyMismatchError,
    NotFoundError,
    StateConflictError,
    VersionMismatchError,
)
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import Status, Timer
from tests.unit.application.world import DEMO, Crash, HidingStore, World, crashing, wake_up
from tests.unit.domain.builders import NOW_MS

HOUR_MS = 3_600_000


def extend(by: str = "1h", **more: object) -> ExtendTimerRequest:
    return ExtendTimerRequest.model_validate({"requestedBy": "ann", "by": by} | more)


def fire() -> FireTimerRequest:
    return FireTimerRequest(requested_by="ann")


def test_an_extended_timer_fires_at_its_new_time_and_not_at_its_old_one() -> None:
    world = World()
    timer = world.new("a", duration="2h")
    world.play(NOW_MS + 1_000)
    world.change(DEMO, timer.id, extend())
    world.play(NOW_MS + 3 * HOUR_MS + 1_000)
    ended = world.now(timer)
    assert (ended.fire_at_ms, ended.lateness_ms, ended.status) == (NOW_MS + 3 * HOUR_MS, 0, Status.SETTLED)
    assert [moment.event for moment in ended.timeline] == ["created", "armed", "extended", "armed", "fired", "settled"]
    assert world.receiver.deliveries == ["a#1"]
    assert world.schedules.schedules == {}


def test_a_timer_pulled_near_is_woken_by_the_leg_that_fits() -> None:
    world = World()
    timer = world.new(duration="30d")
    world.play(NOW_MS + 1_000)
    assert len(world.schedules.schedules) == 1
    world.change(DEMO, timer.id, RescheduleTimerRequest(requested_by="ann", duration=60_000))
    due_ms = world.clock.now_ms() + 60_000
    world.play(due_ms + 1_000)
    assert (world.now(timer).lateness_ms, world.now(timer).fired_at_ms) == (0, due_ms)
    assert world.schedules.schedules == {}, "the old schedule is gone"


def test_a_paused_timer_does_not_fire_until_what_it_had_left_has_passed_after_the_resume() -> None:
    world = World()
    timer = world.new(duration="2h")
    world.play(NOW_MS + HOUR_MS)
    world.change(DEMO, timer.id, PauseTimerRequest(requested_by="ann"))
    left_ms = world.now(timer).remaining_ms or 0
    world.play(NOW_MS + 50 * HOUR_MS)
    assert world.now(timer).status is Status.PAUSED
    assert (world.schedules.schedules, world.wake_queue.sent) == ({}, [])
    world.change(DEMO, timer.id, ResumeTimerRequest(requested_by="ann"))
    due_ms = world.clock.now_ms() + left_ms
    world.play(due_ms + 1_000)
    assert (world.now(timer).fired_at_ms, world.now(timer).lateness_ms) == (due_ms, 0)


def test_a_timer_resumed_with_a_due_time_that_has_passed_fires_at_once() -> None:
    world = World()
    timer = world.new(duration="2h")
    world.change(DEMO, timer.id, PauseTimerRequest(requested_by="ann"))
    world.clock.advance(5 * HOUR_MS)
    resumed = world.change(DEMO, timer.id, ResumeTimerRequest(requested_by="ann", keep="dueTime"))
    assert world.wake_ups_due() == [wake_up(resumed)]
    world.fire(wake_up(resumed))
    assert world.now(timer).lateness_ms == 3 * HOUR_MS


def test_firing_now_sends_the_wake_up_at_once_and_the_kernel_fires() -> None:
    world = World()
    timer = world.new("a", duration="30d")
    world.play(NOW_MS + 1_000)
    asked_ms = world.clock.now_ms()
    asked = world.change(DEMO, timer.id, fire())
    assert (asked.status, asked.fire_at_ms) == (Status.SCHEDULED, asked_ms)
    world.play(asked_ms + 1_000)
    assert (world.now(timer).status, world.now(timer).lateness_ms) == (Status.SETTLED, 0)
    assert world.receiver.deliveries == ["a#1"]
    again = world.change(DEMO, timer.id, fire())
    assert again == world.now(timer)
    assert world.wake_queue.sent == []


@pytest.mark.parametrize("left_ms", [DIRECT_WITHIN_MS, DIRECT_WITHIN_MS + 1])
def test_a_change_that_leads_to_the_next_seconds_sends_the_wake_up_itself(left_ms: int) -> None:
    world = World()
    timer = world.new(duration="1h")
    world.change(DEMO, timer.id, RescheduleTimerRequest(requested_by="ann", duration=left_ms))
    assert len(world.wake_queue.sent) == (left_ms <= DIRECT_WITHIN_MS)


def test_a_firing_whose_request_crashed_before_the_wake_up_is_finished_by_asking_again() -> None:
    world = World()
    timer = world.new(duration="1h")
    with pytest.raises(Crash):
        replace(world.change, wake_queue=crashing(world.wake_queue, "send"))(DEMO, timer.id, fire())
    version = world.now(timer).version
    world.clock.advance(50)
    asked = world.change(DEMO, timer.id, fire())
    assert asked.version == version, "nothing is written a second time"
    assert world.wake_ups_due() == [wake_up(asked)]


def test_a_wake_up_that_cannot_be_sent_is_left_to_the_stream() -> None:
    world = World()
    timer = world.new(duration="1h")
    down = DependencyUnavailableError("no answer")
    asked = replace(world.change, wake_queue=crashing(world.wake_queue, "send", error=down))(DEMO, timer.id, fire())
    assert asked == world.now(timer)
    world.play(world.clock.now_ms() + 1_000)
    assert world.now(timer).status is Status.SETTLED


@pytest.mark.parametrize("versions", [{"versions": frozenset({7})}, {"state_version": 7}])
def test_a_change_upon_another_version_changes_nothing(versions: dict[str, object]) -> None:
    world = World()
    timer = world.new(duration="1h")
    request = extend(**({"stateVersion": 7} if "state_version" in versions else {}))
    with pytest.raises(VersionMismatchError):
        world.change(DEMO, timer.id, request, versions=versions.get("versions"))  # type: ignore[arg-type]
    assert world.now(timer) == timer


def test_both_versions_have_to_hold_when_both_are_given() -> None:
    world = World()
    timer = world.new(duration="1h")
    with pytest.raises(VersionMismatchError):
        world.change(DEMO, timer.id, extend(stateVersion=2), versions=frozenset({1}))
    changed = world.change(DEMO, timer.id, extend(stateVersion=1), versions=frozenset({1, 5}))
    assert changed.version == 2


def test_a_pause_of_a_paused_timer_writes_nothing_but_asks_for_the_version_all_the_same() -> None:
    world = World()
    timer = world.new(duration="1h")
    paused = world.change(DEMO, timer.id, PauseTimerRequest(requested_by="ann"))
    writes = len(world.store.changes)
    assert world.change(DEMO, timer.id, PauseTimerRequest(requested_by="bob")) == paused
    assert len(world.store.changes) == writes
    with pytest.raises(VersionMismatchError):
        world.change(DEMO, timer.id, PauseTimerRequest(requested_by="bob"), versions=frozenset({1}))


def test_the_same_change_under_the_same_key_is_made_once_whatever_version_comes_with_it() -> None:
    world = World()
    timer = world.new(duration="1h")
    first = world.change(DEMO, timer.id, extend(), versions=frozenset({1}), idempotency_key="k")
    writes = len(world.store.changes)
    again = world.change(DEMO, timer.id, extend(), versions=frozenset({1}), idempotency_key="k")
    assert again == first
    assert len(world.store.changes) == writes
    world.change(DEMO, timer.id, PauseTimerRequest(requested_by="ann"))
    late = world.change(DEMO, timer.id, extend(), idempotency_key="k")
    assert late == world.now(timer), "the timer as it stands, not as it stood"
    assert late.fire_at_ms == NOW_MS + 2 * HOUR_MS


def test_a_change_without_a_key_is_made_each_time() -> None:
    world = World()
    timer = world.new(duration="1h")
    for _ in range(2):
        world.change(DEMO, timer.id, extend())
    assert world.now(timer).fire_at_ms == NOW_MS + 3 * HOUR_MS


@pytest.mark.parametrize(
    "other", [extend("2h"), extend(reason="rain"), SnoozeTimerRequest(requested_by="ann", duration=HOUR_MS)]
)
def test_a_key_that_comes_back_with_another_request_changes_nothing(other: ChangeRequest) -> None:
    world = World()
    timer = world.new(duration="1h")
    first = world.change(DEMO, timer.id, extend(), idempotency_key="k")
    with pytest.raises(IdempotencyMismatchError):
        world.change(DEMO, timer.id, other, idempotency_key="k")
    assert world.now(timer) == first


def test_a_key_is_remembered_by_its_timer_alone() -> None:
    world = World()
    timers = [world.new(duration="1h") for _ in range(2)]
    for timer in timers:
        world.change(DEMO, timer.id, extend(), idempotency_key="k")
    assert {world.now(timer).fire_at_ms for timer in timers} == {NOW_MS + 2 * HOUR_MS}


def test_a_keyed_change_that_another_write_came_before_is_still_made_once() -> None:
    world = World()
    timer = world.new(duration="1h")

    class ChangedMeanwhile:
        """The answer of the first write is lost, and so the change is asked for twice, at the same time."""

        def get(self, key: object) -> Timer:
            return timer if len(world.store.changes) == 1 else world.now(timer)

        def replace(self, before: Timer, after: Timer) -> None:
            if len(world.store.changes) == 1:
                world.change(DEMO, timer.id, extend(), idempotency_key="k")
            world.store.replace(before, after)

    change = replace(world.change, store=ChangedMeanwhile())  # type: ignore[arg-type]
    assert change(DEMO, timer.id, extend(), idempotency_key="k").fire_at_ms == NOW_MS + 2 * HOUR_MS
    assert world.now(timer).version == 2


def test_a_guarded_change_that_another_write_came_before_is_refused() -> None:
    world = World()
    timer = world.new(duration="1h")

    class ChangedMeanwhile:
        def get(self, key: object) -> Timer:
            return timer if len(world.store.changes) == 1 else world.now(timer)

        def replace(self, before: Timer, after: Timer) -> None:
            world.change(DEMO, timer.id, PauseTimerRequest(requested_by="bob"))
            world.store.replace(before, after)

    with pytest.raises(VersionMismatchError, match="at version 2 by now"):
        replace(world.change, store=ChangedMeanwhile())(  # type: ignore[arg-type]
            DEMO, timer.id, extend(), versions=frozenset({1})
        )
    assert world.now(timer).status is Status.PAUSED


def test_a_change_that_comes_second_to_the_firing_is_told() -> None:
    world = World()
    timer = world.new_fired("a")
    with pytest.raises(StateConflictError, match="the timer is fired"):
        world.change(DEMO, timer.id, extend())
    assert world.now(timer) == timer


def test_another_tenants_timer_is_not_changed() -> None:
    world = World()
    timer = world.new(duration="1h")
    with pytest.raises(NotFoundError):
        world.change(Principal("other", "eve"), timer.id, extend())
    assert world.now(timer) == timer


def test_a_request_that_is_no_change_of_mind_is_a_mistake_of_ours() -> None:
    world = World()
    timer = world.new(duration="1h")
    with pytest.raises(TypeError):
        world.change(DEMO, timer.id, ChangeRequest(requested_by="ann"))


KEPT = {"stateVersion": 1}


def unheard(world: World, timer: Timer, *, lost: bool = False) -> ChangeOfMind:
    """Changes of mind of which the first is not heard of, and a snooze comes on top of it."""
    snooze = SnoozeTimerRequest(requested_by="bob", duration=5 * HOUR_MS)
    return replace(
        world.change, store=HidingStore(world.store, lambda: world.change(DEMO, timer.id, snooze), lost=lost)
    )


@pytest.mark.parametrize("guard", [{}, KEPT], ids=["unguarded", "guarded"])
def test_a_change_that_was_made_unheard_and_changed_again_is_neither_made_twice_nor_refused(
    guard: dict[str, int],
) -> None:
    world = World()
    timer = world.new(duration="2h")
    with pytest.raises(DependencyUnavailableError, match="not known"):
        unheard(world, timer)(DEMO, timer.id, extend(**guard))
    assert [moment.event for moment in world.now(timer).timeline] == ["created", "extended", "snoozed"]


def test_a_resume_that_was_made_unheard_is_not_refused_because_the_timer_runs() -> None:
    world = World()
    timer = world.new(duration="2h")
    world.change(DEMO, timer.id, PauseTimerRequest(requested_by="ann"))
    with pytest.raises(DependencyUnavailableError, match="not known"):
        unheard(world, timer)(DEMO, timer.id, ResumeTimerRequest(requested_by="ann"))
    assert world.now(timer).status is Status.SCHEDULED


def test_a_keyed_change_that_was_made_unheard_and_changed_again_is_answered_as_made() -> None:
    world = World()
    timer = world.new(duration="2h")
    answer = unheard(world, timer)(DEMO, timer.id, extend(**KEPT), idempotency_key="k")
    assert answer == world.now(timer)
    assert [moment.event for moment in answer.timeline] == ["created", "extended", "snoozed"]


def test_a_change_that_another_overtook_before_it_arrived_is_made_upon_that() -> None:
    world = World()
    timer = world.new(duration="2h")
    answer = unheard(world, timer, lost=True)(DEMO, timer.id, extend())
    assert [moment.event for moment in answer.timeline] == ["created", "snoozed", "extended"]
    assert answer.fire_at_ms == NOW_MS + 6 * HOUR_MS


def test_a_guarded_change_that_another_overtook_before_it_arrived_is_refused() -> None:
    world = World()
    timer = world.new(duration="2h")
    with pytest.raises(VersionMismatchError):
        unheard(world, timer, lost=True)(DEMO, timer.id, extend(**KEPT))
    assert [moment.event for moment in world.now(timer).timeline] == ["created", "snoozed"]
