"""Limits of rates over whole backlogs, on a virtual clock: they hold over any time, and everybody gets through."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from minoots_kernel.adapters.memory import MemoryCircuitStore, MemoryMetrics, VirtualClock
from minoots_kernel.application.pacing import SLACK_MS
from minoots_kernel.application.protect import Protect
from minoots_kernel.domain.circuits import NO_LIMITS, Call, Limits, Pace
from minoots_kernel.domain.errors import PutOffError
from tests.unit.application.world import Watcher
from tests.unit.domain.builders import NOW_MS

LIMITED = "d:limited"


def whole_seconds(_at_ms: int, chance: random.Random) -> int:
    """How late a message comes that waits in whole seconds and then has a hop to go."""
    return chance.randrange(1_000) + chance.randrange(20, 300)


def in_time(_at_ms: int, _chance: random.Random) -> int:
    return 0


def after_an_outage(at_ms: int, _chance: random.Random) -> int:
    """The queue stands still from the fifth second to the three hundredth, and then hands all over."""
    return max(0, NOW_MS + 300_000 - at_ms) if at_ms > NOW_MS + 5_000 else 0


def always_slow(_at_ms: int, chance: random.Random) -> int:
    return 20_000 + chance.randrange(500)


@dataclass
class Backlog:
    """Attempts of one tenant, some of which go to a destination with a limit of its own.

    Attributes:
        late_ms: How late the queue hands over what is due at an instant.
    """

    tenant: Limits = NO_LIMITS
    limits: Limits = NO_LIMITS
    late_ms: Callable[[int, random.Random], int] = in_time
    environments: int = 3
    began: dict[str, list[int]] = field(default_factory=dict)
    put_offs: int = 0
    most_put_off: int = 0

    def work_off(self, limited: int, others: int = 0) -> Backlog:
        clock, store, chance = VirtualClock(NOW_MS), MemoryCircuitStore(), random.Random(7)
        each = [
            Protect(store, clock, MemoryMetrics(), Watcher(), self.tenant, lambda _: 0)
            for _ in range(self.environments)
        ]
        receivers = [LIMITED] * limited + [f"h:other{number}:443" for number in range(others)]
        chance.shuffle(receivers)
        due = [(NOW_MS, number, receiver, None, 0) for number, receiver in enumerate(receivers)]
        while due:
            at_ms, number, receiver, turn, times = heapq.heappop(due)
            clock.advance_to(max(at_ms, clock.now_ms()))
            call = Call("demo", receiver, self.limits if receiver == LIMITED else NO_LIMITS, turn=turn)
            try:
                with chance.choice(each).admitted(call):
                    kind = "limited" if receiver == LIMITED else "others"
                    self.began.setdefault(kind, []).append(clock.now_ms())
            except PutOffError as put_off:
                self.put_offs += 1
                self.most_put_off = max(self.most_put_off, times + 1)
                again_ms = max(put_off.not_before_ms, clock.now_ms() + 1)
                again_ms += self.late_ms(again_ms, chance)
                heapq.heappush(due, (again_ms, number, receiver, put_off.turn, times + 1))
        return self

    @property
    def all(self) -> list[int]:
        return sorted(at_ms for times in self.began.values() for at_ms in times)


def beyond(times: list[int], pace: Pace, slack_ms: int) -> list[tuple[int, int]]:
    """The stretches of time in which more began than `burst + per_second * (t + slack)`: length in ms, and how many."""
    over = []
    for first, begin_ms in enumerate(times):
        for last in range(first, len(times)):
            count, long_ms = last - first + 1, times[last] - begin_ms
            if count > pace.burst + pace.per_second * (long_ms + slack_ms) / 1_000 + 1e-6:
                over.append((long_ms, count))
    return over


LATENESS = [in_time, whole_seconds, after_an_outage, always_slow]


@pytest.mark.parametrize("late_ms", LATENESS)
@pytest.mark.parametrize("pace", [Pace(1), Pace(0.2, 2), Pace(10, 5)])
def test_a_destinations_limit_holds_over_any_time_and_everybody_gets_through(
    pace: Pace, late_ms: Callable[[int, random.Random], int]
) -> None:
    done = Backlog(limits=Limits(pace), late_ms=late_ms).work_off(limited=300)
    times = done.began["limited"]
    assert len(times) == 300
    assert beyond(times, pace, SLACK_MS) == []
    at_best_ms = (300 - pace.burst) / pace.per_second * 1_000
    waited_ms = 320_000 if late_ms is after_an_outage else 30_000
    assert times[-1] - NOW_MS <= 1.3 * at_best_ms + waited_ms
    assert done.most_put_off <= 12


@pytest.mark.parametrize("late_ms", LATENESS)
def test_both_limits_hold_behind_a_tenants_backlog(late_ms: Callable[[int, random.Random], int]) -> None:
    tenant, own = Pace(10), Pace(1)
    done = Backlog(Limits(tenant), Limits(own), late_ms).work_off(limited=60, others=600)
    assert (len(done.began["limited"]), len(done.began["others"])) == (60, 600)
    assert beyond(done.began["limited"], own, SLACK_MS) == []
    assert beyond(done.all, tenant, 2 * SLACK_MS) == []
    waited_ms = 320_000 if late_ms is after_an_outage else 45_000
    assert done.all[-1] - NOW_MS <= 1.5 * 66_000 + waited_ms


@pytest.mark.parametrize("late_ms", LATENESS)
def test_a_tenant_whose_every_attempt_goes_to_a_destination_with_the_same_limit_gets_through(
    late_ms: Callable[[int, random.Random], int],
) -> None:
    pace = Pace(5)
    done = Backlog(Limits(pace), Limits(pace), late_ms).work_off(limited=300, others=50)
    assert len(done.all) == 350
    assert beyond(done.all, pace, 2 * SLACK_MS) == []
    assert beyond(done.began["limited"], pace, SLACK_MS) == []
    waited_ms = 320_000 if late_ms is after_an_outage else 45_000
    assert done.all[-1] - NOW_MS <= 2 * 70_000 + waited_ms


def test_without_lateness_a_limit_is_used_to_the_full_and_nothing_is_ahead_of_it() -> None:
    pace = Pace(10, 5)
    done = Backlog(limits=Limits(pace)).work_off(limited=200)
    assert beyond(done.began["limited"], pace, 0) == []
    assert done.began["limited"][-1] == NOW_MS + 19_500
    assert done.put_offs == 195, "each once"


def test_turns_that_went_by_are_not_all_used_at_once() -> None:
    done = Backlog(limits=Limits(Pace(1)), late_ms=after_an_outage).work_off(limited=50)
    for at_ms in done.began["limited"]:
        assert sum(at_ms <= other < at_ms + 1_000 for other in done.began["limited"]) <= 2
