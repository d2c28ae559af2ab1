from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from minoots_contract.changes import CancelTimerRequest
from minoots_contract.instants import format_instant
from minoots_kernel.adapters.memory import Sent
from minoots_kernel.application.hints import DIRECT_WITHIN_MS
from minoots_kernel.application.ports import TimerKey
from minoots_kernel.domain.errors import (
    AlreadyExistsError,
    DependencyUnavailableError,
    ForbiddenError,
    IdempotencyMismatchError,
    InvalidTimerError,
)
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import Status, Timer
from tests.unit.application.world import DEMO, Crash, Faults, World, crashing, wake_up
from tests.unit.domain.builders import NOW_MS, request


def test_a_created_timer_is_stored_as_it_is_answered() -> None:
    world = World()
    timer = world.new("a")
    assert world.store.get(TimerKey("demo", timer.id)) == timer
    assert (timer.tenant_id, timer.status, timer.version) == ("demo", Status.SCHEDULED, 1)


def test_ids_are_fresh_and_ascending() -> None:
    world = World()
    ids = [world.new().id for _ in range(5)]
    assert ids == sorted(set(ids))


@pytest.mark.parametrize(("duration_ms", "delay_s"), [(1, 0), (1_000, 0), (2_500, 2), (DIRECT_WITHIN_MS, 4)])
def test_a_timer_due_soon_gets_its_wake_up_from_the_request_itself(duration_ms: int, delay_s: int) -> None:
    world = World()
    timer = world.new(duration=duration_ms)
    assert world.wake_queue.sent == [Sent(wake_up(timer), NOW_MS + delay_s * 1000)]


def test_a_timer_due_later_is_left_to_the_stream() -> None:
    world = World()
    world.new(duration=DIRECT_WITHIN_MS + 1)
    assert world.wake_queue.sent == []


def test_ones_own_tenant_may_be_named() -> None:
    assert World().create(DEMO, request(tenantId="demo")).tenant_id == "demo"


def test_another_tenant_is_forbidden_by_name_and_nothing_is_stored() -> None:
    world = World()
    with pytest.raises(ForbiddenError) as refused:
        world.create(DEMO, request(tenantId="other", duration=1))
    assert [field for field, _ in refused.value.fields] == ["tenantId"]
    assert world.store.timers == []
    assert world.wake_queue.sent == []


def test_a_due_time_that_has_passed_is_refused_and_nothing_is_stored() -> None:
    world = World()
    with pytest.raises(InvalidTimerError):
        world.create(DEMO, request(fireAt="2020-01-01T00:00:00Z"))
    assert world.store.timers == []


def test_a_direct_wake_up_that_is_refused_does_not_fail_the_create() -> None:
    world = World()
    world.wake_queue.refuses = lambda _: True
    assert world.now(world.new(duration=1)).status is Status.SCHEDULED


def test_direct_wake_up_failure_does_not_fail_the_create() -> None:
    world = World()
    broken = crashing(world.wake_queue, "send", error=DependencyUnavailableError("no answer"))
    timer = replace(world.create, wake_queue=broken)(DEMO, request(duration=1))
    assert world.now(timer) == timer


def test_a_store_that_does_not_answer_fails_the_create_and_sends_no_wake_up() -> None:
    world = World()
    broken = crashing(world.store, "create", error=DependencyUnavailableError("no answer"))
    with pytest.raises(DependencyUnavailableError):
        replace(world.create, store=broken)(DEMO, request(duration=1))
    assert world.wake_queue.sent == []


def test_a_crash_right_after_the_write_leaves_a_timer_that_the_stream_arms_and_that_fires() -> None:
    world = World()
    with pytest.raises(Crash):
        replace(world.create, wake_queue=crashing(world.wake_queue, "send"))(DEMO, request(duration=1))
    (timer,) = world.store.timers
    world.play(NOW_MS + 1_000)
    assert world.now(timer).status is Status.SETTLED


def keyed(world: World, key: str = "k1", **body: object) -> Timer:
    return world.create(DEMO, request(**{"duration": "1h", **body}), idempotency_key=key)


def test_a_create_under_one_key_is_made_once_and_answered_with_the_timer_as_it_is_by_then() -> None:
    world = World()
    first = keyed(world)
    assert keyed(world) == first
    world.change(DEMO, first.id, CancelTimerRequest(requested_by="ann"))
    world.clock.advance(86_400_000)
    assert keyed(world).status is Status.CANCELLED
    assert len(world.store.timers) == 1


def test_a_key_is_the_tenants_own() -> None:
    world = World()
    theirs = world.create(Principal("other", "bob"), request(duration="1h"), idempotency_key="k1")
    assert keyed(world).id != theirs.id
    assert len(world.store.timers) == 2


def test_a_key_with_another_request_is_refused_and_changes_nothing() -> None:
    world = World()
    first = keyed(world)
    with pytest.raises(IdempotencyMismatchError) as refused:
        keyed(world, duration="2h")
    assert [field for field, _ in refused.value.fields] == ["Idempotency-Key"]
    assert world.store.timers == [first]


def test_the_first_create_under_a_key_reads_nothing() -> None:
    world, faults = World(), Faults()
    replace(world.create, store=faults.around(world.store))(DEMO, request(duration="1h"), idempotency_key="k1")
    assert faults.calls == ["StreamedStore.create"]


def test_a_create_is_repeated_though_its_due_time_has_passed_since() -> None:
    world = World()
    due = format_instant(NOW_MS + 60_000)
    first = world.create(DEMO, request(fireAt=due), idempotency_key="k1")
    world.clock.advance(120_000)
    assert world.create(DEMO, request(fireAt=due), idempotency_key="k1").id == first.id
    with pytest.raises(InvalidTimerError):
        world.create(DEMO, request(fireAt=due), idempotency_key="k2")
    with pytest.raises(IdempotencyMismatchError):
        world.create(DEMO, request(fireAt=due, name="other"), idempotency_key="k1")


def test_a_repeated_create_sends_the_wake_up_that_the_crash_before_it_did_not() -> None:
    world = World()
    with pytest.raises(Crash):
        replace(world.create, wake_queue=crashing(world.wake_queue, "send"))(
            DEMO, request(duration=1), idempotency_key="k1"
        )
    assert world.wake_queue.sent == []
    timer = world.create(DEMO, request(duration=1), idempotency_key="k1")
    assert [hint.message for hint in world.wake_queue.sent] == [wake_up(timer)]


def test_a_store_that_does_not_answer_is_not_taken_for_a_timer_that_exists() -> None:
    world = World()
    broken = crashing(world.store, "create", after=True, error=DependencyUnavailableError("no answer"))
    with pytest.raises(DependencyUnavailableError):
        replace(world.create, store=broken)(DEMO, request(duration="1h"), idempotency_key="k1")
    assert len(world.store.timers) == 1
    assert keyed(world) == world.store.timers[0]


def test_a_key_whose_timer_is_just_being_removed_may_be_tried_again() -> None:
    world = World()
    gone = crashing(world.store, "create", error=AlreadyExistsError("there"))
    with pytest.raises(DependencyUnavailableError):
        replace(world.create, store=gone)(DEMO, request(duration="1h"), idempotency_key="k1")


def test_creates_at_once_under_one_key_make_one_timer() -> None:
    world, barrier = World(), Barrier(8)

    def create(_: int) -> str:
        barrier.wait()
        return keyed(world).id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(create, range(8)))
    assert ids == {timer.id for timer in world.store.timers}
    assert len(ids) == 1
