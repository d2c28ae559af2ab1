from __future__ import annotations

from typing import Any

import pytest

from minoots_kernel.adapters.memory import MemoryEventBus
from minoots_kernel.application import change
from minoots_kernel.application.change import change_timer
from minoots_kernel.application.ports import TimerKey
from minoots_kernel.application.publish_events import PublishEvents
from minoots_kernel.application.read_dead_letters import ListDeadLetters
from minoots_kernel.application.read_timers import GetTimer, ListTimers
from minoots_kernel.domain.commands import Cancel, Recheck
from minoots_kernel.domain.errors import (
    DependencyUnavailableError,
    NotFoundError,
    PermanentActionError,
    VersionMismatchError,
)
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import Status, Timer
from minoots_kernel.domain.transitions import apply
from tests.unit.application.world import DEMO, World
from tests.unit.domain.builders import NOW_MS, request

OTHER = Principal("other", "eve")


def test_a_timer_is_read_by_its_tenant_and_by_nobody_else() -> None:
    world = World()
    timer = world.new()
    assert GetTimer(world.store)(DEMO, timer.id) == timer
    for principal, timer_id in ((OTHER, timer.id), (DEMO, "no-such-timer")):
        with pytest.raises(NotFoundError):
            GetTimer(world.store)(principal, timer_id)


def test_a_listing_shows_a_tenants_timers_newest_first_and_can_be_narrowed() -> None:
    world = World()
    mine = [world.new() for _ in range(5)]
    world.create(OTHER, request(duration="1h"))
    world.cancel_it(mine[1])
    listing = ListTimers(world.store)
    page = listing(DEMO, statuses=frozenset(), limit=3, position=None)
    assert [timer.id for timer in page.items] == [timer.id for timer in reversed(mine[2:])]
    rest = listing(DEMO, statuses=frozenset(), limit=3, position=page.next_position)
    assert [timer.id for timer in rest.items] == [mine[1].id, mine[0].id]
    assert rest.next_position is None
    only = listing(DEMO, statuses=frozenset({Status.CANCELLED}), limit=9, position=None)
    assert [timer.id for timer in only.items] == [mine[1].id]


def test_dead_letters_are_listed_for_their_tenant() -> None:
    world = World()
    for _ in range(2):
        world.receiver.answers.append(PermanentActionError("gone"))
        world.new_fired("a")
        world.run(*world.actions_due())
    listing = ListDeadLetters(world.dead_letters)
    assert len(listing(DEMO, limit=9, position=None).items) == 2
    assert listing(OTHER, limit=9, position=None).items == ()


def published(outcomes_only: bool) -> tuple[World, MemoryEventBus, PublishEvents]:
    world, bus = World(), MemoryEventBus()
    world.new_fired("a")
    world.run(*world.actions_due())
    world.cancel_it(world.new(duration="1h"))
    return world, bus, PublishEvents(bus, outcomes_only=outcomes_only)


def test_every_event_of_the_stream_is_published_once_and_in_order() -> None:
    world, bus, publish = published(outcomes_only=False)
    assert publish(world.store.changes) == set()
    names = [event.type.split(".")[3] for event in bus.published]
    assert names == ["created", "fired", "settled", "created", "cancelled"]
    assert len({event.id for event in bus.published}) == 5


def test_a_stream_that_is_read_twice_gives_the_same_ids() -> None:
    world, bus, publish = published(outcomes_only=False)
    for _ in range(2):
        publish(world.store.changes)
    assert len(bus.published) == 10
    assert len({event.dedupekey for event in bus.published}) == 5


def test_a_bus_may_be_told_of_outcomes_only() -> None:
    world, bus, publish = published(outcomes_only=True)
    publish(world.store.changes)
    assert [event.type.split(".")[3] for event in bus.published] == ["settled", "cancelled"]


def test_changes_of_which_the_bus_refused_an_event_are_named() -> None:
    world, bus, publish = published(outcomes_only=False)
    bus.refuses = lambda event: event.type.endswith((".fired.v1", ".cancelled.v1"))
    assert publish(world.store.changes) == {1, 4}


def test_a_timer_that_everybody_changes_at_once_is_given_up_with_an_error_that_may_be_tried_again() -> None:
    world = World()
    timer = world.new()

    class Busy:
        tries = 0

        def get(self, key: TimerKey) -> Timer:
            return world.now(timer)

        def replace(self, before: Timer, after: Timer) -> None:
            self.tries += 1
            raise VersionMismatchError("changed")

    busy: Any = Busy()
    with pytest.raises(DependencyUnavailableError) as refused:
        change_timer(busy, timer, Cancel("x"), NOW_MS)
    assert refused.value.retryable
    assert busy.tries == change.MAX_TRIES


def test_a_timer_that_vanishes_while_it_is_changed_is_an_error_and_no_endless_loop() -> None:
    world = World()
    timer = apply(world.new(), Recheck(1, 5), NOW_MS).timer

    class Gone:
        def get(self, key: TimerKey) -> None:
            return None

        def replace(self, before: Timer, after: Timer) -> None:
            raise VersionMismatchError("gone")

    gone: Any = Gone()
    with pytest.raises(VersionMismatchError):
        change_timer(gone, timer, Cancel("x"), NOW_MS)
