"""What every store of destinations does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from minoots_kernel.domain.circuits import Limits, Pace
from minoots_kernel.domain.destinations import Destination, SigningSecret, disabled, enabled, gone_url
from minoots_kernel.domain.errors import AlreadyExistsError, InvalidTimerError, VersionMismatchError
from tests.contract.conftest import Stores
from tests.contract.timers import NOW_MS

pytestmark = pytest.mark.contract


def a_destination(tenant: str, name: str = "billing", **changes: Any) -> Destination:
    made = Destination(
        tenant,
        name,
        "https://example.org/hooks",
        NOW_MS,
        NOW_MS + 1,
        secrets=(SigningSecret("ss_2", NOW_MS, "sealed-2"), SigningSecret("ss_1", NOW_MS - 9, "sealed-1", NOW_MS + 99)),
        auth_names=("Authorization", "X-Team"),
        sealed_auth="sealed-headers",
        version=3,
        limits=Limits(Pace(2.5, 10), 4),
    )
    return replace(made, **changes)


def stored(stores: Stores, tenant: str, name: str = "billing") -> Destination | None:
    return stores.destinations.get_many(tenant, [name]).get(name)


def test_a_destination_comes_back_as_it_was_stored(stores: Stores) -> None:
    tenant = stores.new_tenant()
    whole = a_destination(tenant)
    bare = Destination(tenant, "default", None, NOW_MS, NOW_MS)
    gone = disabled(gone_url(tenant, "https://example.org/x?y=1", NOW_MS), "it answered 410", NOW_MS + 5)
    for one in (whole, bare, gone):
        stores.destinations.create(one)

    assert stores.destinations.get_many(tenant, ["billing", "default", gone.name, "absent"]) == {
        "billing": whole,
        "default": bare,
        gone.name: gone,
    }
    assert stored(stores, tenant) == whole
    assert stores.destinations.get_many(tenant, []) == {}


@pytest.mark.parametrize("name", ["absent", "", "x" * 300, "\u00e9"])
def test_a_name_that_nothing_was_stored_under_finds_nothing(stores: Stores, name: str) -> None:
    tenant = stores.new_tenant()
    assert stores.destinations.get_many(tenant, [name]) == {}
    assert stores.destinations.get_many(tenant, [name, name]) == {}
    assert stores.destinations.delete(tenant, name) is False


def test_a_name_is_given_once(stores: Stores) -> None:
    tenant = stores.new_tenant()
    stores.destinations.create(a_destination(tenant))
    with pytest.raises(AlreadyExistsError):
        stores.destinations.create(a_destination(tenant, url="https://elsewhere.example/"))
    assert stored(stores, tenant) == a_destination(tenant)


def test_a_destination_is_replaced_as_a_whole(stores: Stores) -> None:
    tenant = stores.new_tenant()
    before = disabled(a_destination(tenant), "it answered 410", NOW_MS)
    stores.destinations.create(before)
    after = replace(enabled(before, NOW_MS + 7), auth_names=(), sealed_auth=None, secrets=before.secrets[:1])
    stores.destinations.replace(before, after)
    assert stored(stores, tenant) == after


def test_of_two_changes_of_one_version_the_first_wins(stores: Stores) -> None:
    tenant = stores.new_tenant()
    before = a_destination(tenant)
    stores.destinations.create(before)
    first = disabled(before, "first", NOW_MS)
    stores.destinations.replace(before, first)
    with pytest.raises(VersionMismatchError):
        stores.destinations.replace(before, disabled(before, "second", NOW_MS))
    assert stored(stores, tenant) == first


def test_what_is_gone_cannot_be_replaced(stores: Stores) -> None:
    tenant = stores.new_tenant()
    before = a_destination(tenant)
    with pytest.raises(VersionMismatchError):
        stores.destinations.replace(before, disabled(before, "x", NOW_MS))
    stores.destinations.create(before)
    assert stores.destinations.delete(tenant, "billing") is True
    assert stores.destinations.delete(tenant, "billing") is False
    with pytest.raises(VersionMismatchError):
        stores.destinations.replace(before, disabled(before, "x", NOW_MS))
    assert stored(stores, tenant) is None


@pytest.mark.parametrize("limit", [1, 2, 5, 50])
def test_destinations_are_listed_by_name(stores: Stores, limit: int) -> None:
    tenant, other = stores.new_tenant(), stores.new_tenant()
    names = sorted(["a", "B", "b.1", "b-1", "default", "url-0123", "z"])
    for name in names:
        stores.destinations.create(a_destination(tenant, name))
    stores.destinations.create(a_destination(other, "c"))
    found: list[str] = []
    position = None
    while True:
        page = stores.destinations.page(tenant, limit=limit, position=position)
        assert len(page.items) <= limit
        found += [one.name for one in page.items]
        position = page.next_position
        if position is None:
            break
    assert found == names


@pytest.mark.parametrize("position", ["", "x" * 300, "\u00e9"])
def test_a_position_that_no_page_named_is_refused(stores: Stores, position: str) -> None:
    with pytest.raises(InvalidTimerError):
        stores.destinations.page(stores.new_tenant(), limit=5, position=position)


def test_a_tenant_sees_its_own_destinations_only(stores: Stores) -> None:
    mine, theirs = stores.new_tenant(), stores.new_tenant()
    stores.destinations.create(a_destination(mine))
    assert stored(stores, theirs) is None
    assert stores.destinations.page(theirs, limit=5).items == ()
    assert stores.destinations.delete(theirs, "billing") is False
    assert stored(stores, mine) == a_destination(mine)


def test_a_write_whose_answer_was_lost_and_is_made_again_counts_as_done(dynamo: Stores) -> None:
    assert dynamo.table is not None
    tenant = dynamo.new_tenant()
    made = a_destination(tenant)
    dynamo.table.wire.lose_answer("PutItem")
    dynamo.destinations.create(made)
    changed = disabled(made, "x", NOW_MS)
    dynamo.table.wire.lose_answer("UpdateItem")
    dynamo.destinations.replace(made, changed)
    assert (dynamo.table.wire.calls.count("PutItem"), dynamo.table.wire.calls.count("UpdateItem")) == (2, 2)
    assert stored(dynamo, tenant) == changed


def test_urls_that_nobody_named_are_forgotten_and_named_ones_are_not(dynamo: Stores) -> None:
    assert dynamo.table is not None
    tenant = dynamo.new_tenant()
    dynamo.destinations.create(a_destination(tenant))
    dynamo.destinations.create(gone_url(tenant, "https://example.org/x", NOW_MS))
    expiring = {item["sk"]["S"]: "expiresAt" in item for item in dynamo.table.items()}
    assert sorted(expiring.values()) == [False, True]
    assert expiring["billing"] is False
