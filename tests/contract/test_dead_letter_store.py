"""What every dead letter store does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from minoots_kernel.domain.dead_letters import DeadLetter, dead_letter
from minoots_kernel.domain.timer import Attempt
from tests.contract.conftest import Stores
from tests.contract.timers import NOW_MS, common_timer, ended, fired, new_id

pytestmark = pytest.mark.contract


def a_letter(tenant: str, text: str = "x", action_id: str = "notify") -> DeadLetter:
    timer_id = new_id()
    return DeadLetter(
        id=f"{timer_id}.{action_id}",
        tenant_id=tenant,
        timer_id=timer_id,
        action_id=action_id,
        kind="webhook",
        request={"url": "https://example.com", "body": {"text": text, "pi": 3.14}},
        reason="the receiver answered 500",
        attempts=(
            Attempt(1, NOW_MS, NOW_MS + 5, "failed", 500, "the receiver answered 500"),
            Attempt(2, NOW_MS + 9, NOW_MS + 20, "failed", None, "the connection broke: «раз»"),
        ),
        dead_at_ms=NOW_MS + 20,
    )


def walk(stores: Stores, tenant: str, limit: int) -> list[DeadLetter]:
    found: list[DeadLetter] = []
    position = None
    while True:
        page = stores.dead_letters.page(tenant, limit=limit, position=position)
        assert len(page.items) <= limit
        found += page.items
        position = page.next_position
        if position is None:
            return found


@pytest.mark.parametrize("limit", [1, 3, 50])
def test_letters_are_listed_newest_timer_first(stores: Stores, limit: int) -> None:
    tenant = stores.new_tenant()
    letters = [a_letter(tenant, action_id=f"action-{number % 3}") for number in range(20)]
    for letter in letters:
        stores.dead_letters.put(letter)

    assert walk(stores, tenant, limit) == letters[::-1]


def test_a_tenant_sees_its_own_letters_only(stores: Stores) -> None:
    mine, theirs = a_letter(stores.new_tenant()), a_letter(stores.new_tenant())
    stores.dead_letters.put(mine)
    stores.dead_letters.put(theirs)

    assert walk(stores, mine.tenant_id, 10) == [mine]


def test_a_letter_stored_again_stays_as_it_was(stores: Stores) -> None:
    letter = a_letter(stores.new_tenant())
    stores.dead_letters.put(letter)

    stores.dead_letters.put(replace(letter, reason="another"))

    assert walk(stores, letter.tenant_id, 10) == [letter]


def test_the_letter_of_a_failed_timer_comes_back(stores: Stores) -> None:
    timer = ended(fired(common_timer(stores.new_tenant())), outcome="failed")
    letter = dead_letter(timer, timer.actions[0])

    stores.dead_letters.put(letter)

    assert walk(stores, timer.tenant_id, 10) == [letter]


def test_large_letters_are_all_listed(stores: Stores) -> None:
    tenant = stores.new_tenant()
    letters = [a_letter(tenant, text="y" * 200_000) for _ in range(40)]  # some partitions hold more than a query's 1 MB
    for letter in letters:
        stores.dead_letters.put(letter)

    assert walk(stores, tenant, 50) == letters[::-1]


def test_a_letter_is_kept_for_400_days(dynamo: Stores) -> None:
    letter = a_letter(dynamo.new_tenant())
    dynamo.dead_letters.put(letter)
    assert dynamo.table is not None

    assert int(dynamo.table.item("D#")["expiresAt"]["N"]) == letter.dead_at_ms // 1000 + 400 * 86_400
