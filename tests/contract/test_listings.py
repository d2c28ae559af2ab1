"""What every listing of timers does, whatever the pages."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minoots_kernel.application.ports import TimerStore
from minoots_kernel.domain.commands import Cancel
from minoots_kernel.domain.errors import InvalidTimerError
from minoots_kernel.domain.timer import Status, Timer
from minoots_kernel.domain.transitions import apply
from tests.contract.conftest import Stores
from tests.contract.timers import NOW_MS, a_timer, fired

pytestmark = pytest.mark.contract

per_example_tenants = settings(
    max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def walk(store: TimerStore, tenant: str, statuses: frozenset[Status], limit: int) -> list[Timer]:
    """Read a listing to its end."""
    found: list[Timer] = []
    position = None
    for _ in range(1000):
        page = store.page(tenant, statuses=statuses, limit=limit, position=position)
        assert len(page.items) <= limit
        found += page.items
        if page.next_position is None:
            return found
        assert position is None or page.next_position < position
        position = page.next_position
    raise AssertionError("the listing has no end")


def stored(stores: Stores, states: list[str]) -> tuple[str, list[Timer]]:
    """Store timers of these states and return their tenant and them, newest first."""
    tenant = stores.new_tenant()
    timers: list[Timer] = []
    for state in states:
        timer = a_timer(tenant, metadata={"text": "x" * 600} if state == "large" else {})
        stores.timers.create(timer)
        if state in {"fired", "cancelled"}:
            after = fired(timer) if state == "fired" else apply(timer, Cancel("ops"), NOW_MS).timer
            stores.timers.replace(timer, after)
            timer = after
        timers.append(timer)
    return tenant, timers[::-1]


STATES = st.lists(st.sampled_from(["scheduled", "fired", "cancelled", "large"]), max_size=30)
FILTERS = st.sets(st.sampled_from([Status.SCHEDULED, Status.FIRED, Status.CANCELLED, Status.FAILED])).map(frozenset)


@per_example_tenants
@given(states=STATES, statuses=FILTERS, limit=st.integers(1, 35))
def test_the_pages_of_a_listing_are_the_timers_newest_first(
    stores: Stores, states: list[str], statuses: frozenset[Status], limit: int
) -> None:
    tenant, timers = stored(stores, states)

    found = walk(stores.timers, tenant, statuses, limit)

    assert found == [timer for timer in timers if not statuses or timer.status in statuses]


@per_example_tenants
@given(states=STATES, statuses=FILTERS, limit=st.integers(1, 6))
def test_reads_that_stop_early_leave_nothing_out(
    dynamo: Stores, states: list[str], statuses: frozenset[Status], limit: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minoots_kernel.adapters.dynamodb.listing.FILTERED_READ", 1)
        patch.setattr("minoots_kernel.adapters.dynamodb.listing._read_at_a_time", lambda _: 1)
        patch.setattr("minoots_kernel.adapters.dynamodb.listing.ROUNDS", 1)
        tenant, timers = stored(dynamo, states)

        found = walk(dynamo.timers, tenant, statuses, limit)

    assert found == [timer for timer in timers if not statuses or timer.status in statuses]


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 24])
def test_a_page_is_full_while_there_are_timers(stores: Stores, limit: int) -> None:
    tenant, timers = stored(stores, ["scheduled"] * 25)

    page = stores.timers.page(tenant, statuses=frozenset(), limit=limit)

    assert list(page.items) == timers[:limit]
    assert page.next_position is not None


@pytest.mark.parametrize("number", [0, 1, 25])
def test_a_listing_that_fits_one_page_names_no_other(stores: Stores, number: int) -> None:
    tenant, timers = stored(stores, ["scheduled"] * number)

    page = stores.timers.page(tenant, statuses=frozenset(), limit=max(number, 1))

    assert list(page.items) == timers
    assert page.next_position is None


def test_a_timer_created_while_pages_are_read_moves_no_other(stores: Stores) -> None:
    tenant, timers = stored(stores, ["scheduled"] * 9)
    first = stores.timers.page(tenant, statuses=frozenset(), limit=4)
    stores.timers.create(a_timer(tenant))

    second = stores.timers.page(tenant, statuses=frozenset(), limit=10, position=first.next_position)

    assert [*first.items, *second.items] == timers


@pytest.mark.parametrize("position", ["", "é", "x" * 2000, "\ud800"])
def test_a_position_that_no_page_named_is_told_as_a_mistake(stores: Stores, position: str) -> None:
    with pytest.raises(InvalidTimerError):
        stores.timers.page("demo", statuses=frozenset(), limit=5, position=position)
    with pytest.raises(InvalidTimerError):
        stores.dead_letters.page("demo", limit=5, position=position)


def test_a_page_ends_before_it_grows_too_large_for_a_reply(dynamo: Stores) -> None:
    tenant = dynamo.new_tenant()
    timers = [a_timer(tenant, metadata={"text": "x" * 250_000, "number": number}) for number in range(20)]
    for timer in timers:
        dynamo.timers.create(timer)

    first = dynamo.timers.page(tenant, statuses=frozenset(), limit=50)

    assert 1 < len(first.items) <= 12  # of a quarter of a megabyte each, in 3 MB
    assert walk(dynamo.timers, tenant, frozenset(), 50) == timers[::-1]
