"""What every store of settings does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from minoots_contract.retry import RetryPolicy
from minoots_kernel.domain.errors import VersionMismatchError
from minoots_kernel.domain.settings import Settings
from tests.contract.conftest import Stores
from tests.contract.timers import NOW_MS

pytestmark = pytest.mark.contract

POLICY: dict[str, Any] = {"max_attempts": 7, "jitter": "none", "total_time_limit_ms": 5, "retry_on": ["timeout"]}


def first(stores: Stores) -> Settings:
    return Settings(stores.new_tenant(), RetryPolicy(**POLICY), 1, NOW_MS)


def test_a_tenant_that_settled_nothing_has_no_settings(stores: Stores) -> None:
    assert stores.settings.get(stores.new_tenant()) is None


def test_what_was_settled_is_there_and_only_for_its_tenant(stores: Stores) -> None:
    one, other = first(stores), Settings(stores.new_tenant(), RetryPolicy(), 1, NOW_MS)
    for settings in (one, other):
        stores.settings.put(settings)
    assert [stores.settings.get(settings.tenant_id) for settings in (one, other)] == [one, other]


def test_each_write_goes_upon_the_version_before_and_no_other(stores: Stores) -> None:
    settings = first(stores)
    stores.settings.put(settings)
    second = replace(settings, version=2, retry_policy=RetryPolicy(), updated_at_ms=NOW_MS + 1)
    stores.settings.put(second)
    for stale in (settings, second, replace(second, version=4)):
        with pytest.raises(VersionMismatchError):
            stores.settings.put(replace(stale, updated_at_ms=NOW_MS + 9))
    assert stores.settings.get(settings.tenant_id) == second


@pytest.mark.parametrize("version", [1, 2])
def test_a_write_whose_answer_was_lost_counts_as_done(dynamo: Stores, version: int) -> None:
    assert dynamo.table is not None
    settings = first(dynamo)
    if version == 2:
        dynamo.settings.put(settings)
        settings = replace(settings, version=2, updated_at_ms=NOW_MS + 1)
    dynamo.table.wire.lose_answer("PutItem" if version == 1 else "UpdateItem")
    dynamo.settings.put(settings)
    assert dynamo.settings.get(settings.tenant_id) == settings
