"""What every store of tenants, and of what they use, does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from minoots_kernel.application.identity_ports import TimersUsed
from minoots_kernel.application.ports import TimerKey
from minoots_kernel.domain.commands import Cancel
from minoots_kernel.domain.errors import AlreadyExistsError, InvalidTimerError, VersionMismatchError
from minoots_kernel.domain.tenants import Tenant
from minoots_kernel.domain.transitions import apply
from tests.contract.conftest import Stores
from tests.contract.timers import NOW_MS, a_timer

pytestmark = pytest.mark.contract

DAY, MINUTE = NOW_MS // 86_400_000, NOW_MS // 60_000


def test_a_tenant_is_found_as_it_was_stored_and_made_once(stores: Stores) -> None:
    full = Tenant(stores.new_tenant(), "pro", NOW_MS, "Acme", NOW_MS + 5, "unpaid", 3, 30)
    bare = Tenant(stores.new_tenant(), "free", NOW_MS)
    for tenant in (full, bare):
        stores.tenants.create(tenant)
        assert stores.tenants.find(tenant.id) == tenant
        with pytest.raises(AlreadyExistsError):
            stores.tenants.create(replace(tenant, tier="team"))
    for nobody in ("nobody", "é", ""):
        assert stores.tenants.find(nobody) is None


def test_a_tenant_changes_only_as_it_was_seen(stores: Stores) -> None:
    before = Tenant(stores.new_tenant(), "pro", NOW_MS, "Acme", NOW_MS + 5, "unpaid", audit_days=7)
    stores.tenants.create(before)
    after = Tenant(before.id, "team", NOW_MS, version=2)
    stores.tenants.replace(before, after)
    assert stores.tenants.find(before.id) == after
    for stale in (before, Tenant("no-such-tenant", "free", 0)):
        with pytest.raises(VersionMismatchError):
            stores.tenants.replace(stale, replace(stale, tier="free", version=2))


def test_tenants_are_listed_by_id_in_pages(stores: Stores) -> None:
    ids = [stores.new_tenant() for _ in range(5)]
    for one in reversed(ids):
        stores.tenants.create(Tenant(one, "free", NOW_MS))
    found, position = [], None
    for _ in range(99):
        page = stores.tenants.page(limit=2, position=position)
        found += [tenant.id for tenant in page.items]
        position = page.next_position
        if position is None:
            break
    assert [one for one in found if one in ids] == sorted(ids)
    with pytest.raises(InvalidTimerError):
        stores.tenants.page(limit=2, position="é")


def test_a_write_whose_answer_was_lost_is_done(dynamo: Stores) -> None:
    assert dynamo.table is not None
    before = Tenant(dynamo.new_tenant(), "pro", NOW_MS)
    dynamo.table.wire.lose_answer("PutItem")
    dynamo.tenants.create(before)
    after = replace(before, tier="team", version=2)
    dynamo.table.wire.lose_answer("UpdateItem")
    dynamo.tenants.replace(before, after)
    assert dynamo.tenants.find(before.id) == after


def test_requests_are_taken_as_long_as_there_are_enough(stores: Stores) -> None:
    tenant = stores.new_tenant()
    assert [stores.usage.take_requests(tenant, MINUTE, 4, 10) for _ in range(3)] == [4, 8, None]
    assert [stores.usage.take_requests(tenant, MINUTE, 1, 10) for _ in range(3)] == [9, 10, None]
    assert stores.usage.take_requests(tenant, MINUTE + 1, 4, 10) == 4
    assert stores.usage.take_requests(stores.new_tenant(), MINUTE, 4, 10) == 4
    assert [stores.usage.requests(tenant, minute) for minute in (MINUTE, MINUTE + 1, MINUTE + 2)] == [10, 4, 0]


def test_a_create_is_counted_on_the_day_that_is_being_counted(stores: Stores) -> None:
    tenant, usage = stores.new_tenant(), stores.usage
    assert usage.timers(tenant) is None
    assert not usage.charge(tenant, DAY, NOW_MS, creates=9, active=9)
    assert usage.charge_first(tenant, DAY, NOW_MS, active=9)
    assert not usage.charge_first(tenant, DAY, NOW_MS, active=9)
    assert usage.charge(tenant, DAY, NOW_MS + 7, creates=9, active=9)
    assert usage.timers(tenant) == TimersUsed(DAY, 2, 2, NOW_MS + 7)
    assert not usage.charge(tenant, DAY + 1, NOW_MS, creates=9, active=9)
    assert usage.charge_first(tenant, DAY + 1, NOW_MS + 8, active=9)
    assert usage.timers(tenant) == TimersUsed(DAY + 1, 1, 3, NOW_MS + 8)
    assert not usage.charge_first(tenant, DAY, NOW_MS, active=9)


def test_neither_limit_is_passed(stores: Stores) -> None:
    tenant, usage = stores.new_tenant(), stores.usage
    usage.charge_first(tenant, DAY, NOW_MS, active=9)
    assert not usage.charge(tenant, DAY, NOW_MS, creates=1, active=9)
    assert not usage.charge(tenant, DAY, NOW_MS, creates=9, active=1)
    assert not usage.charge_first(tenant, DAY + 1, NOW_MS, active=1)
    assert usage.timers(tenant) == TimersUsed(DAY, 1, 1, NOW_MS)


def test_a_hundred_at_once_are_counted_up_to_the_limit(stores: Stores) -> None:
    tenant, usage = stores.new_tenant(), stores.usage
    usage.charge_first(tenant, DAY, NOW_MS, active=99)
    with ThreadPoolExecutor(10) as pool:
        counted = list(pool.map(lambda _: usage.charge(tenant, DAY, NOW_MS, creates=30, active=99), range(100)))
    assert sum(counted) == 29
    assert usage.timers(tenant) == TimersUsed(DAY, 30, 30, NOW_MS)


def test_creates_that_fail_at_once_with_others_leave_what_was_made(stores: Stores) -> None:
    tenant, usage = stores.new_tenant(), stores.usage
    usage.charge_first(tenant, DAY, NOW_MS, active=99)

    def create(number: int) -> bool:
        if not usage.charge(tenant, DAY, NOW_MS, creates=30, active=99):
            return False
        if number % 2:
            usage.refund(tenant, DAY)
        return number % 2 == 0

    with ThreadPoolExecutor(10) as pool:
        made = 1 + sum(pool.map(create, range(120)))
    assert usage.timers(tenant) == TimersUsed(DAY, made, made, NOW_MS)
    assert 1 < made <= 30


def test_a_refund_takes_back_what_it_can(stores: Stores) -> None:
    tenant, usage = stores.new_tenant(), stores.usage
    usage.refund(tenant, DAY)
    assert usage.timers(tenant) is None
    usage.charge_first(tenant, DAY, NOW_MS, active=9)
    usage.charge(tenant, DAY, NOW_MS, creates=9, active=9)
    usage.refund(tenant, DAY)
    assert usage.timers(tenant) == TimersUsed(DAY, 1, 1, NOW_MS)
    usage.charge_first(tenant, DAY + 1, NOW_MS, active=9)
    usage.refund(tenant, DAY)  # of a create before midnight
    assert usage.timers(tenant) == TimersUsed(DAY + 1, 1, 1, NOW_MS)
    for _ in range(3):
        usage.refund(tenant, DAY + 1)
    assert usage.timers(tenant) == TimersUsed(DAY + 1, 0, 0, NOW_MS)


def test_a_recount_holds_only_if_nothing_was_counted_since(stores: Stores) -> None:
    tenant, usage = stores.new_tenant(), stores.usage
    usage.charge_first(tenant, DAY, NOW_MS, active=9)
    seen = usage.timers(tenant)
    assert seen is not None
    usage.recount(tenant, seen, 7)
    assert usage.timers(tenant) == TimersUsed(DAY, 1, 7, NOW_MS)
    usage.charge(tenant, DAY, NOW_MS + 1, creates=9, active=9)
    usage.recount(tenant, seen, 2)
    assert usage.timers(tenant) == TimersUsed(DAY, 2, 8, NOW_MS + 1)


def test_timers_that_have_not_ended_are_counted_up_to_a_number(stores: Stores) -> None:
    tenant = stores.new_tenant()
    timers = [replace(a_timer(), tenant_id=tenant) for _ in range(12)]
    for timer in timers:
        stores.timers.create(timer)
    stores.timers.create(replace(a_timer(), tenant_id=stores.new_tenant()))
    for timer in timers[:3]:
        stored = stores.timers.get(TimerKey(tenant, timer.id))
        assert stored is not None
        stores.timers.replace(stored, apply(stored, Cancel("ops", "enough"), NOW_MS + 5).timer)

    assert [stores.usage.count_active(tenant, most) for most in (100, 9, 4)] == [9, 9, 4]
    assert stores.usage.count_active(stores.new_tenant(), 100) == 0


def test_the_count_of_a_minute_does_not_stay_for_ever(dynamo: Stores) -> None:
    tenant = dynamo.new_tenant()
    dynamo.usage.take_requests(tenant, MINUTE, 1, 10)
    assert dynamo.table is not None
    item = dynamo.table.item(f"U#{tenant}")
    assert MINUTE * 60 < int(item["expiresAt"]["N"]) < MINUTE * 60 + 86_400
