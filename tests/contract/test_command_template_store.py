"""What every store of command templates does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from minoots_kernel.adapters.dynamodb import command_template_store
from minoots_kernel.domain.command_templates import CommandTemplate
from minoots_kernel.domain.errors import VersionMismatchError
from tests.contract.conftest import Stores
from tests.contract.timers import NOW_MS

pytestmark = pytest.mark.contract


def put(stores: Stores, tenant: str, name: str, body: Any = None, description: str | None = None) -> CommandTemplate:
    return stores.templates.put(tenant, name, body, description=description, now_ms=NOW_MS)


def test_each_store_of_a_name_is_its_next_version_and_the_latest(stores: Stores) -> None:
    tenant = stores.new_tenant()
    bodies = [{"run": "«раз»", "n": [1, 2.5, None]}, "text", None]
    stored = [put(stores, tenant, "restart", body, "x") for body in bodies]

    assert stored == [CommandTemplate("restart", n + 1, body, "x", NOW_MS) for n, body in enumerate(bodies)]
    assert stores.templates.latest(tenant, "restart") == stored[-1]
    assert [stores.templates.get(tenant, "restart", version) for version in (1, 2, 3)] == stored
    assert stores.templates.get(tenant, "restart", None) == stored[-1]


def test_a_version_has_the_schema_that_it_was_stored_with(stores: Stores) -> None:
    tenant = stores.new_tenant()
    schema = {"type": "object", "properties": {"na\u00efve": {"maximum": 1.5, "enum": [None, 10**30, -0.25, "«раз»"]}}}
    first = stores.templates.put(tenant, "page", "x", description=None, now_ms=NOW_MS, arguments_schema=schema)
    second = put(stores, tenant, "page", "x")

    assert (first.arguments_schema, second.arguments_schema) == (schema, None)
    assert [stores.templates.get(tenant, "page", version) for version in (1, 2)] == [first, second]
    assert stores.templates.page(tenant, limit=10).items == (second,)


@pytest.mark.parametrize("name", ["nothing", "x" * 300, "na\u00efve", ""])
def test_what_was_never_stored_is_not_there(stores: Stores, name: str) -> None:
    tenant = stores.new_tenant()
    assert stores.templates.latest(tenant, name) is None
    assert stores.templates.get(tenant, name, 1) is None
    assert stores.templates.get(tenant, name, None) is None
    assert stores.templates.delete(tenant, name) is False


def test_a_version_that_does_not_exist_is_not_there(stores: Stores) -> None:
    tenant = stores.new_tenant()
    put(stores, tenant, "restart")
    assert stores.templates.get(tenant, "restart", 2) is None


def test_a_deleted_name_is_out_of_sight_but_its_versions_are_found(stores: Stores) -> None:
    tenant = stores.new_tenant()
    first = put(stores, tenant, "restart", "one")

    assert stores.templates.delete(tenant, "restart") is True
    assert stores.templates.delete(tenant, "restart") is False

    assert stores.templates.latest(tenant, "restart") is None
    assert stores.templates.page(tenant, limit=10).items == ()
    assert stores.templates.get(tenant, "restart", 1) == first


def test_a_deleted_name_that_is_stored_again_goes_on_counting(stores: Stores) -> None:
    tenant = stores.new_tenant()
    put(stores, tenant, "restart", "one")
    stores.templates.delete(tenant, "restart")

    again = put(stores, tenant, "restart", "two")

    assert again.version == 2
    assert stores.templates.latest(tenant, "restart") == again
    assert stores.templates.page(tenant, limit=10).items == (again,)


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_the_latest_versions_are_listed_by_name(stores: Stores, limit: int) -> None:
    tenant = stores.new_tenant()
    for name in ("b", "a", "d", "c", "a.b", "e"):
        put(stores, tenant, name, "old")
        put(stores, tenant, name, name)
    stores.templates.delete(tenant, "d")

    found: list[CommandTemplate] = []
    position = None
    while True:
        page = stores.templates.page(tenant, limit=limit, position=position)
        assert len(page.items) <= limit
        found += page.items
        position = page.next_position
        if position is None:
            break

    assert [(one.name, one.version, one.body) for one in found] == [
        (name, 2, name) for name in ("a", "a.b", "b", "c", "e")
    ]


def test_a_tenant_sees_its_own_templates_only(stores: Stores) -> None:
    mine, theirs = stores.new_tenant(), stores.new_tenant()
    put(stores, mine, "restart", "mine")

    assert stores.templates.latest(theirs, "restart") is None
    assert stores.templates.get(theirs, "restart", 1) is None
    assert stores.templates.page(theirs, limit=10).items == ()
    assert stores.templates.delete(theirs, "restart") is False
    assert put(stores, theirs, "restart", "theirs").version == 1
    latest = stores.templates.latest(mine, "restart")
    assert latest is not None
    assert latest.body == "mine"


def test_those_who_store_at_once_get_versions_of_their_own(dynamo: Stores) -> None:
    tenant = dynamo.new_tenant()
    with ThreadPoolExecutor(4) as pool:
        stored = list(pool.map(lambda n: put(dynamo, tenant, "restart", n), range(8)))

    assert sorted(one.version for one in stored) == list(range(1, 9))
    assert [dynamo.templates.get(tenant, "restart", one.version) for one in stored] == stored
    latest = dynamo.templates.latest(tenant, "restart")
    assert latest is not None
    assert latest.version == 8


class Crash(BaseException):
    pass


@pytest.mark.parametrize("before", [0, 1])
def test_a_version_whose_writer_died_before_it_was_the_latest_is_made_it_by_the_next(
    dynamo: Stores, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    tenant = dynamo.new_tenant()
    for _ in range(before):
        put(dynamo, tenant, "restart", "old")

    def die(*_: Any) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(command_template_store.DynamoCommandTemplateStore, "_make_latest", die)
        with pytest.raises(Crash):
            put(dynamo, tenant, "restart", "lost")

    latest = dynamo.templates.latest(tenant, "restart")
    assert (latest.version if latest else 0) == before
    assert put(dynamo, tenant, "restart", "new").version == before + 2
    orphan = dynamo.templates.get(tenant, "restart", before + 1)
    assert orphan is not None
    assert orphan.body == "lost"


def test_of_many_who_store_upon_one_version_one_does(stores: Stores) -> None:
    tenant = stores.new_tenant()
    put(stores, tenant, "restart", "one")

    def upon(version: int, body: str) -> bool:
        try:
            stores.templates.put(
                tenant, "restart", body, description=None, now_ms=NOW_MS, versions=frozenset({version, 99})
            )
        except VersionMismatchError:
            return False
        return True

    assert not upon(0, "zero")
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda number: upon(1, f"by {number}"), range(8)))
    assert sum(won) == 1
    latest = stores.templates.latest(tenant, "restart")
    assert latest is not None
    assert (latest.version, latest.body) == (2, f"by {won.index(True)}")
