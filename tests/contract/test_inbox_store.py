"""What every store of inboxes does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from minoots_kernel.domain.errors import LeaseLostError
from minoots_kernel.domain.inbox import KEPT_MS, InboxMessage, LeasedMessage, Occasion, Receipt
from tests.contract.conftest import Stores
from tests.contract.timers import NOW_MS, new_id

pytestmark = pytest.mark.contract

LEASE_MS = 60_000


def a_message(tenant: str, at_ms: int = NOW_MS, agent: str = "ann", **payload: Any) -> InboxMessage:
    timer_id = new_id()
    return InboxMessage(
        tenant_id=tenant,
        agent=agent,
        id=f"{timer_id}_wake",
        timer_id=timer_id,
        action_id="wake",
        kind="agent_prompt",
        fired_at_ms=at_ms,
        payload={"prompt": "hello «раз»", "n": 1.5} | payload,
        forgotten_at_ms=NOW_MS + KEPT_MS,
    )


def put(stores: Stores, *messages: InboxMessage) -> None:
    for message in messages:
        stores.inboxes.put(message)


def take(
    stores: Stores, tenant: str, limit: int = 10, now_ms: int = NOW_MS + 1, agent: str = "ann"
) -> list[LeasedMessage]:
    return stores.inboxes.take(tenant, agent, limit=limit, until_ms=now_ms + LEASE_MS, now_ms=now_ms)


def receipt(leased: LeasedMessage) -> Receipt:
    read = Receipt.from_text(leased.receipt)
    assert read is not None
    return read


def test_messages_are_handed_over_whole_and_the_oldest_firing_first(stores: Stores) -> None:
    tenant = stores.new_tenant()
    messages = [a_message(tenant, NOW_MS - 10 * number) for number in range(5)]
    put(stores, *messages)

    taken = take(stores, tenant)

    assert [one.message for one in taken] == messages[::-1]
    assert {(one.received, one.leased_until_ms) for one in taken} == {(1, NOW_MS + 1 + LEASE_MS)}


def test_a_leased_message_is_not_handed_over_until_its_lease_runs_out(stores: Stores) -> None:
    tenant = stores.new_tenant()
    put(stores, a_message(tenant))
    (first,) = take(stores, tenant)

    assert take(stores, tenant, now_ms=first.leased_until_ms - 1) == []
    (again,) = take(stores, tenant, now_ms=first.leased_until_ms)

    assert again.message == first.message
    assert again.received == 2
    assert again.receipt != first.receipt


def test_no_more_messages_are_leased_than_are_asked_for(stores: Stores) -> None:
    tenant = stores.new_tenant()
    put(stores, *(a_message(tenant, NOW_MS + number) for number in range(5)))

    taken = [take(stores, tenant, limit=2, now_ms=NOW_MS + 10) for _ in range(4)]

    assert [len(one) for one in taken] == [2, 2, 1, 0]
    assert len({leased.message.id for one in taken for leased in one}) == 5


def test_an_acknowledged_message_is_gone_for_good(stores: Stores) -> None:
    tenant = stores.new_tenant()
    put(stores, a_message(tenant))
    (leased,) = take(stores, tenant)

    for _ in range(2):
        stores.inboxes.acknowledge(tenant, "ann", receipt(leased))

    assert take(stores, tenant, now_ms=NOW_MS + 10 * LEASE_MS) == []


def again(message: InboxMessage, occasion: Occasion, token: str | None = None) -> InboxMessage:
    """Another asking of the same action, with words and an expiry of its own."""
    return replace(
        message,
        payload={"asked": str(occasion)},
        forgotten_at_ms=message.forgotten_at_ms + 86_400_000,
        acknowledgement={"token": token, "url": f"https://api.example/acknowledgements/{token}"} if token else None,
        occasion=occasion,
    )


FIRST, SECOND = Occasion(0, 0, 1), Occasion(0, 0, 2)
ONWARD, REDRIVEN = Occasion(0, 1, 2), Occasion(1, 0, 2)


@pytest.mark.parametrize("token", [None, "ack_x"])
def test_a_message_put_again_stays_as_it_was(stores: Stores, token: str | None) -> None:
    tenant = stores.new_tenant()
    message = again(a_message(tenant), FIRST, token)
    put(stores, message)
    (leased,) = take(stores, tenant)

    put(stores, replace(message, payload={"other": True}))
    put(stores, replace(message, payload={"other": True}, occasion=Occasion(0, 0, 0)))

    assert take(stores, tenant) == []
    assert stores.inboxes.leased(tenant, "ann", receipt(leased)) == message
    stores.inboxes.acknowledge(tenant, "ann", receipt(leased))
    assert leased.message == message


def test_asked_once_more_a_message_is_renewed_and_its_lease_goes_on(stores: Stores) -> None:
    tenant = stores.new_tenant()
    message = again(a_message(tenant), FIRST, "ack_first")
    put(stores, message)
    (leased,) = take(stores, tenant)

    renewed = again(message, SECOND, "ack_second")
    put(stores, renewed, message)

    assert take(stores, tenant) == []
    assert stores.inboxes.leased(tenant, "ann", receipt(leased)) == renewed
    (after,) = take(stores, tenant, now_ms=leased.leased_until_ms)
    assert (after.message, after.received) == (renewed, 2)


@pytest.mark.parametrize("occasion", [ONWARD, REDRIVEN])
def test_another_step_or_life_takes_the_messages_place_and_ends_its_lease(stores: Stores, occasion: Occasion) -> None:
    tenant = stores.new_tenant()
    message = again(a_message(tenant), FIRST, "ack_first")
    put(stores, message)
    (leased,) = take(stores, tenant)

    anew = again(message, occasion, "ack_anew")
    put(stores, anew, message)

    for use in (
        lambda: stores.inboxes.leased(tenant, "ann", receipt(leased)),
        lambda: stores.inboxes.acknowledge(tenant, "ann", receipt(leased)),
        lambda: stores.inboxes.lease_until(tenant, "ann", receipt(leased), NOW_MS, give_back=False),
    ):
        with pytest.raises(LeaseLostError):
            use()
    (after,) = take(stores, tenant)
    assert (after.message, after.received) == (anew, 1)


def test_a_message_that_was_forgotten_is_there_again_when_it_is_asked_anew(stores: Stores) -> None:
    tenant = stores.new_tenant()
    message = again(a_message(tenant), FIRST)
    put(stores, message)
    late_ms = message.forgotten_at_ms + 1
    assert take(stores, tenant, now_ms=late_ms) == []

    anew = replace(message, occasion=REDRIVEN, forgotten_at_ms=message.forgotten_at_ms + KEPT_MS)
    put(stores, anew)

    assert [one.message for one in take(stores, tenant, now_ms=late_ms)] == [anew]


def test_a_message_that_is_remembered_is_not_brought_back_by_the_same_asking(stores: Stores) -> None:
    tenant = stores.new_tenant()
    message = again(a_message(tenant), FIRST)
    put(stores, message)
    (leased,) = take(stores, tenant)

    for _ in range(2):
        stores.inboxes.acknowledge(tenant, "ann", receipt(leased), remember=True)
    put(stores, message, again(message, SECOND))

    assert take(stores, tenant, now_ms=leased.leased_until_ms) == []
    assert stores.inboxes.leased(tenant, "ann", receipt(leased)) is None
    with pytest.raises(LeaseLostError):
        stores.inboxes.lease_until(tenant, "ann", receipt(leased), NOW_MS, give_back=True)


@pytest.mark.parametrize(
    ("occasion", "token"), [(REDRIVEN, None), (ONWARD, "ack_x"), (REDRIVEN, "ack_x"), (SECOND, "ack_x")]
)
def test_a_message_that_is_remembered_makes_way_for_another_asking(
    stores: Stores, occasion: Occasion, token: str | None
) -> None:
    tenant = stores.new_tenant()
    message = again(a_message(tenant), FIRST, token)
    put(stores, message)
    (leased,) = take(stores, tenant)
    stores.inboxes.acknowledge(tenant, "ann", receipt(leased), remember=True)

    anew = again(message, occasion, token)
    put(stores, anew)

    (after,) = take(stores, tenant)
    assert (after.message, after.received) == (anew, 1)
    stores.inboxes.acknowledge(tenant, "ann", receipt(after))


def test_nothing_is_leased_by_a_receipt_of_what_is_not_there(stores: Stores) -> None:
    tenant = stores.new_tenant()
    message = a_message(tenant)
    put(stores, message)
    (leased,) = take(stores, tenant)
    wrong = replace(receipt(leased), fired_at_ms=1)

    assert stores.inboxes.leased(tenant, "ann", wrong) is None
    assert stores.inboxes.leased(tenant, "bob", receipt(leased)) is None
    assert stores.inboxes.leased(stores.new_tenant(), "ann", receipt(leased)) is None
    assert stores.inboxes.leased(tenant, "ann", receipt(leased)) == message


def test_a_receipt_is_worth_nothing_once_somebody_else_has_the_message(stores: Stores) -> None:
    tenant = stores.new_tenant()
    put(stores, a_message(tenant))
    (first,) = take(stores, tenant)
    (second,) = take(stores, tenant, now_ms=first.leased_until_ms)

    for use in (
        lambda: stores.inboxes.acknowledge(tenant, "ann", receipt(first)),
        lambda: stores.inboxes.lease_until(tenant, "ann", receipt(first), NOW_MS, give_back=True),
        lambda: stores.inboxes.lease_until(tenant, "ann", receipt(first), NOW_MS, give_back=False),
    ):
        with pytest.raises(LeaseLostError):
            use()

    assert take(stores, tenant, now_ms=second.leased_until_ms - 1) == []


def test_a_lease_that_ran_out_unnoticed_can_still_be_used(stores: Stores) -> None:
    tenant = stores.new_tenant()
    put(stores, a_message(tenant))
    (leased,) = take(stores, tenant)
    later_ms = leased.leased_until_ms + 1

    stores.inboxes.lease_until(tenant, "ann", receipt(leased), later_ms + LEASE_MS, give_back=False)

    assert take(stores, tenant, now_ms=later_ms) == []
    stores.inboxes.acknowledge(tenant, "ann", receipt(leased))


def test_a_message_given_back_comes_at_its_time_and_the_receipt_is_worth_nothing(stores: Stores) -> None:
    tenant = stores.new_tenant()
    put(stores, a_message(tenant))
    (leased,) = take(stores, tenant)

    stores.inboxes.lease_until(tenant, "ann", receipt(leased), NOW_MS + 5_000, give_back=True)

    with pytest.raises(LeaseLostError):
        stores.inboxes.acknowledge(tenant, "ann", receipt(leased))
    assert take(stores, tenant, now_ms=NOW_MS + 4_999) == []
    (again,) = take(stores, tenant, now_ms=NOW_MS + 5_000)
    assert again.received == 2


def test_an_extended_lease_keeps_its_receipt(stores: Stores) -> None:
    tenant = stores.new_tenant()
    put(stores, a_message(tenant))
    (leased,) = take(stores, tenant)

    for more_ms in (2 * LEASE_MS, 3 * LEASE_MS):
        stores.inboxes.lease_until(tenant, "ann", receipt(leased), NOW_MS + more_ms, give_back=False)

    assert take(stores, tenant, now_ms=NOW_MS + 3 * LEASE_MS - 1) == []
    stores.inboxes.acknowledge(tenant, "ann", receipt(leased))


@pytest.mark.parametrize("give_back", [True, False])
def test_a_message_that_is_gone_cannot_be_kept_or_given_back(stores: Stores, give_back: bool) -> None:
    tenant = stores.new_tenant()
    put(stores, a_message(tenant))
    (leased,) = take(stores, tenant)
    stores.inboxes.acknowledge(tenant, "ann", receipt(leased))

    with pytest.raises(LeaseLostError):
        stores.inboxes.lease_until(tenant, "ann", receipt(leased), NOW_MS, give_back=give_back)

    assert take(stores, tenant, now_ms=NOW_MS + LEASE_MS) == []


def test_inboxes_of_other_tenants_and_agents_are_others(stores: Stores) -> None:
    mine, theirs = stores.new_tenant(), stores.new_tenant()
    put(stores, a_message(mine), a_message(theirs), a_message(mine, agent="bob"))

    (leased,) = take(stores, mine)

    assert leased.message.tenant_id == mine
    assert leased.message.agent == "ann"
    stores.inboxes.acknowledge(theirs, "ann", receipt(leased))
    with pytest.raises(LeaseLostError):
        stores.inboxes.lease_until(theirs, "ann", receipt(leased), NOW_MS, give_back=True)
    with pytest.raises(LeaseLostError):
        stores.inboxes.lease_until(mine, "bob", receipt(leased), NOW_MS, give_back=True)
    assert [one.message.tenant_id for one in take(stores, theirs)] == [theirs]
    assert [one.message.agent for one in take(stores, mine, agent="bob")] == ["bob"]
    stores.inboxes.lease_until(mine, "ann", receipt(leased), NOW_MS, give_back=True)


def test_a_message_that_nobody_wanted_is_forgotten(stores: Stores) -> None:
    tenant = stores.new_tenant()
    message = a_message(tenant)
    put(stores, message)

    assert take(stores, tenant, now_ms=message.forgotten_at_ms) == []
    assert len(take(stores, tenant, now_ms=message.forgotten_at_ms - 1_000)) == 1


def test_messages_that_others_have_do_not_hide_the_rest(stores: Stores) -> None:
    tenant = stores.new_tenant()
    put(stores, *(a_message(tenant, NOW_MS - 1_000 + number) for number in range(130)))
    assert len(take(stores, tenant, limit=120)) == 120

    assert len(take(stores, tenant, limit=10)) == 10


def test_however_many_messages_others_have_the_free_ones_are_found(stores: Stores) -> None:
    tenant = stores.new_tenant()
    put(stores, *(a_message(tenant, NOW_MS - 1_000 + number) for number in range(230)))
    held = [one for _ in range(24) for one in take(stores, tenant, limit=10)]
    assert len(held) == 230
    free = {one.message.id for one in held[202:205] + held[-3:]}
    for one in held:
        if one.message.id in free:
            stores.inboxes.lease_until(tenant, "ann", receipt(one), NOW_MS, give_back=True)

    found = [one for _ in range(2) for one in take(stores, tenant)]

    assert {one.message.id for one in found} == free
    oldest = held[0]
    stores.inboxes.lease_until(tenant, "ann", receipt(oldest), NOW_MS, give_back=True)
    assert [one.message.id for one in take(stores, tenant)] == [oldest.message.id]


def test_where_a_look_ended_is_written_down_only_where_messages_are_in_the_way(dynamo: Stores) -> None:
    tenant = dynamo.new_tenant()
    assert dynamo.table is not None
    put(dynamo, *(a_message(tenant, NOW_MS - 1_000 + number) for number in range(215)))
    held = [one for _ in range(20) for one in take(dynamo, tenant)]

    def mark() -> str | None:
        found = dynamo.table and dynamo.table.client.get_item(
            TableName=dynamo.table.name, Key={"pk": {"S": f"I#{tenant}#ann"}, "sk": {"S": "#"}}
        ).get("Item")
        return found["lookedTo"]["S"] if found else None

    assert mark() is None
    held += take(dynamo, tenant)  # reads on as far as a look goes, and the rest is beyond
    assert mark() is not None
    held += [one for _ in range(4) for one in take(dynamo, tenant)]
    assert len(held) == 215
    for one in held[5:]:
        dynamo.inboxes.acknowledge(tenant, "ann", receipt(one))
    assert take(dynamo, tenant) == []
    assert mark() is None


def test_a_large_message_comes_back_whole(stores: Stores) -> None:
    tenant = stores.new_tenant()
    message = a_message(tenant, text="x" * 300_000)
    put(stores, message)

    assert [one.message for one in take(stores, tenant)] == [message]


def test_an_item_expires_and_is_none_that_streams_are_read_for(dynamo: Stores) -> None:
    message = a_message(dynamo.new_tenant())
    put(dynamo, message)
    assert dynamo.table is not None

    item = dynamo.table.item("I#")

    assert int(item["expiresAt"]["N"]) == message.forgotten_at_ms // 1000
    assert item["kind"] == {"S": "inboxMessage"}


# moto counts neither.
@pytest.mark.parametrize("dynamo", ["dynamodb_local"], indirect=True)
def test_a_message_costs_three_write_units_and_a_look_half_a_read_unit(dynamo: Stores) -> None:
    assert dynamo.table is not None
    events: Any = dynamo.table.client.meta.events
    consumed: list[float] = []
    for operation in ("PutItem", "UpdateItem", "DeleteItem", "Query"):
        events.register(
            f"provide-client-params.dynamodb.{operation}",
            lambda params, **_: {**params, "ReturnConsumedCapacity": "TOTAL"},
        )
        events.register(
            f"after-call.dynamodb.{operation}",
            lambda parsed, **_: consumed.append(parsed.get("ConsumedCapacity", {}).get("CapacityUnits", 0)),
        )
    tenant = dynamo.new_tenant()

    assert take(dynamo, tenant) == []
    put(dynamo, a_message(tenant))
    (leased,) = take(dynamo, tenant)
    dynamo.inboxes.acknowledge(tenant, "ann", receipt(leased))

    empty, write, look, lease, done = consumed
    assert (write, lease, done) == (1, 1, 1)
    assert empty <= look == 0.5


def test_of_two_who_read_at_once_one_gets_the_message(dynamo: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = dynamo.new_tenant()
    put(dynamo, a_message(tenant))
    store: Any = dynamo.inboxes
    query = store._table.query
    second: list[LeasedMessage] = []

    def beaten(**arguments: Any) -> Any:
        found = query(**arguments)
        monkeypatch.setattr(store._table, "query", query)
        second.extend(take(dynamo, tenant))
        return found

    monkeypatch.setattr(store._table, "query", beaten)
    assert take(dynamo, tenant) == []
    assert len(second) == 1


@pytest.mark.parametrize("text", ["", "x", "a" * 401, "MS4x", "MS4xLmE=", "!!!!", "\u00e4"])
def test_what_is_no_receipt_is_not_read(text: str) -> None:
    read = Receipt.from_text(text)
    assert read is None or read.to_text() == text


def test_a_receipt_is_read_as_it_was_written() -> None:
    written = Receipt(NOW_MS, f"{new_id()}.a.b:c_d-e", 7)
    assert Receipt.from_text(written.to_text()) == written
