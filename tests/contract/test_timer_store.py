"""What every timer store does."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest

from minoots_contract.late_policy import LatePolicy
from minoots_kernel.application.ports import TimerKey
from minoots_kernel.domain.commands import Arm, Cancel, Extend, Fire, FireNow, Pause, Recheck, Reschedule, Resume
from minoots_kernel.domain.errors import AlreadyExistsError, VersionMismatchError
from minoots_kernel.domain.guards import Guard, remembered
from minoots_kernel.domain.heartbeats import beaten
from minoots_kernel.domain.timer import Status, Timer, TimerSpec
from minoots_kernel.domain.transitions import apply
from tests.contract.conftest import Stores
from tests.contract.timers import NOW_MS, a_timer, common_timer, ended, fired, new_id, webhook

pytestmark = pytest.mark.contract

ALL: frozenset[Status] = frozenset()


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"leaf": True}
    for _ in range(depth):
        value = {"in": [value]}
    return value


def key_of(timer: Timer) -> TimerKey:
    return TimerKey(timer.tenant_id, timer.id)


REQUESTS: dict[str, dict[str, Any]] = {
    "the common one": {},
    "without an action": {"actionBundle": None},
    "with nothing but its time": {"actionBundle": None, "metadata": {}, "labels": {}},
    "in many scripts": {"name": "喝茶 ☕ مهلة 🫖", "metadata": {"ключ": "значение", "🫖": ["é", "\u2028"]}},
    "with empty strings": {"metadata": {"": "", "list": ["", None, {}, []]}, "labels": {"note": ""}},
    "with numbers": {"metadata": {"third": 1 / 3, "tiny": 5e-324, "whole": 1.0, "minus": -0.0, "big": 2**70}},
    "nested deep": {"metadata": nested(40)},
    "of a few kilobytes": {"metadata": {"note": "brew " * 700}},
    "of 250 kilobytes": {"metadata": {"text": "é" * 125_000}},
    "with a large body": {"actionBundle": {"actions": [webhook(body={"text": "x" * 250_000})]}},
    "with every setting": {
        "actionBundle": {
            "actions": [webhook("one", method="PUT", headers={"X-A": "b"}, timeoutMs=500), webhook("two")],
            "concurrency": 2,
            "retryPolicy": {"maxAttempts": 7, "backoffInitialMs": 9, "backoffMultiplier": 1.25, "backoffMaxMs": 99},
        }
    },
}


@pytest.mark.parametrize("request_body", REQUESTS.values(), ids=REQUESTS.keys())
def test_a_timer_comes_back_as_it_was_stored(stores: Stores, request_body: dict[str, Any]) -> None:
    timer = common_timer(stores.new_tenant(), **request_body)

    stores.timers.create(timer)

    read = stores.timers.get(key_of(timer))
    assert read == timer
    assert read is not None
    assert read.spec.bundle == timer.spec.bundle
    assert repr(read.spec.metadata) == repr(timer.spec.metadata)  # 1.0 is not 1, and -0.0 is not 0.0
    assert stores.timers.page(timer.tenant_id, statuses=ALL, limit=10).items == (timer,)


@pytest.mark.parametrize("timer_id", ["", "nobody", "é", "x" * 3000, "\ud800"])
def test_an_id_that_names_no_timer_finds_none(stores: Stores, timer_id: str) -> None:
    assert stores.timers.get(TimerKey("demo", timer_id)) is None


def test_an_id_is_taken_once_per_tenant(stores: Stores) -> None:
    timer = a_timer(stores.new_tenant())
    other = replace(timer, tenant_id=stores.new_tenant(), name="theirs")
    stores.timers.create(timer)
    stores.timers.create(other)

    with pytest.raises(AlreadyExistsError):
        stores.timers.create(replace(timer, name="second"))

    assert stores.timers.get(key_of(timer)) == timer
    assert stores.timers.get(key_of(other)) == other


def test_a_tenant_never_sees_anothers_timer(stores: Stores) -> None:
    mine, theirs = a_timer(stores.new_tenant()), a_timer(stores.new_tenant())
    stores.timers.create(mine)
    stores.timers.create(theirs)

    assert stores.timers.get(TimerKey(mine.tenant_id, theirs.id)) is None
    assert stores.timers.page(mine.tenant_id, statuses=ALL, limit=10).items == (mine,)


def test_tenants_whose_names_begin_alike_stay_apart(stores: Stores) -> None:
    tenant = stores.new_tenant()
    stores.timers.create(a_timer(f"{tenant}.a"))

    assert stores.timers.page(tenant, statuses=ALL, limit=10).items == ()


def keyed(timer: Timer, key: str) -> Timer:
    return Guard(mark=remembered(key, "extend")).sign(timer)


LIVES: dict[str, list[Callable[[Timer], Timer]]] = {
    "fires and settles": [fired, ended],
    "is armed, fires and settles": [lambda timer: apply(timer, Arm(1), NOW_MS + 5).timer, fired, ended],
    "fires and fails": [fired, lambda timer: ended(timer, outcome="failed")],
    "is cancelled with a reason": [lambda timer: apply(timer, Cancel("ops", "not needed"), NOW_MS + 7).timer],
    "is cancelled without one": [lambda timer: apply(timer, Cancel("ops"), NOW_MS + 7).timer],
    "is paused, moved and resumed under keys": [
        lambda timer: keyed(apply(timer, Pause("ops", "lunch ☕"), NOW_MS + 1).timer, "1"),
        lambda timer: keyed(apply(timer, Extend("ops", by_ms=9_000), NOW_MS + 2).timer, "2"),
        lambda timer: keyed(apply(timer, Resume("ops"), NOW_MS + 3).timer, "3"),
        fired,
    ],
    "is armed and moved": [
        lambda timer: apply(timer, Arm(1), NOW_MS + 5).timer,
        lambda timer: apply(timer, Extend("ops", by_ms=9_000), NOW_MS + 6).timer,
        lambda timer: apply(timer, FireNow("ops", "now"), NOW_MS + 7).timer,
    ],
    "may be late by a minute": [
        lambda timer: (
            apply(
                timer, Reschedule("ops", duration_ms=9, late_policy=LatePolicy(mode="skip", after_ms=60_000)), NOW_MS
            ).timer
        ),
        lambda timer: apply(timer, Fire(2), NOW_MS + 99_000).timer,
    ],
    "is looked at by the sweep": [
        lambda timer: apply(timer, Recheck(1, NOW_MS + 99_000), NOW_MS + 50_000).timer,
        fired,
    ],
}


@pytest.mark.parametrize("steps", LIVES.values(), ids=LIVES.keys())
def test_each_step_of_a_life_is_stored_whole(stores: Stores, steps: list[Callable[[Timer], Timer]]) -> None:
    timer = common_timer(stores.new_tenant())
    stores.timers.create(timer)
    for step in steps:
        after = step(timer)
        stores.timers.replace(timer, after)
        timer = after
        assert stores.timers.get(key_of(timer)) == timer
        assert stores.timers.page(timer.tenant_id, statuses=frozenset({timer.status}), limit=5).items == (timer,)


def test_a_step_keeps_a_large_payload(stores: Stores) -> None:
    timer = common_timer(stores.new_tenant(), metadata={"text": "x" * 2000})
    stores.timers.create(timer)

    stores.timers.replace(timer, fired(timer))

    assert stores.timers.get(key_of(timer)) == fired(timer)


def test_a_write_upon_an_old_version_changes_nothing(stores: Stores) -> None:
    timer = a_timer(stores.new_tenant())
    stores.timers.create(timer)
    stores.timers.replace(timer, fired(timer))

    with pytest.raises(VersionMismatchError):
        stores.timers.replace(timer, apply(timer, Cancel("ops"), NOW_MS).timer)

    assert stores.timers.get(key_of(timer)) == fired(timer)


def test_a_write_upon_a_timer_that_is_not_there_stores_nothing(stores: Stores) -> None:
    timer = a_timer(stores.new_tenant())

    with pytest.raises(VersionMismatchError):
        stores.timers.replace(timer, fired(timer))

    assert stores.timers.get(key_of(timer)) is None


def test_what_a_listing_showed_before_cannot_overwrite_what_happened_since(stores: Stores) -> None:
    timer = a_timer(stores.new_tenant())
    stores.timers.create(timer)
    (listed,) = stores.timers.page(timer.tenant_id, statuses=ALL, limit=1).items
    stores.timers.replace(timer, fired(timer))

    with pytest.raises(VersionMismatchError):
        stores.timers.replace(listed, apply(listed, Cancel("ops"), NOW_MS).timer)

    assert stores.timers.get(key_of(timer)) == fired(timer)


def race(contenders: list[Callable[[], None]], lost: type[Exception]) -> int:
    """Start all at once; return how many were not told that they had lost."""
    start = Barrier(len(contenders))

    def run(contender: Callable[[], None]) -> bool:
        start.wait()
        try:
            contender()
        except lost:
            return False
        return True

    with ThreadPoolExecutor(len(contenders)) as pool:
        return sum(pool.map(run, contenders))


def test_of_many_writers_upon_one_version_exactly_one_wins(stores: Stores) -> None:
    timer = a_timer(stores.new_tenant())
    stores.timers.create(timer)
    ends = [apply(timer, Cancel(f"caller-{number}"), NOW_MS).timer for number in range(6)]
    ends += [fired(timer)] * 6

    winners = race(
        [lambda after=after: stores.timers.replace(timer, after) for after in ends],  # type: ignore[misc]
        VersionMismatchError,
    )

    stored = stores.timers.get(key_of(timer))
    assert winners == 1
    assert stored in ends


def test_of_many_creations_of_one_id_exactly_one_wins(stores: Stores) -> None:
    timer = a_timer(stores.new_tenant(), timer_id=new_id())
    versions = [replace(timer, name=f"number {number}") for number in range(12)]

    winners = race(
        [lambda version=version: stores.timers.create(version) for version in versions],  # type: ignore[misc]
        AlreadyExistsError,
    )

    assert winners == 1
    assert stores.timers.get(key_of(timer)) in versions


def all_due(stores: Stores, until_ms: int, limit: int = 100) -> list[TimerKey]:
    found: list[TimerKey] = []
    for shard in range(stores.timers.check_shards):
        position = None
        while True:
            page = stores.timers.due_for_check(shard, until_ms, limit, position)
            assert len(page.items) <= limit
            found += page.items
            position = page.next_position
            if position is None:
                break
    return found


def test_the_sweeps_index_has_the_timers_whose_check_is_due(stores: Stores) -> None:
    timers = [a_timer(stores.new_tenant(), duration=f"{seconds}s") for seconds in (10, 20, 30)]
    for timer in timers:
        stores.timers.create(timer)
    middle = timers[1].next_check_at_ms
    assert middle is not None

    assert set(all_due(stores, middle)) == {key_of(timer) for timer in timers[:2]}
    assert set(all_due(stores, 1 << 62)) == {key_of(timer) for timer in timers}
    assert all_due(stores, middle - 20_000) == []


def test_a_stretch_of_the_sweeps_index_leaves_out_what_is_due_before_it(stores: Stores) -> None:
    timers = [a_timer(stores.new_tenant(), duration=f"{seconds}s") for seconds in (10, 20, 30)]
    for timer in timers:
        stores.timers.create(timer)
    middle = timers[1].next_check_at_ms
    assert middle is not None
    found = [
        key
        for shard in range(stores.timers.check_shards)
        for key in stores.timers.due_for_check(shard, 1 << 62, 10, since_ms=middle).items
    ]
    assert {key_of(timer) for timer in timers} & set(found) == {key_of(timer) for timer in timers[1:]}


def test_many_timers_are_read_at_once_and_those_that_do_not_exist_are_left_out(stores: Stores) -> None:
    tenant = stores.new_tenant()
    small = [a_timer(tenant) for _ in range(110)]
    large = [a_timer(tenant, metadata={"text": "x" * 2_000}) for _ in range(3)]
    for timer in (*small, *large):
        stores.timers.create(timer)
    missing = [key_of(a_timer(tenant)), key_of(a_timer(stores.new_tenant()))]
    found = stores.timers.get_many([*map(key_of, small), *missing, *map(key_of, large)])
    assert sorted(found, key=lambda timer: timer.id) == sorted((*small, *large), key=lambda timer: timer.id)
    assert stores.timers.get_many([]) == []


def test_a_shard_of_the_sweeps_index_has_the_earliest_first_whatever_the_pages(stores: Stores) -> None:
    tenant = stores.new_tenant()
    timers = [a_timer(tenant, duration=f"{1 + number * 7 % 20}s") for number in range(40)]
    for timer in timers:
        stores.timers.create(timer)
    checks = {key_of(timer): timer.next_check_at_ms for timer in timers}

    found: list[TimerKey] = []
    for shard in range(stores.timers.check_shards):
        position: str | None = None
        in_shard: list[TimerKey] = []
        while True:
            page = stores.timers.due_for_check(shard, 1 << 62, 3, position)
            in_shard += page.items
            position = page.next_position
            if position is None:
                break
        times = [checks[key] or 0 for key in in_shard]
        assert times == sorted(times)
        found += in_shard

    assert len(found) == len(checks)
    assert set(found) == set(checks)


def test_a_timer_leaves_the_sweeps_index_when_it_ends(stores: Stores) -> None:
    timer = a_timer(stores.new_tenant())
    stores.timers.create(timer)
    stores.timers.replace(timer, fired(timer))
    assert all_due(stores, 1 << 62) == [key_of(timer)]

    stores.timers.replace(fired(timer), ended(fired(timer)))

    assert all_due(stores, 1 << 62) == []


def test_a_paused_timer_leaves_the_sweeps_index_and_comes_back_when_it_is_resumed(stores: Stores) -> None:
    timer = a_timer(stores.new_tenant())
    stores.timers.create(timer)
    paused = apply(timer, Pause("ops"), NOW_MS).timer
    stores.timers.replace(timer, paused)
    assert all_due(stores, 1 << 62) == []

    stores.timers.replace(paused, apply(paused, Resume("ops"), NOW_MS + 60_000).timer)

    assert all_due(stores, 1 << 62) == [key_of(timer)]


def test_a_check_that_moves_is_found_at_its_new_time_only(stores: Stores) -> None:
    timer = a_timer(stores.new_tenant())
    stores.timers.create(timer)
    assert timer.next_check_at_ms is not None
    later_ms = timer.next_check_at_ms + 60_000

    stores.timers.replace(timer, apply(timer, Recheck(1, later_ms), NOW_MS).timer)

    assert all_due(stores, later_ms - 1) == []
    assert all_due(stores, later_ms) == [key_of(timer)]


def test_a_spec_without_content_is_empty_for_everybody(stores: Stores) -> None:
    timer = replace(a_timer(stores.new_tenant(), actionBundle=None), spec=TimerSpec())
    stores.timers.create(timer)

    assert stores.timers.get(key_of(timer)) == timer


def watched(stores: Stores, **request: Any) -> Timer:
    timer = a_timer(stores.new_tenant(), heartbeat=True, **request)
    stores.timers.create(timer)
    return timer


@pytest.mark.parametrize("request_body", [{}, {"metadata": {"text": "x" * 2000}}])
def test_a_beat_pushes_a_timer_out_and_answers_with_all_of_it(stores: Stores, request_body: dict[str, Any]) -> None:
    timer = watched(stores, **request_body)

    first = stores.timers.beat(key_of(timer), NOW_MS + 7_000)
    second = stores.timers.beat(key_of(timer), NOW_MS + 9_001)

    assert first == beaten(timer, NOW_MS + 7_000)
    assert first is not None
    assert second == beaten(first, NOW_MS + 9_001) == stores.timers.get(key_of(timer))


def test_a_beat_leaves_the_sweeps_index_alone(stores: Stores) -> None:
    timer = watched(stores)
    stores.timers.beat(key_of(timer), NOW_MS + 7_000)
    assert timer.next_check_at_ms is not None
    assert all_due(stores, timer.next_check_at_ms) == [key_of(timer)]


@pytest.mark.parametrize(
    "step",
    [
        lambda timer: apply(timer, Pause("ops"), NOW_MS + 1).timer,
        lambda timer: apply(timer, Cancel("ops"), NOW_MS + 1).timer,
        lambda timer: apply(timer, Extend("ops", by_ms=99_000), NOW_MS + 1).timer,
        lambda timer: apply(timer, FireNow("ops"), NOW_MS + 1).timer,
        fired,
        lambda timer: beaten(timer, NOW_MS + 5_000),
    ],
    ids=["paused", "cancelled", "extended", "to fire now", "fired", "beaten at this instant"],
)
def test_a_beat_with_nothing_to_push_changes_nothing(stores: Stores, step: Callable[[Timer], Timer]) -> None:
    timer = watched(stores)
    after = step(timer)
    stores.timers.replace(timer, after)

    assert stores.timers.beat(key_of(timer), NOW_MS + 5_000) is None

    assert stores.timers.get(key_of(timer)) == after


@pytest.mark.parametrize("timer_id", ["", "nobody", "é", "x" * 3000])
def test_a_beat_of_no_timer_makes_none(stores: Stores, timer_id: str) -> None:
    tenant = stores.new_tenant()
    assert stores.timers.beat(TimerKey(tenant, timer_id), NOW_MS) is None
    assert stores.timers.page(tenant, statuses=ALL, limit=10).items == ()


def test_a_beat_of_a_timer_that_waits_for_none_changes_nothing(stores: Stores) -> None:
    timer = a_timer(stores.new_tenant())
    stores.timers.create(timer)
    assert stores.timers.beat(key_of(timer), NOW_MS + 5_000) is None
    assert stores.timers.get(key_of(timer)) == timer


def test_a_beat_under_way_is_not_overwritten_by_a_write_upon_the_version_before_it(stores: Stores) -> None:
    timer = watched(stores)
    pushed = stores.timers.beat(key_of(timer), NOW_MS + 5_000)

    with pytest.raises(VersionMismatchError):
        stores.timers.replace(timer, fired(timer))

    assert stores.timers.get(key_of(timer)) == pushed


def test_of_many_beats_at_one_instant_one_is_counted(stores: Stores) -> None:
    timer = watched(stores)
    start = Barrier(8)

    def beat(_: int) -> bool:
        start.wait()
        return stores.timers.beat(key_of(timer), NOW_MS + 5_000) is not None

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(beat, range(8))) == 1
    stored = stores.timers.get(key_of(timer))
    assert stored is not None
    assert (stored.beats, stored.version) == (1, 2)


def asked(timer: Timer, request: str) -> Timer:
    """Return a timer as a create under an idempotency key makes it."""
    return replace(timer, request=request)


def with_spec(timer: Timer, revision: str, **metadata: Any) -> Timer:
    """Return a timer with other metadata, one version on."""
    spec = replace(timer.spec, metadata=metadata, revision=revision)
    return replace(timer, version=timer.version + 1, spec=spec)


@pytest.mark.parametrize("size", [10, 5_000])
def test_of_many_requests_under_one_key_the_one_that_wins_is_stored_whole(stores: Stores, size: int) -> None:
    tenant, timer_id = stores.new_tenant(), new_id()
    wanted = [asked(a_timer(tenant, timer_id=timer_id, metadata={"n": n, "t": "x" * size}), f"r{n}") for n in range(8)]

    winners = race(
        [lambda one=one: stores.timers.create(one) for one in wanted],  # type: ignore[misc]
        AlreadyExistsError,
    )

    assert winners == 1
    assert stores.timers.get(TimerKey(tenant, timer_id)) in wanted


@pytest.mark.parametrize("size", [10, 5_000])
def test_a_create_that_is_refused_leaves_the_timer_that_stands_as_it_is(stores: Stores, size: int) -> None:
    first = asked(a_timer(stores.new_tenant(), metadata={"text": "x" * size}), "r1")
    stores.timers.create(first)
    for other in ({"text": "y" * size}, {"text": "x" * size}):
        later = replace(first, spec=replace(first.spec, metadata=other), request="r1" if "x" in other["text"] else "r2")
        with pytest.raises(AlreadyExistsError):
            stores.timers.create(later)
    assert stores.timers.get(key_of(first)) == first


SIZES = {"stays small": (10, 20), "grows": (10, 5_000), "shrinks": (5_000, 10), "stays large": (5_000, 6_000)}


@pytest.mark.parametrize("key", [None, "r1"], ids=["without a key", "under a key"])
@pytest.mark.parametrize(("before", "after"), SIZES.values(), ids=SIZES.keys())
def test_a_spec_is_replaced_whole_and_the_timer_lives_on(
    stores: Stores, before: int, after: int, key: str | None
) -> None:
    timer = replace(a_timer(stores.new_tenant(), metadata={"text": "x" * before}), request=key)
    stores.timers.create(timer)
    for number, size in enumerate((after, after + 1, before)):
        changed = with_spec(timer, f"v{number}", text="y" * size)
        stores.timers.replace(timer, changed)
        assert stores.timers.get(key_of(timer)) == changed
        assert stores.timers.get_many([key_of(timer)]) == [changed]
        assert stores.timers.page(timer.tenant_id, statuses=ALL, limit=5).items == (changed,)
        timer = changed
    stores.timers.replace(timer, fired(timer))
    assert stores.timers.get(key_of(timer)) == fired(timer)


@pytest.mark.parametrize("size", [10, 5_000])
def test_of_many_specs_upon_one_version_the_one_that_wins_is_stored_whole(stores: Stores, size: int) -> None:
    timer = a_timer(stores.new_tenant())
    stores.timers.create(timer)
    wanted = [with_spec(timer, f"v{n}", n=n, text="x" * size) for n in range(8)]

    winners = race(
        [lambda one=one: stores.timers.replace(timer, one) for one in wanted],  # type: ignore[misc]
        VersionMismatchError,
    )

    assert winners == 1
    assert stores.timers.get(key_of(timer)) in wanted


def test_many_timers_are_stored_at_once_each_as_if_alone(stores: Stores) -> None:
    tenant = stores.new_tenant()
    timers = [a_timer(tenant, metadata={"text": "x" * (5_000 if number % 9 == 0 else 5)}) for number in range(61)]
    assert stores.timers.create_many(timers) == {}
    assert list(stores.timers.page(tenant, statuses=ALL, limit=100).items) == timers[::-1]
    first = timers[0]
    stores.timers.replace(first, fired(first))
    assert stores.timers.get(key_of(first)) == fired(first)
    with pytest.raises(AlreadyExistsError):
        stores.timers.create(first)
