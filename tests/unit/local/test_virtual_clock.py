"""The clock that can be set forward: everything at its time, nothing passed over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from minoots_local.clock import Bell, next_of_period, take_time
from minoots_local.errors import ClockStoppedError
from minoots_local.kernel_surroundings import KernelClock, MessageThreads
from minoots_local.players.worker import Player
from minoots_local.virtual_clock import VirtualClock

SECOND_MS, HOUR_MS, DAY_MS = 1_000.0, 3_600_000.0, 86_400_000.0
# What this machine may take for a few lines, be it ever so busy; far less than what is advanced by.
SLACK_MS = 60 * SECOND_MS


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    with VirtualClock().running() as running:
        yield running


def begin(clock: VirtualClock, work: Callable[[], object]) -> threading.Thread:
    """Hand work over to a thread of its own."""
    thread = threading.Thread(target=clock.hand_over(work), daemon=True)
    thread.start()
    return thread


def sleeper(clock: VirtualClock, for_ms: float, seen: list[tuple[float, float]]) -> threading.Thread:
    """A thread that waits; notes for how long it meant to and when it woke."""

    def sleep() -> None:
        take_time(clock, for_ms)
        seen.append((for_ms, clock.now_ms()))

    return begin(clock, sleep)


def test_the_whole_process_reads_the_same_time_and_gets_its_own_back() -> None:
    clock = VirtualClock()
    before, monotonic_before = time.time(), time.monotonic()
    with clock.running():
        now_ms = clock.advance(400 * DAY_MS)
        assert time.time() * 1000 == pytest.approx(now_ms, abs=SLACK_MS)
        assert datetime.now(UTC).timestamp() * 1000 == pytest.approx(now_ms, abs=SLACK_MS)
        assert now_ms == pytest.approx(before * 1000 + 400 * DAY_MS, abs=SLACK_MS)
    assert time.time() == pytest.approx(before, abs=60)
    assert time.monotonic() - monotonic_before < 60


def test_whoever_waits_is_woken_in_order_each_at_its_time(clock: VirtualClock) -> None:
    began_ms, seen = clock.now_ms(), []
    threads = [sleeper(clock, hours * HOUR_MS, seen) for hours in (5, 1, 3, 2, 4)]
    clock.advance(DAY_MS)
    for thread in threads:
        thread.join(10)
    assert [for_ms / HOUR_MS for for_ms, _ in seen] == [1, 2, 3, 4, 5]
    for for_ms, woke_ms in seen:
        assert for_ms <= woke_ms - began_ms < for_ms + SLACK_MS


def test_an_advance_ends_at_its_target_though_somebody_waits_for_longer(clock: VirtualClock) -> None:
    began_ms, seen = clock.now_ms(), []
    sleeper(clock, 30 * DAY_MS, seen)
    assert clock.advance(DAY_MS) - began_ms == pytest.approx(DAY_MS, abs=SLACK_MS)
    assert seen == []
    clock.advance(30 * DAY_MS)
    assert len(seen) == 1


def test_what_comes_due_at_the_target_is_done_before_the_advance_ends(clock: VirtualClock) -> None:
    done: list[float] = []

    def work() -> None:
        take_time(clock, HOUR_MS)
        take_time(clock, SECOND_MS)
        done.append(clock.now_ms())

    begin(clock, work)
    clock.advance(HOUR_MS + SLACK_MS)
    assert len(done) == 1


def test_time_does_not_move_on_while_work_is_under_way(clock: VirtualClock) -> None:
    """A receiver that takes its real time holds the clock up, and only its real time is lateness."""
    began_ms, release, ended_ms = clock.now_ms(), threading.Event(), []
    begin(clock, lambda: (release.wait(30), ended_ms.append(clock.now_ms())))
    advancing = threading.Thread(target=clock.advance, args=(DAY_MS,), daemon=True)
    advancing.start()
    threading.Event().wait(0.1)  # as long as a clock that did not care would have needed many times over
    release.set()
    advancing.join(10)
    assert ended_ms[0] - began_ms < SLACK_MS
    assert clock.now_ms() - began_ms >= DAY_MS


def test_work_that_was_handed_over_counts_before_it_is_begun(clock: VirtualClock) -> None:
    began_ms, ended_ms = clock.now_ms(), []
    work = clock.hand_over(lambda: ended_ms.append(clock.now_ms()))
    advancing = threading.Thread(target=clock.advance, args=(DAY_MS,), daemon=True)
    advancing.start()
    threading.Event().wait(0.1)
    work()
    advancing.join(10)
    assert ended_ms[0] - began_ms < SLACK_MS


def test_what_a_ring_starts_is_done_before_time_moves_on(clock: VirtualClock) -> None:
    """A message is made each hour and its consumer rung: whatever the threads do, it is there within the hour."""
    began_ms, seen, hours = clock.now_ms(), [], 300
    consumer = Player("consumer", clock, lambda: seen.append(clock.now_ms()))

    def produce() -> None:
        for _ in range(hours):
            take_time(clock, HOUR_MS)
            consumer.bell.ring()

    consumer.start()
    begin(clock, produce)
    clock.advance((hours + 1) * HOUR_MS)
    consumer.stop()
    rounds = [round((at_ms - began_ms) / HOUR_MS) for at_ms in seen]
    assert set(range(1, hours + 1)) <= set(rounds)
    assert all(abs(at_ms - began_ms - hour * HOUR_MS) < SLACK_MS for at_ms, hour in zip(seen, rounds, strict=True))


def test_a_player_plays_every_round_of_a_day(clock: VirtualClock) -> None:
    rounds: list[float] = []

    def step() -> float:
        rounds.append(clock.now_ms())
        return rounds[-1] + 60 * SECOND_MS

    player = Player("rounds", clock, step)
    player.start()
    clock.advance(DAY_MS)
    player.stop()
    gaps = [after - before for before, after in pairwise(rounds)]
    assert 1_400 < len(rounds) <= 1_441
    assert min(gaps) >= 60 * SECOND_MS


def test_rounds_that_are_known_to_find_nothing_are_left_out(clock: VirtualClock) -> None:
    began_ms, rounds = clock.now_ms(), []
    work_ms = began_ms + 20 * DAY_MS + 90 * SECOND_MS
    next_ms = began_ms

    def step() -> float:
        nonlocal next_ms
        rounds.append(clock.now_ms() - began_ms)
        next_ms = clock.now_ms() + 60 * SECOND_MS
        return next_ms

    def nothing_before() -> float:
        return next_of_period(next_ms, 60 * SECOND_MS, work_ms if clock.now_ms() < work_ms else float("inf"))

    player = Player("rounds", clock, step, nothing_before)
    player.start()
    clock.advance(30 * DAY_MS)
    player.stop()
    with_work = [at_ms for at_ms in rounds if at_ms >= 20 * DAY_MS]
    assert len(rounds) < 10
    # Not at the instant itself, but at the first round that would have come after it.
    assert 20 * DAY_MS + 120 * SECOND_MS <= with_work[0] < 20 * DAY_MS + 120 * SECOND_MS + SLACK_MS


def test_a_thread_that_was_handed_nothing_is_waited_for_too(clock: VirtualClock) -> None:
    began_ms, seen = clock.now_ms(), []

    def poll() -> None:
        take_time(clock, HOUR_MS)
        seen.append(clock.now_ms() - began_ms)

    stranger = threading.Thread(target=poll, daemon=True)
    stranger.start()
    while not clock._waiters:
        threading.Event().wait(0.001)
    clock.advance(DAY_MS)
    stranger.join(10)
    assert HOUR_MS <= seen[0] < HOUR_MS + SLACK_MS


def test_a_notified_thread_is_at_work_before_it_notices(clock: VirtualClock) -> None:
    bell, began_ms, seen = Bell(clock), clock.now_ms(), []
    begin(clock, lambda: (bell.wait(), seen.append(clock.now_ms())))
    begin(clock, lambda: (take_time(clock, HOUR_MS), bell.ring()))
    clock.advance(DAY_MS)
    assert HOUR_MS <= seen[0] - began_ms < HOUR_MS + SLACK_MS


def test_who_comes_due_after_an_advance_by_itself_does_not_sleep_as_long_as_before(clock: VirtualClock) -> None:
    seen: list[tuple[float, float]] = []
    thread = sleeper(clock, HOUR_MS, seen)
    clock.advance(HOUR_MS - 300)
    thread.join(3)  # less than the nap that it was in
    assert len(seen) == 1


def test_advances_at_the_same_time_add_up(clock: VirtualClock) -> None:
    began_ms = clock.now_ms()
    threads = [threading.Thread(target=clock.advance, args=(DAY_MS,), daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert clock.now_ms() - began_ms >= 4 * DAY_MS


def test_stopping_ends_an_advance_that_waits_for_work(clock: VirtualClock) -> None:
    release, failures = threading.Event(), []
    begin(clock, lambda: release.wait(30))

    def advance() -> None:
        try:
            clock.advance(DAY_MS)
        except ClockStoppedError as error:
            failures.append(error)

    advancing = threading.Thread(target=advance, daemon=True)
    advancing.start()
    while not clock._one_advance.locked():
        threading.Event().wait(0.001)
    clock.stop()
    advancing.join(10)
    release.set()
    assert len(failures) == 1


def test_it_begins_at_an_instant_that_lies_ahead_and_ignores_one_that_has_passed(clock: VirtualClock) -> None:
    began_ms = clock.now_ms()
    clock.start_at(began_ms - DAY_MS)
    assert clock.now_ms() - began_ms < SLACK_MS
    clock.start_at(began_ms + 3 * DAY_MS)
    assert began_ms + 3 * DAY_MS <= clock.now_ms() < began_ms + 3 * DAY_MS + SLACK_MS


def test_a_batch_waits_no_real_time_for_its_one_message_that_is_not_due(clock: VirtualClock) -> None:
    began_ms, answers = clock.now_ms(), []
    kernel_clock = KernelClock(clock)

    def handle(hours: int) -> tuple[int, int]:
        kernel_clock.sleep_ms(int(hours * HOUR_MS))
        return hours, kernel_clock.now_ms()

    begin(clock, lambda: answers.extend(MessageThreads(clock, 3).map(handle, [0, 6, 0])))
    clock.advance(DAY_MS)
    assert [hours for hours, _ in answers] == [0, 6, 0]
    for hours, at_ms in answers:
        assert hours * HOUR_MS - 1 <= at_ms - began_ms < hours * HOUR_MS + SLACK_MS


def test_a_message_that_raises_is_told_to_who_handed_it_over(clock: VirtualClock) -> None:
    def fail(_item: int) -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        MessageThreads(clock, 2).map(fail, [1, 2])
    assert clock._under_way == 0


@pytest.mark.parametrize(
    ("first_ms", "expected_ms"),
    [(0, 100), (100, 100), (101, 110), (110, 110), (215, 220), (float("inf"), float("inf"))],
)
def test_the_next_of_a_row_of_instants(first_ms: float, expected_ms: float) -> None:
    assert next_of_period(100, 10, first_ms) == expected_ms
