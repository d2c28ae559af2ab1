"""What every store of the audit does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from minoots_kernel.domain.audit import AuditEntry, AuditFilter, entry_id
from minoots_kernel.domain.errors import InvalidTimerError
from minoots_kernel.domain.timer import Via
from tests.contract.conftest import AUDIT_DAYS, Stores
from tests.contract.timers import NOW_MS

pytestmark = pytest.mark.contract

FULL = Via("cancelTimer", "robøt", "abcdefghijklmnop", "2001:db8::7", "JKJaXmPLvHcESHA=", "https://id.example")
BARE = Via("createTimer", "cli")


def an_entry(tenant: str, number: int = 0, via: Via = BARE) -> AuditEntry:
    at_ms = NOW_MS + number * 1_000
    return AuditEntry(tenant, entry_id(at_ms, f"t{number}"), at_ms, via, "allowed", "Timer", f"t{number}", number + 1)


def listed(stores: Stores, tenant: str, limit: int = 3, wanted: AuditFilter | None = None) -> list[AuditEntry]:
    found: list[AuditEntry] = []
    position = None
    for _ in range(99):
        page = stores.audit.page(tenant, wanted=wanted or AuditFilter(), limit=limit, position=position)
        assert len(page.items) <= limit
        found += page.items
        position = page.next_position
        if position is None:
            return found
    raise AssertionError("the listing does not end")


def test_an_entry_is_found_as_it_was_written(stores: Stores) -> None:
    tenant = stores.new_tenant()
    refused = AuditEntry(
        tenant, entry_id(NOW_MS + 9_000, "x"), NOW_MS + 9_000, FULL, "refused", "Key", "", None, "why", "curl/8", 100
    )
    stores.audit.add([an_entry(tenant, 1, FULL)])
    stores.audit.add([refused])
    assert listed(stores, tenant) == [refused, an_entry(tenant, 1, FULL)]
    assert listed(stores, stores.new_tenant()) == []


@pytest.mark.parametrize("count", [1, 2, 60])
def test_what_is_written_twice_is_there_once(stores: Stores, count: int) -> None:
    tenant = stores.new_tenant()
    entries = [an_entry(tenant, number) for number in range(count)]
    stores.audit.add(entries)
    stores.audit.add(entries + entries[:1])
    assert listed(stores, tenant, 50) == entries[::-1]


@pytest.mark.parametrize("count", [1, 30])
def test_an_entry_that_stands_is_not_written_over(stores: Stores, count: int) -> None:
    tenant = stores.new_tenant()
    entries = [an_entry(tenant, number) for number in range(count)]
    stores.audit.add(entries)
    stores.audit.add([replace(entry, outcome="refused") for entry in entries])
    assert listed(stores, tenant, 50) == entries[::-1]


def test_a_store_of_the_audit_can_add_and_list_and_nothing_else(stores: Stores) -> None:
    able = {name for name in dir(stores.audit) if not name.startswith("_")}
    assert able == {"add", "page"}


def test_entries_of_several_tenants_may_come_together(stores: Stores) -> None:
    tenants = [stores.new_tenant() for _ in range(3)]
    stores.audit.add([an_entry(tenant, 1) for tenant in tenants])
    assert [listed(stores, tenant) for tenant in tenants] == [[an_entry(tenant, 1)] for tenant in tenants]


def test_a_time_range_is_read_without_what_lies_beyond_it(stores: Stores) -> None:
    tenant = stores.new_tenant()
    entries = [an_entry(tenant, number) for number in range(30)]
    stores.audit.add(entries)
    wanted = AuditFilter(since_ms=NOW_MS + 10_000, until_ms=NOW_MS + 20_000)
    assert listed(stores, tenant, 4, wanted) == entries[10:20][::-1]
    assert listed(stores, tenant, 4, AuditFilter(thing_id="t3")) == [entries[3]]


def test_a_position_that_no_page_named_is_refused(stores: Stores) -> None:
    with pytest.raises(InvalidTimerError):
        stores.audit.page(stores.new_tenant(), limit=1, position="é")


def test_an_entry_goes_when_its_time_is_over(dynamo: Stores) -> None:
    assert dynamo.table is not None
    entry = an_entry(dynamo.new_tenant())
    dynamo.audit.add([entry])
    item = dynamo.table.item(f"A#{entry.tenant_id}#")
    assert item["expiresAt"] == {"N": str(NOW_MS // 1000 + AUDIT_DAYS * 86_400)}
    assert item["kind"] == {"S": "audit"}, "or the stream's readers would take it for a timer"


def test_an_entry_of_a_tenant_that_says_so_goes_earlier_or_later(dynamo: Stores) -> None:
    assert dynamo.table is not None
    entries = [an_entry(dynamo.new_tenant(), via=replace(BARE, kept_days=days)) for days in (1, 3_650)]
    dynamo.audit.add(entries)
    for entry in entries:
        ends = dynamo.table.item(f"A#{entry.tenant_id}#")["expiresAt"]
        assert ends == {"N": str(NOW_MS // 1000 + (entry.via.kept_days or 0) * 86_400)}
        assert listed(dynamo, entry.tenant_id) == [entry]


@pytest.mark.parametrize("days", [None, 1, 3_650])
def test_an_entry_is_shown_until_its_time_is_over_whenever_the_table_deletes_it(
    stores: Stores, days: int | None
) -> None:
    tenant = stores.new_tenant()
    entries = [an_entry(tenant, number, replace(BARE, kept_days=days)) for number in range(2)]
    stores.audit.add(entries)
    stores.clock.advance_to(NOW_MS + (days or AUDIT_DAYS) * 86_400_000 - 1_000)
    assert listed(stores, tenant) == entries[::-1]
    stores.clock.advance(1_000)
    assert listed(stores, tenant) == [entries[1]]
    assert listed(stores, tenant, 1) == [entries[1]]
    stores.clock.advance(1_000)
    assert listed(stores, tenant) == []


def test_a_write_whose_answer_was_lost_is_done(dynamo: Stores) -> None:
    assert dynamo.table is not None
    tenant = dynamo.new_tenant()
    for entries in ([an_entry(tenant, 1)], [an_entry(tenant, 2), an_entry(tenant, 3)]):
        dynamo.table.wire.lose_answer("PutItem")
        dynamo.audit.add(entries)
    assert len(listed(dynamo, tenant)) == 3
