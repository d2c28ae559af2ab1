"""Which message of whom is next."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from minoots_local.aws.fair_order import FairOrder


@dataclass
class Entry:
    number: int
    group: str | None = None
    version: int = 0


def waiting(*entries: Entry) -> FairOrder:
    order = FairOrder()
    for entry in entries:
        order.push(entry)
    return order


def taken(order: FairOrder) -> list[int]:
    numbers = []
    while (entry := order.pop()) is not None:
        numbers.append(entry.number)
    return numbers


def under_way(order: FairOrder, group: str | None, count: int) -> None:
    for number in range(count):
        order.began(Entry(number, group))


@given(st.lists(st.sampled_from([None, "a", "b", "c"]), max_size=30))
def test_without_a_noisy_tenant_the_oldest_is_next_whoever_it_is(groups: list[str | None]) -> None:
    order = waiting(*(Entry(number, group) for number, group in enumerate(groups)))
    assert taken(order) == list(range(len(groups)))


def test_whoever_has_thirty_under_way_and_more_than_a_tenth_waits_for_the_others() -> None:
    order = waiting(Entry(0, "a"), Entry(1, "a"), Entry(2, "b"), Entry(3))
    under_way(order, "a", 29)
    assert not order.is_noisy("a")
    under_way(order, "a", 1)
    assert order.is_noisy("a")
    assert taken(order) == [2, 3, 0, 1]


def test_a_tenth_of_what_is_under_way_is_nobodys_noise() -> None:
    order = waiting(Entry(0, "a"), Entry(1, "b"))
    under_way(order, "a", 40)
    for number in range(90):
        under_way(order, f"other-{number}", 4)
    assert not order.is_noisy("a")
    assert taken(order) == [0, 1]


def test_a_noisy_tenant_alone_is_served_as_ever() -> None:
    order = waiting(Entry(0, "a"), Entry(1, "a"))
    under_way(order, "a", 500)
    assert taken(order) == [0, 1]


def test_a_tenant_that_has_ended_enough_is_quiet_again() -> None:
    order = waiting(Entry(0, "a"), Entry(1, "b"))
    under_way(order, "a", 30)
    order.ended(Entry(0, "a"))
    assert taken(order) == [0, 1]


def test_messages_without_a_group_are_tenants_by_themselves_and_never_noisy() -> None:
    order = waiting(Entry(0), Entry(1, "a"))
    under_way(order, None, 500)
    assert not order.is_noisy(None)
    assert taken(order) == [0, 1]


def test_what_has_moved_since_is_not_there() -> None:
    moved, stays = Entry(0, "a"), Entry(1, "a")
    order = waiting(moved, stays)
    moved.version += 1
    assert taken(order) == [1]
    assert not order
