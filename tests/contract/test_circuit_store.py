"""What every store of circuits does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from minoots_kernel.domain.circuits import TENANT, Circuit, Pace, closed, opened, reopened, slowed
from minoots_kernel.domain.errors import DependencyUnavailableError, VersionMismatchError
from tests.contract.conftest import Stores
from tests.contract.timers import NOW_MS

pytestmark = pytest.mark.contract

HOST = "h:example.org:443"
HORIZON_MS = 600_000


def stored(stores: Stores, tenant: str, name: str = HOST) -> Circuit:
    return stores.circuits.get_many(tenant, [name]).get(name) or Circuit(tenant, name)


def test_of_a_circuit_that_nobody_touched_nothing_is_stored(stores: Stores) -> None:
    tenant = stores.new_tenant()
    assert stores.circuits.get_many(tenant, [HOST, TENANT, "d:billing"]) == {}
    assert stores.circuits.get_many(tenant, []) == {}


def test_a_circuit_comes_back_as_it_was_changed_step_by_step(stores: Stores) -> None:
    tenant = stores.new_tenant()
    steps = [slowed(Circuit(tenant, HOST), NOW_MS)]
    steps.append(opened(steps[-1], NOW_MS + 1))
    steps.append(reopened(steps[-1], NOW_MS + 2))
    steps.append(closed(steps[-1], NOW_MS + 3))
    before = Circuit(tenant, HOST)
    for after in steps:
        stores.circuits.change(before, after)
        assert stored(stores, tenant) == after
        before = after


def test_of_two_changes_of_one_version_the_first_wins(stores: Stores) -> None:
    tenant = stores.new_tenant()
    fresh = Circuit(tenant, HOST)
    for before in (fresh, opened(fresh, NOW_MS)):
        first = opened(before, NOW_MS) if before is fresh else closed(before, NOW_MS)
        stores.circuits.change(before, first)
        with pytest.raises(VersionMismatchError):
            stores.circuits.change(before, slowed(fresh, NOW_MS + 9))
        assert stored(stores, tenant) == first


def test_a_slot_is_one_callers_until_it_is_given_back_or_its_lease_ends(stores: Stores) -> None:
    tenant = stores.new_tenant()
    circuit, until_ms = Circuit(tenant, HOST), NOW_MS + 30_000
    assert stores.circuits.take(circuit, 0, until_ms, NOW_MS) is True
    assert stores.circuits.take(circuit, 0, until_ms + 5, NOW_MS + 5) is False
    assert stores.circuits.take(circuit, 1, until_ms, NOW_MS) is True
    assert stored(stores, tenant).slots == {0: until_ms, 1: until_ms}
    stores.circuits.give_back(circuit, 0, until_ms)
    assert stores.circuits.take(circuit, 0, until_ms + 9, NOW_MS + 9) is True
    assert stores.circuits.take(circuit, 1, until_ms + 99, until_ms) is True, "its lease has ended"
    stores.circuits.give_back(circuit, 1, until_ms)
    assert stored(stores, tenant).slots == {0: until_ms + 9, 1: until_ms + 99}, "it is another's by now"


def test_slots_and_changes_leave_each_other_alone(stores: Stores) -> None:
    tenant = stores.new_tenant()
    circuit = Circuit(tenant, HOST)
    stores.circuits.take(circuit, 3, NOW_MS + 9, NOW_MS)
    before = stored(stores, tenant)
    assert before.version == 0
    stores.circuits.take(circuit, 4, NOW_MS + 9, NOW_MS)
    stores.circuits.change(before, opened(before, NOW_MS))
    stores.circuits.give_back(circuit, 3, NOW_MS + 9)
    after = stored(stores, tenant)
    assert (after.slots, after.opened_at_ms, after.version) == ({4: NOW_MS + 9}, NOW_MS, 1)


def asked(stores: Stores, circuit: Circuit, pace: Pace, now_ms: int) -> int | None:
    """When an attempt may begin that has not asked before."""
    if stores.circuits.begin(circuit, pace, now_ms, None):
        return now_ms
    return stores.circuits.next_turn(circuit, pace, now_ms, HORIZON_MS)


def test_turns_are_an_interval_apart_and_a_burst_may_begin_at_once(stores: Stores) -> None:
    circuit, pace = Circuit(stores.new_tenant(), HOST), Pace(10, burst=3)

    def turn(now_ms: int) -> int | None:
        return asked(stores, circuit, pace, now_ms)

    assert [turn(NOW_MS) for _ in range(5)] == [NOW_MS, NOW_MS, NOW_MS, NOW_MS + 100, NOW_MS + 200]
    assert turn(NOW_MS + 250) == NOW_MS + 300
    later_ms = NOW_MS + 60_000
    assert [turn(later_ms) for _ in range(4)] == [later_ms, later_ms, later_ms, later_ms + 100]


def test_turns_past_the_horizon_are_not_given_and_not_lost(stores: Stores) -> None:
    circuit, pace = Circuit(stores.new_tenant(), HOST), Pace(0.005)

    def turn(now_ms: int) -> int | None:
        return asked(stores, circuit, pace, now_ms)

    assert [turn(NOW_MS) for _ in range(5)] == [NOW_MS, NOW_MS + 200_000, NOW_MS + 400_000, NOW_MS + 600_000, None]
    assert turn(NOW_MS + 200_000) == NOW_MS + 800_000


def test_what_the_caller_believes_of_turns_does_not_matter(stores: Stores) -> None:
    tenant = stores.new_tenant()
    for believed_us in (0, NOW_MS * 1_000 + 10**9):
        name = f"h:{believed_us}:1"
        circuit = Circuit(tenant, name, turn_us=believed_us)
        turns = [stores.circuits.next_turn(circuit, Pace(1), NOW_MS, HORIZON_MS) for _ in range(3)]
        assert turns == [NOW_MS, NOW_MS + 1_000, NOW_MS + 2_000]
    for believed_us in (0, NOW_MS * 1_000 + 10**9):
        circuit = Circuit(tenant, f"h:{believed_us}:2", begun_us=believed_us)
        begun = [stores.circuits.begin(circuit, Pace(1, burst=2), NOW_MS, None) for _ in range(3)]
        assert begun == [True, True, False]


def test_who_comes_with_a_turn_may_be_a_little_ahead_and_is_counted_all_the_same(stores: Stores) -> None:
    circuit, pace = Circuit(stores.new_tenant(), HOST), Pace(2)

    def begin(now_ms: int, slack_ms: int | None) -> bool:
        return stores.circuits.begin(circuit, pace, now_ms, slack_ms)

    assert [begin(NOW_MS, 1_000) for _ in range(4)] == [True, True, True, False]
    assert not begin(NOW_MS + 499, 1_000)
    assert begin(NOW_MS + 500, 1_000)
    assert not begin(NOW_MS + 1_999, None)
    assert begin(NOW_MS + 2_000, None)


def test_nobody_without_a_turn_begins_before_those_who_have_one(stores: Stores) -> None:
    circuit, pace = Circuit(stores.new_tenant(), HOST), Pace(1)
    assert stores.circuits.next_turn(circuit, pace, NOW_MS + 5_000, HORIZON_MS) == NOW_MS + 5_000
    assert not stores.circuits.begin(circuit, pace, NOW_MS, None)
    assert stores.circuits.begin(circuit, pace, NOW_MS, 0)
    assert stores.circuits.begin(circuit, pace, NOW_MS + 6_000, None)


def test_a_turn_comes_after_what_has_begun_and_counts_for_nothing_itself(stores: Stores) -> None:
    circuit, pace = Circuit(stores.new_tenant(), HOST), Pace(1, burst=2)
    assert [stores.circuits.begin(circuit, pace, NOW_MS, 1_000) for _ in range(3)] == [True] * 3
    turns = [stores.circuits.next_turn(circuit, pace, NOW_MS, HORIZON_MS) for _ in range(2)]
    assert turns == [NOW_MS + 2_000, NOW_MS + 3_000]
    assert stored(stores, circuit.tenant_id).begun_us == (NOW_MS + 3_000) * 1_000
    before = stored(stores, circuit.tenant_id)
    stores.circuits.change(before, slowed(before, NOW_MS))
    assert stored(stores, circuit.tenant_id).begun_us == before.begun_us


def test_callers_at_the_same_time_get_different_slots_and_turns() -> None:
    # The memory store alone: moto checks and writes in two steps, which threads of one process can get between.
    from minoots_kernel.adapters.memory import MemoryCircuitStore

    store, circuit = MemoryCircuitStore(), Circuit("demo", HOST)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda n: store.take(circuit, n % 4, NOW_MS + 9, NOW_MS), range(64)))
        turns = list(pool.map(lambda _: store.next_turn(circuit, Pace(10), NOW_MS, HORIZON_MS), range(64)))
        begun = list(pool.map(lambda _: store.begin(Circuit("demo", "d:b"), Pace(10, 5), NOW_MS, 0), range(64)))
    assert sum(taken) == 4
    assert len(set(turns)) == 64
    assert sum(begun) == 5


def test_a_tenant_sees_its_own_circuits_only(stores: Stores) -> None:
    mine, theirs = stores.new_tenant(), stores.new_tenant()
    stores.circuits.change(Circuit(mine, HOST), opened(Circuit(mine, HOST), NOW_MS))
    assert stores.circuits.get_many(theirs, [HOST]) == {}
    assert set(stores.circuits.get_many(mine, [HOST, TENANT])) == {HOST}


def test_circuits_are_no_timers_to_the_stream_and_are_forgotten_after_a_day(dynamo: Stores) -> None:
    assert dynamo.table is not None
    circuit = Circuit(dynamo.new_tenant(), HOST)
    dynamo.circuits.take(circuit, 0, NOW_MS + 9, NOW_MS)
    item = dynamo.table.item("B#")
    assert item["kind"] == {"S": "circuit"}
    assert item["expiresAt"] == {"N": str(NOW_MS // 1000 + 86_400)}


def test_a_change_whose_answer_was_lost_and_is_made_again_is_found_to_be_done(dynamo: Stores) -> None:
    assert dynamo.table is not None
    tenant = dynamo.new_tenant()
    after = opened(Circuit(tenant, HOST), NOW_MS)
    dynamo.table.wire.lose_answer("UpdateItem")
    with pytest.raises(VersionMismatchError):
        dynamo.circuits.change(Circuit(tenant, HOST), after)
    assert stored(dynamo, tenant) == after


def test_a_store_that_does_not_answer_is_told_apart_from_a_slot_that_is_taken(dynamo: Stores) -> None:
    assert dynamo.table is not None
    circuit = Circuit(dynamo.new_tenant(), HOST)
    dynamo.table.wire.refuse("UpdateItem", "ThrottlingException", times=3)
    with pytest.raises(DependencyUnavailableError):
        dynamo.circuits.take(circuit, 0, NOW_MS + 9, NOW_MS)
