"""What every dead letter store does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from minoots_kernel.domain.dead_letters import ANY_LETTER, DeadLetter, LetterFilter, LetterState, dead_letter
from minoots_kernel.domain.delivery_ids import delivery_id
from minoots_kernel.domain.timer import Attempt
from tests.contract.conftest import Stores, Table
from tests.contract.timers import NOW_MS, common_timer, ended, fired, new_id

pytestmark = pytest.mark.contract

DAY_S = 86_400


def a_letter(tenant: str, text: str = "x", action_id: str = "notify") -> DeadLetter:
    timer_id = new_id()
    return DeadLetter(
        id=delivery_id(timer_id, action_id),
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


def walk(stores: Stores, tenant: str, limit: int, wanted: LetterFilter = ANY_LETTER) -> list[DeadLetter]:
    found: list[DeadLetter] = []
    position = None
    while True:
        page = stores.dead_letters.page(tenant, wanted=wanted, limit=limit, position=position)
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


@pytest.mark.parametrize("of_one_timer", [False, True])
@pytest.mark.parametrize("narrowed", [False, True])
def test_a_letter_that_cannot_be_read_is_left_out(
    dynamo: Stores, table: Table, of_one_timer: bool, narrowed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    first = a_letter(dynamo.new_tenant(), action_id="a")
    letters = [replace(first, id=delivery_id(first.timer_id, name), action_id=name) for name in "abc"]
    for letter in letters:
        dynamo.dead_letters.put(letter)
    (item,) = (item for item in table.items() if item["sk"]["S"] == letters[1].id)
    table.client.put_item(TableName=table.name, Item=item | {"attempts": {"S": '[{"future":1}]'}})
    wanted = LetterFilter(timer_id=first.timer_id if of_one_timer else None, kind="webhook" if narrowed else None)

    for sight in (None, list[DeadLetter]):
        page = dynamo.dead_letters.page(first.tenant_id, wanted=wanted, limit=9, sight=sight)
        assert page.items == (letters[2], letters[0])
    assert {record.__dict__["deadLetterId"] for record in caplog.records} == {letters[1].id}


def test_a_tenant_sees_its_own_letters_only(stores: Stores) -> None:
    mine, theirs = a_letter(stores.new_tenant()), a_letter(stores.new_tenant())
    stores.dead_letters.put(mine)
    stores.dead_letters.put(theirs)

    assert walk(stores, mine.tenant_id, 10) == [mine]


def test_a_letter_stored_again_stays_as_it_was(stores: Stores) -> None:
    letter = a_letter(stores.new_tenant())
    assert stores.dead_letters.put(letter)

    assert not stores.dead_letters.put(replace(letter, reason="another"))

    assert walk(stores, letter.tenant_id, 10) == [letter]


def test_a_letter_is_found_by_its_id_and_by_its_own_tenant_only(stores: Stores) -> None:
    letter = replace(a_letter(stores.new_tenant(), action_id="notify.me:2"), labels={"customer": "acme"}, death=2)
    stores.dead_letters.put(letter)

    assert stores.dead_letters.get(letter.tenant_id, letter.id) == letter
    assert stores.dead_letters.get(stores.new_tenant(), letter.id) is None
    for stranger in (f"{letter.timer_id}_other", letter.timer_id, "", "x" * 300, "«раз»_a"):
        assert stores.dead_letters.get(letter.tenant_id, stranger) is None


def test_a_later_death_takes_the_place_of_an_earlier_one_and_no_death_comes_back(stores: Stores) -> None:
    first = a_letter(stores.new_tenant())
    second = replace(first, death=1, attempts=(Attempt(3, NOW_MS + 50, NOW_MS + 60, "failed"),), reason="again")
    assert [stores.dead_letters.put(letter) for letter in (first, second, first)] == [True, True, False]

    told = replace(second, attempts=(*first.attempts, *second.attempts))
    assert walk(stores, first.tenant_id, 10) == [told]
    assert stores.dead_letters.get(first.tenant_id, first.id) == told

    third = replace(second, death=2, attempts=(Attempt(4, NOW_MS + 70, NOW_MS + 80, "failed"),))
    stores.dead_letters.put(third)
    assert walk(stores, first.tenant_id, 10) == [replace(third, attempts=(*told.attempts, *third.attempts))]


def test_a_letter_that_was_redriven_is_listed_no_more_until_it_dies_again(stores: Stores) -> None:
    letter = a_letter(stores.new_tenant())
    stores.dead_letters.put(letter)
    stores.dead_letters.mark(letter, LetterState.REDRIVEN, NOW_MS + 99)
    stores.dead_letters.put(letter)

    redriven = replace(letter, state=LetterState.REDRIVEN, changed_at_ms=NOW_MS + 99)
    assert walk(stores, letter.tenant_id, 10) == []
    assert stores.dead_letters.get(letter.tenant_id, letter.id) == redriven

    stores.dead_letters.put(replace(letter, death=1, attempts=()))
    (again,) = walk(stores, letter.tenant_id, 10)
    assert (again.state, again.death, again.attempts) == (LetterState.DEAD, 1, letter.attempts)


def test_a_letter_that_was_discarded_is_forgotten_and_stays_out(stores: Stores) -> None:
    letter = replace(a_letter(stores.new_tenant()), labels={"customer": "acme"})
    stores.dead_letters.put(letter)
    stores.dead_letters.mark(letter, LetterState.DISCARDED, NOW_MS + 99)
    stores.dead_letters.put(letter)

    left = stores.dead_letters.get(letter.tenant_id, letter.id)
    assert left is not None
    assert (left.state, left.changed_at_ms) == (LetterState.DISCARDED, NOW_MS + 99)
    assert (left.request, left.reason, left.attempts, left.labels) == ({}, "", (), {})
    assert walk(stores, letter.tenant_id, 10) == []


def test_of_two_marks_the_first_stands_and_one_of_another_death_is_none(stores: Stores) -> None:
    letter = a_letter(stores.new_tenant())
    stores.dead_letters.put(letter)
    stores.dead_letters.mark(replace(letter, death=1), LetterState.REDRIVEN, NOW_MS)
    assert walk(stores, letter.tenant_id, 10) == [letter]

    stores.dead_letters.mark(letter, LetterState.REDRIVEN, NOW_MS + 1)
    stores.dead_letters.mark(letter, LetterState.DISCARDED, NOW_MS + 2)
    marked = stores.dead_letters.get(letter.tenant_id, letter.id)
    assert marked is not None
    assert (marked.state, marked.changed_at_ms) == (LetterState.REDRIVEN, NOW_MS + 1)

    second = replace(letter, death=1)
    stores.dead_letters.put(second)
    stores.dead_letters.mark(letter, LetterState.DISCARDED, NOW_MS + 3)
    assert len(walk(stores, letter.tenant_id, 10)) == 1, "the mark was about the first death"
    stores.dead_letters.mark(a_letter(letter.tenant_id), LetterState.REDRIVEN, NOW_MS)
    assert len(walk(stores, letter.tenant_id, 10)) == 1, "there was no such letter"


@pytest.mark.parametrize("limit", [1, 4, 200])
def test_letters_are_listed_by_what_is_wanted_of_them(stores: Stores, limit: int) -> None:
    tenant = stores.new_tenant()
    letters = [
        replace(a_letter(tenant), kind="webhook" if number % 3 else "command", labels={"n": str(number % 2)})
        for number in range(60)
    ]
    for number, letter in enumerate(letters):
        stores.dead_letters.put(letter)
        if number % 5 == 0:
            stores.dead_letters.mark(letter, LetterState.REDRIVEN, NOW_MS)

    wanted = LetterFilter(kind="command", labels=(("n", "1"),))
    expected = [letter for number, letter in enumerate(letters) if number % 5 and wanted.matches(letter)]
    assert walk(stores, tenant, limit, wanted) == expected[::-1]
    assert len(expected) == 8


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_one_timers_letters_are_listed(stores: Stores, limit: int) -> None:
    tenant = stores.new_tenant()
    others = [a_letter(tenant) for _ in range(5)]
    letters = [
        replace(others[2], id=delivery_id(others[2].timer_id, name), action_id=name)
        for name in ("a", "a-b", "b.c", "z")
    ]
    for letter in (*others, *letters):
        stores.dead_letters.put(letter)

    of_timer = LetterFilter(timer_id=others[2].timer_id)
    expected = sorted((*letters, others[2]), key=lambda letter: letter.id, reverse=True)
    assert walk(stores, tenant, limit, of_timer) == expected
    assert walk(stores, tenant, limit, LetterFilter(timer_id="0190")) == []
    assert walk(stores, tenant, limit, LetterFilter(timer_id="«раз»")) == []
    assert walk(stores, tenant, limit, replace(of_timer, kind="command")) == []


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

    assert int(dynamo.table.item("D#")["expiresAt"]["N"]) == letter.dead_at_ms // 1000 + 400 * DAY_S


def test_a_letter_that_was_redriven_is_kept_for_30_days_more_and_one_that_was_discarded_as_long_as_before(
    dynamo: Stores,
) -> None:
    redriven, discarded = a_letter(dynamo.new_tenant()), a_letter(dynamo.new_tenant())
    late = replace(a_letter(dynamo.new_tenant()), dead_at_ms=NOW_MS - 390 * DAY_S * 1000)
    for letter in (redriven, discarded, late):
        dynamo.dead_letters.put(letter)
    dynamo.dead_letters.mark(redriven, LetterState.REDRIVEN, NOW_MS)
    dynamo.dead_letters.mark(late, LetterState.REDRIVEN, NOW_MS)
    dynamo.dead_letters.mark(discarded, LetterState.DISCARDED, NOW_MS)
    assert dynamo.table is not None

    def kept_until(letter: DeadLetter) -> int:
        assert dynamo.table is not None
        return int(dynamo.table.item(f"D#{letter.tenant_id}#")["expiresAt"]["N"])

    assert kept_until(redriven) == NOW_MS // 1000 + 30 * DAY_S
    assert kept_until(late) == NOW_MS // 1000 + 10 * DAY_S
    assert kept_until(discarded) == discarded.dead_at_ms // 1000 + 400 * DAY_S
