"""Narrowed and ordered listings, the same in every store and as the filter itself says."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minoots_kernel.application.ports import Page, TimerStore
from minoots_kernel.domain.authority import Sight, Thing
from minoots_kernel.domain.timer import Status, Timer
from minoots_kernel.domain.timer_filter import EVERY, LabelTest, TimerFilter
from tests.contract.conftest import Stores, Table
from tests.contract.timers import NOW_MS, a_timer

pytestmark = pytest.mark.contract

LABELS = st.dictionaries(st.sampled_from(["env", "team"]), st.sampled_from(["prod", "test", ""]))
TESTS = st.builds(
    LabelTest,
    st.sampled_from(["env", "team"]),
    st.sampled_from([None, "prod", "test", ""]),
    st.booleans(),
)
MOMENTS = st.none() | st.integers(0, 5).map(lambda n: NOW_MS + n * 10_000)
FILTERS = st.builds(
    TimerFilter,
    st.lists(TESTS, max_size=2).map(tuple),
    MOMENTS,
    MOMENTS,
    st.sampled_from(["", "a", "ab", "é"]),
    st.sampled_from([None, "ann", "bob"]),
)
TIMERS = st.fixed_dictionaries(
    {
        "labels": LABELS,
        "duration": st.integers(1, 5).map(lambda n: n * 10_000),
        "name": st.sampled_from(["a", "ab", "b", "éa"]),
        "requestedBy": st.sampled_from(["ann", "bob"]),
        "metadata": st.sampled_from([{}, {"text": "x" * 700}]),
    }
)


def walk(store: TimerStore, tenant: str, wanted: TimerFilter, limit: int, *, oldest_first: bool) -> list[Timer]:
    found: list[Timer] = []
    position = None
    for _ in range(500):
        page = store.page(
            tenant, statuses=frozenset(), limit=limit, position=position, wanted=wanted, oldest_first=oldest_first
        )
        assert len(page.items) <= limit
        found += page.items
        position = page.next_position
        if position is None:
            return found
    raise AssertionError("the listing has no end")


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(bodies=st.lists(TIMERS, max_size=20), wanted=FILTERS, limit=st.integers(1, 12), oldest_first=st.booleans())
def test_the_pages_are_the_timers_that_match_in_the_order_asked_for(
    stores: Stores, bodies: list[dict[str, object]], wanted: TimerFilter, limit: int, oldest_first: bool
) -> None:
    tenant = stores.new_tenant()
    timers = [a_timer(tenant, actionBundle=None, **body) for body in bodies]
    assert stores.timers.create_many(timers) == {}

    found = walk(stores.timers, tenant, wanted, limit, oldest_first=oldest_first)

    matching = [timer for timer in timers if wanted.matches(timer)]
    assert found == (matching if oldest_first else matching[::-1])


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(bodies=st.lists(TIMERS, max_size=20), limit=st.integers(1, 12), oldest_first=st.booleans())
def test_timers_that_may_not_be_seen_change_nothing_of_a_listing(
    stores: Stores, bodies: list[dict[str, object]], limit: int, oldest_first: bool
) -> None:
    tenant = stores.new_tenant()
    stores.timers.create_many([a_timer(tenant, actionBundle=None, **body) for body in bodies])

    def page(position: str | None, wanted: TimerFilter, sight: Sight[Thing] | None = None) -> Page[Timer]:
        more = {"limit": limit, "position": position, "oldest_first": oldest_first}
        return stores.timers.page(tenant, statuses=frozenset(), wanted=wanted, sight=sight, **more)  # type: ignore[arg-type]

    def sight(things: Sequence[Thing]) -> list[Thing]:
        return [one for one in things if one.tags.get("env") != "prod" and one.attributes["requestedBy"] == "ann"]

    seen = TimerFilter(labels=(LabelTest("env", "prod", negated=True),), created_by="ann", name_prefix="a")
    position = None
    for _ in range(50):
        shown = page(position, TimerFilter(name_prefix="a"), sight)
        assert shown == page(position, seen)
        position = shown.next_position
        if position is None:
            return
    raise AssertionError("the listing has no end")


@pytest.mark.parametrize("spoilt", ["spec", "spec elsewhere", "due time"])
@pytest.mark.parametrize("wanted", [EVERY, TimerFilter(labels=(LabelTest("none", negated=True),))])
def test_a_timer_that_cannot_be_read_is_left_out_also_where_policies_tell_who_sees_what(
    dynamo: Stores, table: Table, spoilt: str, wanted: TimerFilter, caplog: pytest.LogCaptureFixture
) -> None:
    tenant = dynamo.new_tenant()
    labels = {f"label-{n}": "v" * 60 for n in range(20)} if spoilt == "spec elsewhere" else {"env": "prod"}
    first, other, last = timers = [a_timer(tenant, labels=labels) for _ in range(3)]
    dynamo.timers.create_many(timers)
    _spoil(table, other, spoilt)

    def page(sight: Sight[Thing] | None) -> tuple[Timer, ...]:
        return dynamo.timers.page(tenant, statuses=frozenset(), limit=5, wanted=wanted, sight=sight).items

    assert page(None) == page(list) == (last, first)
    assert {record.__dict__["timerId"] for record in caplog.records} == {other.id}


def _spoil(table: Table, timer: Timer, what: str) -> None:
    """Write what a later version might have written: actions of another form, or another attribute for an old one."""
    attribute = "fireAt" if what == "due time" else "spec"
    (item,) = (one for one in table.items() if timer.id in one["pk"]["S"] + one["sk"]["S"] and attribute in one)
    item |= {"spec": {"S": '{"bundle":{"actions":[{"future":1}]}}'}} if attribute == "spec" else {}
    kept = {name: value for name, value in item.items() if name != "fireAt" or attribute == "spec"}
    table.client.put_item(TableName=table.name, Item=kept)


@pytest.mark.parametrize("large", [False, True])
def test_a_timer_is_found_by_labels_that_are_large_themselves(stores: Stores, large: bool) -> None:
    labels = {f"label-{n}": "v" * (60 if large else 1) for n in range(20)}
    timer = a_timer(stores.new_tenant(), labels=labels)
    stores.timers.create(timer)
    for test, found in ((LabelTest("label-7"), (timer,)), (LabelTest("label-7", negated=True), ())):
        page = stores.timers.page(
            timer.tenant_id, statuses=frozenset(), limit=5, wanted=TimerFilter(labels=(test,)), oldest_first=False
        )
        assert page.items == found


def test_a_page_that_examined_many_and_found_few_is_short_and_names_the_next(dynamo: Stores) -> None:
    tenant = dynamo.new_tenant()
    timers = [a_timer(tenant, name="old" if number == 0 else "new") for number in range(60)]
    dynamo.timers.create_many(timers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minoots_kernel.adapters.dynamodb.listing.FILTERED_READ", 1)
        page = dynamo.timers.page(tenant, statuses=frozenset(), limit=5, wanted=TimerFilter(name_prefix="old"))
        assert (page.items, page.next_position is not None) == ((), True)
        found = walk(dynamo.timers, tenant, TimerFilter(name_prefix="old"), 5, oldest_first=False)
    assert found == [timers[0]]


def test_a_status_and_a_filter_hold_together(stores: Stores) -> None:
    timer = a_timer(stores.new_tenant(), labels={"env": "prod"})
    stores.timers.create(timer)
    wanted = TimerFilter(labels=(LabelTest("env", "prod"),))
    for statuses, found in (({Status.SCHEDULED}, 1), ({Status.FIRED}, 0)):
        page = stores.timers.page(timer.tenant_id, statuses=frozenset(statuses), limit=5, wanted=wanted)
        assert len(page.items) == found
    assert stores.timers.page(timer.tenant_id, statuses=frozenset(), limit=5, wanted=EVERY).items == (timer,)
