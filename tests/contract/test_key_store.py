"""What every key store does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from minoots_contract.identity import TENANT_ROLES
from minoots_kernel.domain.api_keys import LAST_USED_INTERVAL_MS, ApiKey, KeySecret, digest_key, key_from_file
from minoots_kernel.domain.errors import AlreadyExistsError, InvalidTimerError, VersionMismatchError
from tests.contract.conftest import Stores
from tests.contract.timers import NOW_MS

pytestmark = pytest.mark.contract


def a_key(tenant_id: str, number: int = 1, **changes: object) -> ApiKey:
    key = ApiKey(
        id=f"{tenant_id}{number:012d}".lower(),
        tenant_id=tenant_id,
        name="ada",
        roles=frozenset({"timer.read", "timer.write"}),
        secrets=(KeySecret(digest_key("new")), KeySecret(digest_key("old"), NOW_MS + 5_000)),
        created_at_ms=NOW_MS,
        created_by="bo",
        expires_at_ms=NOW_MS + 1_000_000,
        tier="pro",
    )
    return replace(key, **changes)  # type: ignore[arg-type]


def test_a_key_is_found_as_it_was_stored(stores: Stores) -> None:
    tenant = stores.new_tenant()
    key, bare = a_key(tenant), key_from_file(f"mnt_of_{tenant}", tenant)
    stores.keys.create(key)
    stores.keys.put(bare)

    assert stores.keys.find(key.id) == key
    assert stores.keys.find(bare.id) == bare
    assert stores.keys.find(digest_key(f"mnt_of_{tenant}")) == bare


@pytest.mark.parametrize("key_id", ["", "a", "é" * 5000, "x" * 300])
def test_an_unknown_key_is_not_found(stores: Stores, key_id: str) -> None:
    assert stores.keys.find(key_id) is None


def test_an_id_is_given_once(stores: Stores) -> None:
    key = a_key(stores.new_tenant())
    stores.keys.create(key)
    with pytest.raises(AlreadyExistsError):
        stores.keys.create(replace(key, name="eve"))
    assert stores.keys.find(key.id) == key


def test_a_key_stored_again_is_replaced_but_for_its_last_use(stores: Stores) -> None:
    tenant = stores.new_tenant()
    key = key_from_file(f"mnt_of_{tenant}", tenant)
    stores.keys.put(key)
    stores.keys.note_use(key, NOW_MS)
    stores.keys.put(replace(key, name="bo", tier="team"))

    assert stores.keys.find(key.id) == replace(key, name="bo", tier="team", last_used_at_ms=NOW_MS)


def test_a_key_changes_only_as_it_was_seen_and_keeps_its_last_use(stores: Stores) -> None:
    key = a_key(stores.new_tenant())
    stores.keys.create(key)
    stores.keys.note_use(key, NOW_MS)
    after = replace(key, secrets=(KeySecret(digest_key("newer")),), expires_at_ms=None, version=2)
    stores.keys.replace(key, after)

    assert stores.keys.find(key.id) == replace(after, last_used_at_ms=NOW_MS)
    with pytest.raises(VersionMismatchError):
        stores.keys.replace(key, replace(key, name="late", version=2))
    gone = a_key(stores.new_tenant(), 2)
    with pytest.raises(VersionMismatchError):
        stores.keys.replace(gone, replace(gone, version=2))


def test_a_use_is_noted_once_in_an_interval(stores: Stores) -> None:
    key = a_key(stores.new_tenant())
    stores.keys.create(key)
    seen = []
    for at_ms in (NOW_MS, NOW_MS + LAST_USED_INTERVAL_MS - 1, NOW_MS + LAST_USED_INTERVAL_MS):
        stores.keys.note_use(key, at_ms)
        found = stores.keys.find(key.id)
        assert found is not None
        seen.append(found.last_used_at_ms)

    assert seen == [NOW_MS, NOW_MS, NOW_MS + LAST_USED_INTERVAL_MS]


def test_the_use_of_a_key_that_is_gone_does_not_bring_it_back(stores: Stores) -> None:
    key = a_key(stores.new_tenant())
    stores.keys.create(key)
    assert stores.keys.delete(key)
    stores.keys.note_use(key, NOW_MS)

    assert stores.keys.find(key.id) is None
    assert not stores.keys.delete(key)
    assert stores.keys.page(key.tenant_id, limit=9).items == ()


def test_a_tenants_keys_are_listed_by_id_in_pages(stores: Stores) -> None:
    tenant, other = stores.new_tenant(), stores.new_tenant()
    keys = [a_key(tenant, number) for number in range(5)]
    for key in reversed(keys):
        stores.keys.create(key)
    stores.keys.create(a_key(other))
    stores.keys.delete(keys[2])

    found, position = [], None
    for _ in range(9):
        page = stores.keys.page(tenant, limit=2, position=position)
        found += page.items
        position = page.next_position
        if position is None:
            break
    assert found == [keys[0], keys[1], keys[3], keys[4]]
    with pytest.raises(InvalidTimerError):
        stores.keys.page(tenant, limit=2, position="é")


def test_the_table_holds_no_text_of_a_key(dynamo: Stores) -> None:
    dynamo.keys.put(key_from_file("mnt_very_secret", "demo"))
    assert dynamo.table is not None

    assert "very_secret" not in repr(dynamo.table.items())


def test_a_key_that_was_put_into_the_table_by_hand_has_all_its_tenants_roles(dynamo: Stores) -> None:
    digest, table = digest_key("mnt_by_hand"), dynamo.table
    assert table is not None
    item = {"pk": {"S": f"K#{digest}"}, "sk": {"S": "key"}, "tenantId": {"S": "acme"}, "subject": {"S": "ops"}}
    table.client.put_item(TableName=table.name, Item={**item, "tier": {"S": "team"}})
    key = dynamo.keys.find(digest)

    assert key is not None
    assert key.accepts(digest, NOW_MS)
    assert (key.tenant_id, key.name, key.tier, key.roles) == ("acme", "ops", "team", TENANT_ROLES)


def test_a_repeated_write_whose_answer_was_lost_is_done(dynamo: Stores) -> None:
    assert dynamo.table is not None
    key = a_key(dynamo.new_tenant())
    wire = dynamo.table.wire
    wire.intercept("PutItem", wire.send)  # that the tenant has a key; the key itself comes next
    wire.lose_answer("PutItem")
    dynamo.keys.create(key)
    after = replace(key, secrets=(KeySecret(digest_key("newer")),), version=2)
    wire.lose_answer("UpdateItem")
    dynamo.keys.replace(key, after)

    assert dynamo.keys.find(key.id) == after
