"""What every store of policies does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from minoots_kernel.domain.errors import InvalidTimerError, VersionMismatchError
from minoots_kernel.domain.policies import PolicyVersion
from tests.contract.conftest import Stores
from tests.contract.timers import NOW_MS

pytestmark = pytest.mark.contract


def a_version(
    tenant_id: str, number: int = 1, text: str | None = "permit (principal, action, résource);"
) -> PolicyVersion:
    return PolicyVersion(tenant_id, number, text, NOW_MS + number, "ada")


def stored(stores: Stores, count: int) -> list[PolicyVersion]:
    tenant = stores.new_tenant()
    versions = [a_version(tenant, number, None if number == 2 else f"// {number}") for number in range(1, count + 1)]
    for version in versions:
        stores.policies.put(version)
    return versions


def test_a_tenant_has_none_before_the_first(stores: Stores) -> None:
    tenant = stores.new_tenant()
    assert stores.policies.latest(tenant) is None
    assert stores.policies.get(tenant, 1) is None
    assert stores.policies.page(tenant, limit=5).items == ()


def test_a_version_is_found_as_it_was_stored(stores: Stores) -> None:
    version = a_version(stores.new_tenant())
    stores.policies.put(version)
    assert stores.policies.get(version.tenant_id, 1) == version
    assert stores.policies.latest(version.tenant_id) == version
    assert stores.policies.latest(stores.new_tenant()) is None


def test_the_latest_is_the_one_of_the_highest_number(stores: Stores) -> None:
    versions = stored(stores, 11)
    assert stores.policies.latest(versions[0].tenant_id) == versions[-1]
    assert [stores.policies.get(one.tenant_id, one.version) for one in versions] == versions


@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_version_follows_the_latest_and_is_never_written_over(stores: Stores, number: int) -> None:
    versions = stored(stores, 2)
    with pytest.raises(VersionMismatchError):
        stores.policies.put(replace(versions[0], version=number, text="// other"))
    assert stores.policies.page(versions[0].tenant_id, limit=9).items == (versions[1], versions[0])


def test_of_two_writers_of_a_version_one_wins(stores: Stores) -> None:
    first = stored(stores, 1)[0]

    def put(name: str) -> bool:
        try:
            stores.policies.put(replace(first, version=2, created_by=name))
        except VersionMismatchError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(put, "abcd"))
    latest = stores.policies.latest(first.tenant_id)
    assert sum(won) == 1
    assert latest is not None
    assert latest.created_by == "abcd"[won.index(True)]


def test_versions_are_listed_latest_first_in_pages(stores: Stores) -> None:
    versions = stored(stores, 5)
    tenant, found, position = versions[0].tenant_id, [], None
    for _ in range(9):
        page = stores.policies.page(tenant, limit=2, position=position)
        found += page.items
        position = page.next_position
        if position is None:
            break
    assert found == versions[::-1]
    with pytest.raises(InvalidTimerError):
        stores.policies.page(tenant, limit=2, position="é")


def test_a_write_whose_answer_was_lost_is_done(dynamo: Stores) -> None:
    assert dynamo.table is not None
    version = a_version(dynamo.new_tenant())
    dynamo.table.wire.lose_answer("PutItem")
    dynamo.policies.put(version)
    assert dynamo.policies.latest(version.tenant_id) == version
