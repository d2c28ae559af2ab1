from __future__ import annotations

from itertools import pairwise

import pytest

from minoots_kernel.domain.circuits import (
    MAX_OPEN_MS,
    NO_LIMITS,
    OPEN_MS,
    SLOW_MS,
    Circuit,
    Limits,
    Pace,
    closed,
    opened,
    receiver_of_destination,
    receiver_of_url,
    reopened,
    slowed,
)

NOW_MS = 1_800_000_000_000
FRESH = Circuit("demo", "h:example.org:443")
TWO = Limits(max_in_flight=2)


def test_a_closed_circuit_asks_for_no_slot_unless_its_owner_has_set_a_limit() -> None:
    assert FRESH.width(NO_LIMITS, 20, NOW_MS) is None
    assert FRESH.width(TWO, 20, NOW_MS) == 2


def test_an_open_circuit_lets_nothing_through_and_then_one_at_a_time_whatever_its_limit() -> None:
    circuit = opened(FRESH, NOW_MS)
    for limits in (NO_LIMITS, TWO):
        assert circuit.width(limits, 20, NOW_MS) == 0
        assert circuit.width(limits, 20, circuit.open_until_ms - 1) == 0
        assert circuit.width(limits, 20, circuit.open_until_ms) == 1


def test_a_circuit_that_is_open_is_not_opened_again() -> None:
    circuit = opened(FRESH, NOW_MS)
    assert opened(circuit, NOW_MS + 1) is circuit


def test_each_probe_that_fails_doubles_the_time_until_the_next_up_to_a_limit() -> None:
    circuit, waits = opened(FRESH, NOW_MS), []
    for _ in range(9):
        waits.append(circuit.open_until_ms - NOW_MS)
        circuit = reopened(circuit, NOW_MS)
    assert waits[:3] == [OPEN_MS, 2 * OPEN_MS, 4 * OPEN_MS]
    assert waits[-1] == MAX_OPEN_MS
    assert circuit.opened_at_ms == NOW_MS


@pytest.mark.parametrize(("asked_ms", "waits_ms"), [(1, OPEN_MS), (60_000, 60_000), (10**9, MAX_OPEN_MS)])
def test_a_receiver_that_asks_to_be_left_alone_is_for_no_longer_than_the_limit(asked_ms: int, waits_ms: int) -> None:
    assert opened(FRESH, NOW_MS, asked_ms).open_until_ms == NOW_MS + waits_ms


def test_a_circuit_that_closes_is_narrow_for_a_while() -> None:
    circuit = closed(opened(FRESH, NOW_MS), NOW_MS + 99)
    assert circuit.opened_at_ms is None
    assert circuit.width(NO_LIMITS, 20, NOW_MS + 99) == 20
    assert circuit.width(NO_LIMITS, 20, NOW_MS + 99 + SLOW_MS) is None
    assert closed(circuit, NOW_MS + 100) is circuit


def test_a_slow_circuit_stays_narrow_for_as_long_as_it_is_told_so() -> None:
    circuit = slowed(FRESH, NOW_MS)
    assert circuit.width(NO_LIMITS, 20, NOW_MS + SLOW_MS - 1) == 20
    assert slowed(circuit, NOW_MS + 1) is circuit, "it is narrow for long enough: nothing to write"
    assert slowed(circuit, NOW_MS + SLOW_MS - 1).slow_until_ms == NOW_MS + 2 * SLOW_MS - 1


def test_only_changes_raise_the_version_and_each_does() -> None:
    first = opened(FRESH, NOW_MS)
    chain = [FRESH, first, reopened(first, NOW_MS), closed(reopened(first, NOW_MS), NOW_MS)]
    assert [one.version for one in chain] == [0, 1, 2, 3]
    assert FRESH.with_slot(3, NOW_MS).version == 0


def test_a_lease_that_ran_out_is_over() -> None:
    circuit = FRESH.with_slot(0, NOW_MS + 1).with_slot(2, NOW_MS)
    assert circuit.free(4, NOW_MS) == [1, 2, 3]
    assert circuit.free(4, NOW_MS + 1) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.org/a?b", "h:example.org:443"),
        ("http://EXAMPLE.org", "h:example.org:80"),
        ("https://example.org:8443/x", "h:example.org:8443"),
        ("http://[::1]:9000/", "h:::1:9000"),
    ],
)
def test_a_urls_circuit_is_that_of_its_host_and_port(url: str, name: str) -> None:
    assert receiver_of_url(url) == name


def test_a_destination_cannot_be_taken_for_a_host() -> None:
    assert receiver_of_destination("example.org:443") != receiver_of_url("https://example.org")


def test_a_pace_is_as_exact_as_a_microsecond() -> None:
    assert Pace(3).interval_us == 333_333
    assert Pace(0.001).interval_us == 1_000_000_000
    assert (Pace(10).tolerance_us, Pace(10, 5).tolerance_us) == (0, 400_000)
    assert all(a < b for a, b in pairwise(Pace(2, burst).tolerance_us for burst in range(1, 9)))
