"""What every clock, every maker of ids and every keeper of measurements does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import RFC_4122, UUID

import pytest

from minoots_kernel.adapters.clock import SystemClock
from minoots_kernel.adapters.ids import Uuid7Ids
from minoots_kernel.adapters.memory import MemoryMetrics, SequentialIds, VirtualClock
from minoots_kernel.application.ports import Clock, IdFactory, Metrics
from tests.contract.timers import NOW_MS

pytestmark = pytest.mark.contract


@pytest.fixture(params=[SystemClock, lambda: VirtualClock(NOW_MS)], ids=["system", "virtual"])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


@pytest.fixture(params=[Uuid7Ids, SequentialIds], ids=["uuid7", "sequential"])
def ids(request: pytest.FixtureRequest) -> IdFactory:
    made: IdFactory = request.param()
    return made


def test_a_clock_tells_milliseconds_of_this_age(clock: Clock) -> None:
    assert 1_700_000_000_000 < clock.now_ms() < 4_000_000_000_000


def test_sleep_ends_no_earlier_than_asked_for(clock: Clock) -> None:
    before_ms = clock.now_ms()

    clock.sleep_ms(15)

    assert clock.now_ms() >= before_ms + 15


@pytest.mark.parametrize("duration_ms", [0, -1, -10_000_000_000])
def test_a_sleep_that_is_over_already_returns_at_once(clock: Clock, duration_ms: int) -> None:
    before_ms = clock.now_ms()

    clock.sleep_ms(duration_ms)

    assert 0 <= clock.now_ms() - before_ms < 60_000


def test_the_virtual_clock_moves_only_when_told() -> None:
    clock = VirtualClock(NOW_MS)
    clock.advance(5)
    clock.advance_to(NOW_MS + 3)
    assert clock.now_ms() == NOW_MS + 5

    clock.advance_to(NOW_MS + 60_000)
    clock.advance(-1000)

    assert clock.now_ms() == NOW_MS + 59_000


def test_ids_are_uuids_of_version_7(ids: IdFactory) -> None:
    made = ids.new_id()

    assert str(UUID(made)) == made
    assert UUID(made).version == 7
    assert UUID(made).variant == RFC_4122


def test_ids_sort_by_the_order_they_were_made_in(ids: IdFactory) -> None:
    made = [ids.new_id() for _ in range(5000)]

    assert made == sorted(made)


def test_no_id_is_made_twice(ids: IdFactory) -> None:
    with ThreadPoolExecutor(8) as pool:
        batches = pool.map(lambda _: [ids.new_id() for _ in range(500)], range(8))
        made = [one for batch in batches for one in batch]

    assert len(set(made)) == 4000


def test_sequential_ids_are_the_same_in_every_run() -> None:
    first, second = SequentialIds(), SequentialIds()

    assert [first.new_id() for _ in range(3)] == [second.new_id() for _ in range(3)]


def test_measurements_are_kept() -> None:
    metrics = MemoryMetrics()
    port: Metrics = metrics
    port.count("TimersFired")
    port.count("TimersFired", 2)
    port.milliseconds("Lateness", 12)
    port.milliseconds("Lateness", 3)

    assert metrics.counts == {"TimersFired": 3}
    assert metrics.durations_ms == {"Lateness": [12, 3]}
