from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from minoots_contract.changes import (
    CancelTimerRequest,
    ChangeRequest,
    ExtendTimerRequest,
    FireTimerRequest,
    PauseTimerRequest,
    RescheduleTimerRequest,
    ResumeTimerRequest,
    SnoozeTimerRequest,
)
from minoots_contract.identity import TierName
from minoots_contract.timers import CreateTimerRequest
from minoots_kernel.adapters.memory import MemoryUsageStore
from minoots_kernel.application.identity_ports import TimersUsed
from minoots_kernel.application.limits import DAY_MS, MINUTE_MS, RECOUNT_AFTER_MS, Limits
from minoots_kernel.application.read_usage import ReadUsage
from minoots_kernel.domain.errors import (
    AlreadyExistsError,
    BeyondTierError,
    DependencyUnavailableError,
    InvalidTimerError,
    QuotaExceededError,
)
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.tiers import TIERS, Tier
from minoots_kernel.domain.timer import Status, Timer
from tests.unit.application.world import World
from tests.unit.domain.builders import bundle, request

FREE = Principal("demo", "ann")
UNLIMITED = Principal("demo", "ann", tier="unlimited")


class CountingUsage(MemoryUsageStore):
    """Counts, too, how often it is written to."""

    writes = counts = 0

    def take_requests(self, tenant_id: str, minute: int, count: int, limit: int) -> int | None:
        self.writes += 1
        return super().take_requests(tenant_id, minute, count, limit)

    def charge(self, tenant_id: str, day: int, now_ms: int, *, creates: int, active: int) -> bool:
        self.writes += 1
        return super().charge(tenant_id, day, now_ms, creates=creates, active=active)

    def count_active(self, tenant_id: str, most: int) -> int:
        self.counts += 1
        return super().count_active(tenant_id, most)


class Limited(World):
    """A world whose creates are held to the tiers."""

    def __init__(self) -> None:
        super().__init__()
        self.usage = CountingUsage(self.store)
        self.limits = Limits(self.usage, self.clock)
        self.create = replace(self.create, limits=self.limits)
        self.change = replace(self.change, limits=self.limits)

    def make(self, principal: Principal = FREE, **wanted: Any) -> Timer:
        return self.create(principal, request(**({"duration": "1h"} | wanted)))

    def makes(self, principal: Principal = FREE) -> bool:
        try:
            self.make(principal)
        except QuotaExceededError:
            return False
        return True

    @property
    def used(self) -> TimersUsed:
        found = self.usage.timers("demo")
        assert found is not None
        return found


@pytest.fixture
def world() -> Limited:
    return Limited()


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A free tier of fifty creates a day and five hundred timers at a time."""
    monkeypatch.setitem(TIERS, "free", Tier(requests=100, creates=50, active=500))


@pytest.mark.usefixtures("few")
def test_of_two_hundred_creates_at_once_a_limit_of_fifty_lets_fifty_through(world: Limited) -> None:
    with ThreadPoolExecutor(32) as pool:
        allowed = list(pool.map(lambda _: world.makes(), range(200)))
    assert sum(allowed) == len(world.store.timers) == 50
    assert (world.used.creates, world.used.active) == (50, 50)


def test_two_hundred_at_once_leave_no_more_than_may_be_active(world: Limited, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TIERS, "free", Tier(requests=100, creates=1_000, active=50))
    with ThreadPoolExecutor(32) as pool:
        allowed = list(pool.map(lambda _: world.makes(), range(200)))
    assert sum(allowed) == len(world.store.timers) == 50
    assert world.usage.counts == 0


@pytest.mark.usefixtures("few")
def test_a_days_creates_begin_anew_at_midnight_utc(world: Limited) -> None:
    assert [world.makes() for _ in range(51)] == [True] * 50 + [False]
    with pytest.raises(QuotaExceededError) as refused:
        world.make()
    now_ms = world.clock.now_ms()
    assert refused.value.retry_after_s == ((now_ms // DAY_MS + 1) * DAY_MS - now_ms) // 1000 + 1
    world.clock.advance(refused.value.retry_after_s * 1000)
    assert world.makes()
    assert world.used.creates == 1


def test_a_function_whose_clock_is_behind_at_midnight_counts_on_the_later_day(world: Limited) -> None:
    world.clock.advance_to((world.clock.now_ms() // DAY_MS + 1) * DAY_MS)
    world.make()
    behind = Limits(world.usage, world.clock)
    real, world.clock.now_ms = world.clock.now_ms, lambda: real() - 5_000  # type: ignore[method-assign]
    assert behind.charge(FREE) == real() // DAY_MS
    assert world.used.creates == 2


def test_what_is_refused_is_not_charged(world: Limited) -> None:
    world.make()
    refusals: list[tuple[dict[str, Any], type[Exception]]] = [
        ({"duration": None, "fireAt": "2020-01-01T00:00:00Z"}, InvalidTimerError),
        ({"actionBundle": bundle(*"abcdef")}, BeyondTierError),
        ({"metadata": {"text": "x" * 20_000}}, BeyondTierError),
        ({"duration": "400d"}, BeyondTierError),
    ]
    for wanted, error in refusals:
        with pytest.raises(error):
            world.make(**{name: value for name, value in wanted.items() if value is not None or name == "duration"})
    assert world.used.creates == 1


def test_a_create_that_does_not_happen_is_refunded(world: Limited, monkeypatch: pytest.MonkeyPatch) -> None:
    world.make()
    for error in (InvalidTimerError("too large"), AlreadyExistsError("taken"), RuntimeError("broken")):

        def failing(_timer: Timer, error: Exception = error) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(world.store, "create", failing)
            with pytest.raises(type(error)):
                world.make()
        assert (world.used.creates, world.used.active) == (1, 1)


@pytest.mark.usefixtures("few")
def test_of_two_hundred_creates_at_once_those_that_fail_take_nobodys_place(
    world: Limited, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, drawn = world.store.create, count()

    def failing(timer: Timer) -> None:
        if next(drawn) % 2:
            raise AlreadyExistsError("taken")
        whole(timer)

    def makes(_: int) -> str:
        try:
            world.make()
        except (AlreadyExistsError, QuotaExceededError) as error:
            return type(error).__name__
        return "made"

    with monkeypatch.context() as patch, ThreadPoolExecutor(32) as pool:
        patch.setattr(world.store, "create", failing)
        outcomes = Counter(pool.map(makes, range(200)))
    assert outcomes["AlreadyExistsError"] > 0
    made = len(world.store.timers)
    assert made == outcomes["made"] <= 50
    assert (world.used.creates, world.used.active) == (made, made)
    assert [world.makes() for _ in range(51 - made)] == [True] * (50 - made) + [False]


def test_a_refund_that_cannot_be_written_hides_nothing_from_the_caller(
    world: Limited, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_timer: Timer) -> None:
        raise AlreadyExistsError("taken")

    def silent(_tenant_id: str, _day: int) -> None:
        raise DependencyUnavailableError("no answer")

    monkeypatch.setattr(world.store, "create", failing)
    monkeypatch.setattr(world.usage, "refund", silent)
    with pytest.raises(AlreadyExistsError):
        world.make()
    assert world.used.creates == 1


def test_a_create_that_may_have_happened_stays_counted(world: Limited, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_timer: Timer) -> None:
        raise DependencyUnavailableError("no answer")

    monkeypatch.setattr(world.store, "create", silent)
    with pytest.raises(DependencyUnavailableError):
        world.make()
    assert world.used.creates == 1


def test_timers_that_ended_make_room_a_minute_after_the_last_create(
    world: Limited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TIERS, "free", Tier(requests=100, creates=1_000, active=5))
    timers = [world.make() for _ in range(5)]
    for timer in timers[:2]:
        world.cancel_it(timer)
    with pytest.raises(QuotaExceededError) as refused:
        world.make()
    assert 0 < refused.value.retry_after_s <= 60
    assert world.usage.counts == 0
    world.clock.advance(RECOUNT_AFTER_MS)
    assert [world.makes() for _ in range(3)] == [True, True, False]
    assert world.usage.counts == 1


def test_a_tenant_at_its_limit_is_counted_once_a_minute_however_often_it_asks(
    world: Limited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TIERS, "free", Tier(requests=100, creates=1_000, active=5))
    for _ in range(5):
        world.make()
    world.clock.advance(RECOUNT_AFTER_MS)
    assert not any(world.makes() for _ in range(20))
    assert world.usage.counts == 1
    world.clock.advance(RECOUNT_AFTER_MS)
    assert not world.makes()
    assert world.usage.counts == 2


def test_a_minutes_requests_are_used_up_and_begin_anew(world: Limited) -> None:
    left = [world.limits.admit(FREE) for _ in range(100)]
    assert [one.remaining for one in left if one] == list(range(99, -1, -1))
    for _ in range(10):
        with pytest.raises(QuotaExceededError) as refused:
            world.limits.admit(FREE)
    assert refused.value.retry_after_s == 60 - world.clock.now_ms() // 1000 % 60
    world.clock.advance(refused.value.retry_after_s * 1000)
    assert world.limits.admit(FREE)


@pytest.mark.parametrize("tier", ["free", "pro", "team"])
def test_functions_that_share_a_limit_never_pass_it(world: Limited, tier: TierName) -> None:
    limit = TIERS[tier].requests
    assert limit is not None
    functions = [Limits(world.usage, world.clock) for _ in range(7)]
    admitted = refused = 0
    while refused < len(functions):
        refused = 0
        for function in functions:
            try:
                function.admit(replace(FREE, tier=tier))
            except QuotaExceededError:
                refused += 1
            else:
                admitted += 1
    assert admitted == limit
    assert world.usage.requests("demo", world.clock.now_ms() // MINUTE_MS) == limit


def test_requests_cost_a_write_for_a_fiftieth_of_the_limit_and_refusals_none(world: Limited) -> None:
    pro = replace(FREE, tier="pro")
    for _ in range(1_000):
        world.limits.admit(pro)
    assert world.usage.writes == 50
    for _ in range(100):
        with pytest.raises(QuotaExceededError):
            world.limits.admit(pro)
    assert world.usage.writes == 52


def test_requests_at_once_are_counted_each(world: Limited) -> None:
    def ask(_: int) -> bool:
        try:
            world.limits.admit(FREE)
        except QuotaExceededError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(ask, range(300))) == 100


def test_an_unlimited_tenant_pays_nothing(world: Limited) -> None:
    for _ in range(300):
        assert world.limits.admit(UNLIMITED) is None
        world.make(UNLIMITED, duration="4000d", metadata={"text": "x" * 100_000})
    assert world.usage.writes == 0
    assert world.usage.timers("demo") is None
    assert len(world.limits._leases) == 0


def test_usage_is_what_is_counted_and_nothing_where_nobody_is_held(world: Limited) -> None:
    world.limits.admit(FREE)
    world.make()
    read = ReadUsage(world.usage, world.clock, enforced=True)
    usage = read(FREE)
    assert usage.requests is not None
    assert usage.creates is not None
    assert usage.active_timers is not None
    assert (usage.requests.used, usage.requests.limit) == (2, 100)  # taken two at a time
    assert (usage.creates.used, usage.creates.limit) == (1, 25)
    assert (usage.active_timers.used, usage.active_timers.limit) == (1, 100)
    world.clock.advance(DAY_MS)
    tomorrow = read(FREE)
    assert tomorrow.creates is not None
    assert tomorrow.creates.used == 0
    for nobody in (read(UNLIMITED), ReadUsage(world.usage, world.clock, enforced=False)(FREE)):
        assert (nobody.requests, nobody.creates, nobody.active_timers, nobody.actions) == (None,) * 4


@pytest.mark.parametrize(("kept", "of_its_own", "told"), [(400, None, 400), (400, 30, 30), (None, 30, None)])
def test_a_tenant_is_told_how_long_its_audit_is_kept(
    world: Limited, kept: int | None, of_its_own: int | None, told: int | None
) -> None:
    read = ReadUsage(world.usage, world.clock, enforced=False, audit_days=kept)
    assert read(replace(FREE, audit_days=of_its_own)).audit_days == told


def test_the_table_of_tiers_is_the_contracts() -> None:
    assert [(TIERS[tier].requests, TIERS[tier].creates) for tier in ("free", "pro", "team")] == [
        (100, 25),
        (1_000, 250),
        (5_000, 1_000),
    ]
    assert TIERS["unlimited"] == Tier()
    assert all((tier.creates is None) == (tier.active is None) for tier in TIERS.values())


def test_a_request_is_measured_as_it_came() -> None:
    small = CreateTimerRequest.model_validate({"requestedBy": "c", "duration": "1h"})
    assert len(small.model_dump_json(by_alias=True, exclude_none=True)) < 100


def moved(world: Limited, timer: Timer, change: ChangeRequest, tier: TierName = "free") -> Timer:
    return world.change(replace(FREE, tier=tier), timer.id, change)


@pytest.mark.parametrize(
    ("within", "beyond", "field"),
    [
        (ExtendTimerRequest(by="365d"), ExtendTimerRequest(by="366d"), "by"),
        (SnoozeTimerRequest(duration="366d"), SnoozeTimerRequest(duration="367d"), "duration"),
        (RescheduleTimerRequest(duration="366d"), RescheduleTimerRequest(duration="367d"), "duration"),
        (
            RescheduleTimerRequest(fire_at="2027-09-22T14:13:20Z"),
            RescheduleTimerRequest(fire_at="2027-09-23T14:13:20Z"),
            "fireAt",
        ),
    ],
    ids=["extend", "snooze", "reschedule by", "reschedule to"],
)
@pytest.mark.parametrize("paused", [False, True])
def test_a_timer_is_moved_no_farther_ahead_than_one_may_be_made(
    world: Limited, within: ChangeRequest, beyond: ChangeRequest, field: str, *, paused: bool
) -> None:
    timer = world.make(duration="1h")
    if paused:
        moved(world, timer, PauseTimerRequest())
    before = world.now(timer)
    with pytest.raises(BeyondTierError) as refused:
        moved(world, timer, beyond)
    assert refused.value.fields == ((field, "at most 366 days ahead"),)
    assert world.now(timer) == before
    assert moved(world, timer, beyond, "unlimited").version == before.version + 1
    assert moved(world, timer, RescheduleTimerRequest(duration="1h"))
    assert moved(world, timer, within).fire_at_ms > before.fire_at_ms


def test_what_was_left_to_a_paused_timer_is_looked_at_when_it_is_resumed(world: Limited) -> None:
    timer = world.make(UNLIMITED, duration="400d")
    moved(world, timer, PauseTimerRequest())  # sets no time
    world.clock.advance(DAY_MS)
    with pytest.raises(BeyondTierError) as refused:
        moved(world, timer, ResumeTimerRequest())
    assert [field for field, _ in refused.value.fields] == ["keep"]
    resumed = moved(world, timer, ResumeTimerRequest(keep="dueTime"))
    assert resumed.fire_at_ms == timer.fire_at_ms


def test_time_left_adds_up_to_no_more_than_a_tier_allows_while_a_timer_is_paused(world: Limited) -> None:
    timer = world.make(duration="300d")
    moved(world, timer, PauseTimerRequest())
    world.clock.advance(200 * DAY_MS)  # its due time is a hundred days ahead by now, and its time left three hundred
    with pytest.raises(BeyondTierError):
        moved(world, timer, ExtendTimerRequest(by="67d"))
    assert moved(world, timer, ExtendTimerRequest(by="66d")).remaining_ms == 366 * DAY_MS
    assert moved(world, timer, ResumeTimerRequest()).fire_at_ms == world.clock.now_ms() + 366 * DAY_MS


def test_a_timer_beyond_a_smaller_tier_is_left_alone_and_may_be_ended(world: Limited) -> None:
    timer = world.make(UNLIMITED, duration="4000d")
    for change in (SnoozeTimerRequest(duration="1h"), PauseTimerRequest(), ResumeTimerRequest(keep="dueTime")):
        assert moved(world, timer, change).fire_at_ms == timer.fire_at_ms
    assert moved(world, timer, FireTimerRequest()).fire_at_ms == world.clock.now_ms()
    assert moved(world, timer, CancelTimerRequest()).status is Status.CANCELLED
