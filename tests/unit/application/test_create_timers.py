from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from minoots_kernel.application.create_timers import CreateTimers, WantedTimer
from minoots_kernel.application.hints import DIRECT_WITHIN_MS
from minoots_kernel.domain.errors import (
    DependencyUnavailableError,
    ForbiddenError,
    IdempotencyMismatchError,
    InvalidTimerError,
    MinootsError,
    QuotaExceededError,
)
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.tiers import TIERS, Tier
from minoots_kernel.domain.timer import Timer
from tests.unit.application.test_limits import Limited
from tests.unit.application.world import DEMO, Faults, World, crashing
from tests.unit.domain.builders import request


def wanted(key: str | None = None, **body: Any) -> WantedTimer:
    return WantedTimer(request(**{"duration": "1h", **body}), key)


def create(world: World, *entries: WantedTimer) -> list[Timer | MinootsError]:
    return CreateTimers(world.create)(DEMO, entries)


def test_each_entry_is_created_or_refused_by_itself() -> None:
    world = World()
    made = create(
        world, wanted(), wanted(duration=None, fireAt="2020-01-01T00:00:00Z"), wanted(tenantId="other"), wanted("k")
    )
    assert [type(one) for one in made] == [Timer, InvalidTimerError, ForbiddenError, Timer]
    assert {one.id: one for one in made if isinstance(one, Timer)} == {one.id: one for one in world.store.timers}


def test_timers_without_keys_are_stored_in_one_call_and_those_with_keys_each_in_its_own() -> None:
    world, faults = World(), Faults()
    world.create = replace(world.create, store=faults.around(world.store))
    create(world, wanted(), wanted("a"), wanted(), wanted("b"))
    assert sorted(faults.calls) == ["StreamedStore.create", "StreamedStore.create", "StreamedStore.create_many"]


def test_a_batch_sent_again_makes_those_with_keys_once() -> None:
    world = World()
    first = create(world, wanted("a"), wanted("b"))
    assert create(world, wanted("a"), wanted("c"), wanted("b", duration="2h"))[0] == first[0]
    assert len(world.store.timers) == 3
    assert isinstance(create(world, wanted("b", duration="2h"))[0], IdempotencyMismatchError)


def test_of_two_under_one_key_the_first_is_created_whatever_runs_at_once() -> None:
    world = World()
    with ThreadPoolExecutor(8) as pool:
        many = CreateTimers(world.create, pool.map)
        made = many(DEMO, [wanted("k", name=f"n{number % 2}") for number in range(10)])
    assert [type(one) for one in made] == [Timer, IdempotencyMismatchError] * 5
    assert {one.name for one in made if isinstance(one, Timer)} == {"n0"}


def test_a_key_of_a_single_create_is_known_to_a_batch() -> None:
    world = World()
    alone = world.create(DEMO, request(duration="1h"), idempotency_key="k")
    assert create(world, wanted("k")) == [alone]


def test_wake_ups_of_timers_that_are_due_soon_are_sent_together() -> None:
    world, faults = World(), Faults()
    world.create = replace(world.create, wake_queue=faults.around(world.wake_queue))
    create(world, *(wanted(duration=n + 1) for n in range(12)), wanted("k", duration=5), wanted(duration="1h"))
    assert faults.calls == ["MemoryWakeQueue.send"]
    assert len(world.wake_queue.sent) == 13
    create(world, wanted(duration=DIRECT_WITHIN_MS + 1))
    assert len(world.wake_queue.sent) == 13


def test_what_the_store_did_not_take_is_told_and_is_not_woken() -> None:
    world = World()

    def create_many(timers: list[Timer]) -> dict[str, MinootsError]:
        world.store.create(timers[1])
        return {timers[0].id: DependencyUnavailableError("no room")}

    world.store.create_many = create_many  # type: ignore[method-assign, assignment]
    made = create(world, wanted(duration=1), wanted(duration=1))
    assert [type(one) for one in made] == [DependencyUnavailableError, Timer]
    assert len(world.wake_queue.sent) == 1


def test_an_entry_that_breaks_something_does_not_hide_what_became_of_the_others() -> None:
    world = World()
    world.create = replace(world.create, store=crashing(world.store, "create", error=RuntimeError("a defect")))
    made = create(world, wanted("a"), wanted("b"))
    assert [type(one) for one in made] == [MinootsError, Timer]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A free tier of five creates a day."""
    monkeypatch.setitem(TIERS, "free", Tier(requests=100, creates=5, active=500))


@pytest.mark.usefixtures("few")
def test_a_batch_that_is_refused_in_part_is_charged_for_what_it_made() -> None:
    world = Limited()
    create(world, wanted("known"))
    made = create(
        world,
        wanted(),
        wanted("known"),
        wanted(duration=None, fireAt="2020-01-01T00:00:00Z"),
        wanted(tenantId="other"),
        wanted("new"),
        wanted("known", duration="2h"),
    )
    refused = [type(one) for one in made if not isinstance(one, Timer)]
    assert refused == [InvalidTimerError, ForbiddenError, IdempotencyMismatchError]
    assert (world.used.creates, world.used.active) == (3, 3) == (len(world.store.timers),) * 2


@pytest.mark.usefixtures("few")
def test_as_many_of_a_batch_are_made_as_the_tier_has_left_and_those_behind_are_told_so_without_being_counted() -> None:
    world = Limited()
    create(world, wanted())
    world.usage.writes = 0
    made = create(world, *[wanted()] * 100)
    assert [type(one) for one in made] == [Timer] * 4 + [QuotaExceededError] * 96
    assert (world.used.creates, len(world.store.timers)) == (5, 5)
    assert world.usage.writes == 5, "one refused count is enough"
    assert {one.retry_after_s for one in made if isinstance(one, QuotaExceededError)} != {1}


def test_what_the_store_refused_is_given_back_and_what_it_may_have_taken_is_not() -> None:
    world = Limited()
    why = [InvalidTimerError("too large"), DependencyUnavailableError("no answer")]
    world.store.create_many = lambda timers: dict(  # type: ignore[method-assign]
        zip((one.id for one in timers), why, strict=True)
    )
    made = create(world, wanted(), wanted())
    assert made == why
    assert world.used.creates == 1


def test_a_batch_of_an_unlimited_tenant_is_counted_nowhere() -> None:
    world = Limited()
    CreateTimers(world.create)(Principal("demo", "ann", tier="unlimited"), [wanted(), wanted("k")])
    assert (world.usage.writes, len(world.store.timers)) == (0, 2)
