"""What the table's stores make of lost answers, refusals and silence."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from minoots_kernel.adapters.dynamodb.batches import PAUSES_MS
from minoots_kernel.adapters.dynamodb.keys import SHARDS
from minoots_kernel.application.identity_ports import TimersUsed
from minoots_kernel.application.ports import TimerKey
from minoots_kernel.domain.commands import (
    Arm,
    Cancel,
    Command,
    Extend,
    Pause,
    RecordAttempt,
    Redrive,
    Reschedule,
    Resume,
    Snooze,
)
from minoots_kernel.domain.errors import (
    AlreadyExistsError,
    DependencyUnavailableError,
    InvalidTimerError,
    VersionMismatchError,
)
from minoots_kernel.domain.timer import Attempt, Timer
from minoots_kernel.domain.timer_filter import LabelTest, TimerFilter
from minoots_kernel.domain.transitions import apply
from tests.contract.conftest import Stores, Table
from tests.contract.faults import body_of
from tests.contract.timers import NOW_MS, a_timer, ended, fired

pytestmark = pytest.mark.contract

TRIES = 3


def test_a_creation_whose_answer_was_lost_counts_as_done(dynamo: Stores, table: Table) -> None:
    timer = a_timer(dynamo.new_tenant())
    table.wire.lose_answer("PutItem")

    dynamo.timers.create(timer)

    assert table.wire.calls.count("PutItem") == 2
    assert dynamo.timers.get(TimerKey(timer.tenant_id, timer.id)) == timer


def test_a_creation_whose_answer_was_lost_counts_as_done_though_the_timer_moved_on(
    dynamo: Stores, table: Table
) -> None:
    timer = a_timer(dynamo.new_tenant())
    armed = apply(timer, Arm(1), NOW_MS).timer
    table.wire.lose_answer("PutItem", meanwhile=lambda: dynamo.timers.replace(timer, armed))

    dynamo.timers.create(timer)

    assert dynamo.timers.get(TimerKey(timer.tenant_id, timer.id)) == armed


def test_a_creation_refused_at_its_second_try_for_anothers_timer_is_refused(dynamo: Stores, table: Table) -> None:
    timer = a_timer(dynamo.new_tenant())
    dynamo.timers.create(timer)
    table.wire.break_off("PutItem")

    with pytest.raises(AlreadyExistsError):
        dynamo.timers.create(timer)


def test_a_change_whose_answer_was_lost_counts_as_done(dynamo: Stores, table: Table) -> None:
    timer = a_timer(dynamo.new_tenant())
    dynamo.timers.create(timer)
    table.wire.lose_answer("UpdateItem")

    dynamo.timers.replace(timer, fired(timer))

    assert table.wire.calls.count("UpdateItem") == 2
    assert dynamo.timers.get(TimerKey(timer.tenant_id, timer.id)) == fired(timer)


def test_a_change_that_another_overtook_at_its_second_try_is_a_mismatch(dynamo: Stores, table: Table) -> None:
    timer = a_timer(dynamo.new_tenant())
    dynamo.timers.create(timer)
    dynamo.timers.replace(timer, apply(timer, Cancel("ops"), NOW_MS).timer)
    table.wire.break_off("UpdateItem")

    with pytest.raises(VersionMismatchError) as raised:
        dynamo.timers.replace(timer, fired(timer))

    assert raised.value.unsure, "its first try may have been written, and overtaken"


def test_the_same_change_made_by_two_is_won_by_one(dynamo: Stores, table: Table) -> None:
    timer = a_timer(dynamo.new_tenant())
    dynamo.timers.create(timer)
    dynamo.timers.replace(timer, fired(timer))
    table.wire.break_off("UpdateItem")

    with pytest.raises(VersionMismatchError):
        dynamo.timers.replace(timer, fired(timer))  # what is stored is the same, but it is not ours


def test_a_mismatch_at_the_first_try_needs_no_second_look(dynamo: Stores, table: Table) -> None:
    timer = a_timer(dynamo.new_tenant())
    dynamo.timers.create(timer)
    dynamo.timers.replace(timer, fired(timer))
    table.wire.calls.clear()

    with pytest.raises(VersionMismatchError) as raised:
        dynamo.timers.replace(timer, fired(timer))
    assert not raised.value.unsure

    assert table.wire.calls == ["UpdateItem"]


REFUSALS = [
    ("com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", 400),
    ("com.amazon.coral.availability#ThrottlingException", 400),
    ("RequestLimitExceeded", 400),
    ("InternalServerError", 500),
    ("ServiceUnavailable", 503),
]


@pytest.mark.parametrize(("code", "status"), REFUSALS)
def test_one_refusal_is_tried_again_unseen(dynamo: Stores, table: Table, code: str, status: int) -> None:
    timer = a_timer(dynamo.new_tenant())
    table.wire.refuse("PutItem", code, status)

    dynamo.timers.create(timer)

    assert dynamo.timers.get(TimerKey(timer.tenant_id, timer.id)) == timer


@pytest.mark.parametrize(("code", "status"), REFUSALS)
def test_refusal_after_refusal_is_said_to_be_the_stores(dynamo: Stores, table: Table, code: str, status: int) -> None:
    table.wire.refuse("GetItem", code, status, times=TRIES)

    with pytest.raises(DependencyUnavailableError) as raised:
        dynamo.timers.get(TimerKey("demo", "x"))

    assert isinstance(raised.value.__cause__, ClientError)


@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem", "GetItem", "Query"])
def test_silence_is_said_to_be_the_stores(dynamo: Stores, table: Table, operation: str) -> None:
    timer = a_timer(dynamo.new_tenant())
    if operation != "PutItem":
        dynamo.timers.create(timer)
    table.wire.break_off(operation, times=TRIES * 8)

    calls: dict[str, Callable[[], object]] = {
        "PutItem": lambda: dynamo.timers.create(timer),
        "UpdateItem": lambda: dynamo.timers.replace(timer, fired(timer)),
        "GetItem": lambda: dynamo.timers.get(TimerKey(timer.tenant_id, timer.id)),
        "Query": lambda: dynamo.timers.page(timer.tenant_id, statuses=frozenset(), limit=5),
    }

    with pytest.raises(DependencyUnavailableError):
        calls[operation]()


@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException", "ResourceNotFoundException"])
def test_a_mistake_of_ours_is_not_hidden(dynamo: Stores, table: Table, code: str) -> None:
    table.wire.refuse("GetItem", code)

    with pytest.raises(ClientError, match=code):
        dynamo.timers.get(TimerKey("demo", "x"))


def test_a_large_payload_is_there_before_its_timer(dynamo: Stores, table: Table) -> None:
    timer = a_timer(dynamo.new_tenant(), metadata={"text": "x" * 1000})
    seen: list[list[str]] = []

    def look() -> None:
        seen.append(sorted(item["pk"]["S"][0] for item in table.items()))

    table.wire.lose_answer("PutItem", meanwhile=look)
    dynamo.timers.create(timer)

    assert seen == [["P"]]
    assert sorted(item["pk"]["S"][0] for item in table.items()) == ["P", "T"]


def test_a_payload_whose_create_got_no_further_is_taken_over_by_the_next_with_its_own_time(
    dynamo: Stores, table: Table
) -> None:
    body = {"metadata": {"text": "x" * 1000}}
    first = replace(a_timer(dynamo.new_tenant(), duration="1h", **body), request="r1")
    table.wire.intercept("PutItem", table.wire.send)
    table.wire.break_off("PutItem", TRIES)
    with pytest.raises(DependencyUnavailableError):
        dynamo.timers.create(first)
    assert [item["pk"]["S"][0] for item in table.items()] == ["P"]
    later = replace(a_timer(first.tenant_id, timer_id=first.id, duration="90d", **body), request="r1")
    dynamo.timers.create(later)
    assert dynamo.timers.get(TimerKey(later.tenant_id, later.id)) == later
    assert int(table.item("P#")["expiresAt"]["N"]) > later.fire_at_ms // 1000 + 30 * 86_400


def test_a_payload_that_its_timer_has_no_more_gets_a_time_and_the_new_one_keeps_its_own(
    dynamo: Stores, table: Table
) -> None:
    timer = with_payload(dynamo, heartbeat=True)
    assert "expiresAt" not in table.item("P#")
    spec = replace(timer.spec, metadata={"text": "y" * 2_000}, revision="v2")
    dynamo.timers.replace(timer, replace(timer, version=2, spec=spec))
    times = {item["sk"]["S"]: "expiresAt" in item for item in table.items() if item["pk"]["S"].startswith("P#")}
    assert times == {"payload": True, "payload#v2": False}


def test_a_timer_that_outlived_its_payload_can_still_be_read(
    dynamo: Stores, table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    timer = a_timer(dynamo.new_tenant(), metadata={"text": "x" * 1000})
    dynamo.timers.create(timer)
    payload = table.item("P#")
    table.client.delete_item(TableName=table.name, Key={"pk": payload["pk"], "sk": payload["sk"]})

    read = dynamo.timers.get(TimerKey(timer.tenant_id, timer.id))
    listed = dynamo.timers.page(timer.tenant_id, statuses=frozenset(), limit=5).items

    assert read is not None
    assert (read.name, read.spec.metadata, read.status) == (timer.name, {}, timer.status)
    assert listed == (read,)
    assert "payload is gone" in caplog.text


def test_an_ended_timer_expires_after_the_retention(dynamo: Stores, table: Table) -> None:
    timer = a_timer(dynamo.new_tenant())
    dynamo.timers.create(timer)
    dynamo.timers.replace(timer, fired(timer))
    assert "expiresAt" not in table.item("T#")
    dynamo.clock.advance_to(timer.fire_at_ms + 5000)

    dynamo.timers.replace(fired(timer), ended(fired(timer)))

    assert int(table.item("T#")["expiresAt"]["N"]) == (timer.fire_at_ms + 5000) // 1000 + 30 * 86_400


def test_a_timer_that_failed_is_kept_as_long_as_its_dead_letters_and_never_while_it_is_redriven(
    dynamo: Stores, table: Table
) -> None:
    timer = a_timer(dynamo.new_tenant(), metadata={"text": "x" * 2_000})
    dynamo.timers.create(timer)
    due = fired(timer)
    dynamo.timers.replace(timer, due)
    dynamo.clock.advance_to(timer.fire_at_ms + 5_000)
    failed = ended(due, outcome="failed")
    dynamo.timers.replace(due, failed)
    letters_end_ms = failed.actions[0].attempts[-1].ended_at_ms + 400 * DAY_MS
    assert int(table.item("T#")["expiresAt"]["N"]) * 1000 >= letters_end_ms - 1_000
    assert (kept_until_ms(table) or 0) > letters_end_ms

    dynamo.clock.advance(399 * DAY_MS)
    redrive = Redrive(action_id="notify", death=0, requested_by="ops")
    redriven = change(dynamo, failed, redrive, dynamo.clock.now_ms())
    assert "expiresAt" not in table.item("T#")
    assert (kept_until_ms(table) or 0) > dynamo.clock.now_ms() + 60 * DAY_MS

    change(dynamo, redriven, outcome_at(redriven, dynamo.clock.now_ms()), dynamo.clock.now_ms())
    assert int(table.item("T#")["expiresAt"]["N"]) == dynamo.clock.now_ms() // 1000 + 30 * 86_400


def outcome_at(timer: Timer, now_ms: int) -> RecordAttempt:
    state = timer.actions[0]
    return RecordAttempt(state.id, Attempt(state.next_attempt, now_ms, now_ms, "succeeded", 200))


def test_a_payload_outlives_the_longest_run_of_its_timer(dynamo: Stores, table: Table) -> None:
    policy = {"maxAttempts": 100, "backoffMaxMs": 604_800_000}
    actions = [{"id": "a", "kind": "webhook", "parameters": {"url": "https://example.com", "body": "x" * 600}}]
    timer = a_timer(dynamo.new_tenant(), actionBundle={"actions": actions, "retryPolicy": policy})

    dynamo.timers.create(timer)

    assert int(table.item("P#")["expiresAt"]["N"]) > timer.fire_at_ms // 1000 + (99 * 7 + 30 + 29) * 86_400


DAY_MS = 86_400_000


def with_payload(dynamo: Stores, **request: Any) -> Timer:
    timer = a_timer(dynamo.new_tenant(), metadata={"text": "x" * 2_000}, **request)
    dynamo.timers.create(timer)
    return timer


def change(dynamo: Stores, timer: Timer, command: Command, at_ms: int = NOW_MS) -> Timer:
    after = apply(timer, command, at_ms).timer
    dynamo.timers.replace(timer, after)
    return after


def kept_until_ms(table: Table) -> int | None:
    found = table.item("P#").get("expiresAt")
    return None if found is None else int(found["N"]) * 1000


@pytest.mark.parametrize(
    "command",
    [
        Extend("ops", by_ms=400 * DAY_MS),
        Reschedule("ops", duration_ms=400 * DAY_MS),
        Snooze("ops", duration_ms=400 * DAY_MS),
    ],
)
def test_the_payload_of_a_timer_that_is_moved_far_outlives_it(dynamo: Stores, table: Table, command: Command) -> None:
    timer = change(dynamo, with_payload(dynamo), command)
    assert (kept_until_ms(table) or 0) > timer.fire_at_ms + 60 * DAY_MS


def test_many_small_moves_never_outrun_the_payload_and_seldom_write_it(dynamo: Stores, table: Table) -> None:
    timer, times = with_payload(dynamo), set()
    for _ in range(90):
        timer = change(dynamo, timer, Extend("ops", by_ms=DAY_MS))
        times.add(kept_until_ms(table))
        assert (kept_until_ms(table) or 0) > timer.fire_at_ms + 60 * DAY_MS
    assert len(times) <= 5


@pytest.mark.parametrize("keep_due_time", [False, True])
def test_the_payload_of_a_paused_timer_stays_for_as_long_as_it_may_be_resumed(
    dynamo: Stores, table: Table, keep_due_time: bool
) -> None:
    timer = change(dynamo, with_payload(dynamo), Pause("ops"))
    assert kept_until_ms(table) is None
    dynamo.clock.advance_to(NOW_MS + 900 * DAY_MS)
    change(dynamo, timer, Resume("ops", keep_due_time=keep_due_time), dynamo.clock.now_ms())
    assert (kept_until_ms(table) or 0) > dynamo.clock.now_ms() + 60 * DAY_MS


def test_the_payload_of_a_heartbeat_timer_stays_until_it_ends(dynamo: Stores, table: Table) -> None:
    timer = with_payload(dynamo, heartbeat=True)
    later_ms = NOW_MS
    for _ in range(3):
        later_ms += 25_000
        beaten = dynamo.timers.beat(TimerKey(timer.tenant_id, timer.id), later_ms)
        assert beaten is not None
        timer = beaten
    assert kept_until_ms(table) is None
    after = fired(timer)
    dynamo.timers.replace(timer, after)
    assert kept_until_ms(table) is None
    dynamo.clock.advance_to(after.fire_at_ms + DAY_MS)
    dynamo.timers.replace(after, ended(after))
    assert kept_until_ms(table) == (after.fire_at_ms + 61 * DAY_MS) // 1000 * 1000


def test_a_paused_timer_that_is_cancelled_gives_its_payload_a_time(dynamo: Stores, table: Table) -> None:
    timer = change(dynamo, with_payload(dynamo), Pause("ops"))
    dynamo.clock.advance_to(NOW_MS + 900 * DAY_MS)
    change(dynamo, timer, Cancel("ops"), dynamo.clock.now_ms())
    assert kept_until_ms(table) == dynamo.clock.now_ms() + 60 * DAY_MS


def test_a_timer_without_a_payload_gets_none_by_being_moved(dynamo: Stores, table: Table) -> None:
    timer = a_timer(dynamo.new_tenant())
    dynamo.timers.create(timer)
    change(dynamo, timer, Extend("ops", by_ms=400 * DAY_MS))
    assert [item["pk"]["S"][:2] for item in table.items()] == ["T#"]


def test_a_payload_that_is_gone_is_not_made_anew_by_a_move(dynamo: Stores, table: Table) -> None:
    timer = with_payload(dynamo)
    lost = table.item("P#")
    table.client.delete_item(TableName=table.name, Key={"pk": lost["pk"], "sk": lost["sk"]})
    change(dynamo, timer, Extend("ops", by_ms=400 * DAY_MS))
    assert [item["pk"]["S"][:2] for item in table.items()] == ["T#"]


def a_batch(dynamo: Stores, number: int = 30, **request: Any) -> list[Timer]:
    tenant = dynamo.new_tenant()
    return [a_timer(tenant, **request) for _ in range(number)]


def stored(dynamo: Stores, timers: list[Timer]) -> list[Timer]:
    return dynamo.timers.get_many([TimerKey(timer.tenant_id, timer.id) for timer in timers])


def leave_out(table: Table, left: Callable[[dict[str, Any]], bool]) -> None:
    """Let the next batch be written without some of its items, and say so."""

    def fault(request: Any) -> Any:
        body = body_of(request)
        ((name, puts),) = body["RequestItems"].items()
        body["RequestItems"] = {name: [put for put in puts if not left(put["PutRequest"]["Item"])]}
        request.body = json.dumps(body).encode()
        request.headers["Content-Length"] = str(len(request.body))
        if body["RequestItems"][name]:
            table.wire.send(request)
        unprocessed = [put for put in puts if left(put["PutRequest"]["Item"])]
        return table.wire.answer(request, {"UnprocessedItems": {name: unprocessed} if unprocessed else {}})

    table.wire.intercept("BatchWriteItem", fault)


def test_what_the_table_has_no_room_for_is_sent_again_after_a_pause(dynamo: Stores, table: Table) -> None:
    timers = a_batch(dynamo)
    began_ms = dynamo.clock.now_ms()
    leave_out(table, lambda item: item["sk"]["S"] in {timer.id for timer in timers[3:9]})
    leave_out(table, lambda item: True)
    assert dynamo.timers.create_many(timers) == {}
    assert len(stored(dynamo, timers)) == 30
    assert table.wire.calls.count("BatchWriteItem") == 3
    assert dynamo.clock.now_ms() - began_ms == PAUSES_MS[0]


def test_what_the_table_takes_at_no_time_is_told_and_the_rest_is_stored(dynamo: Stores, table: Table) -> None:
    timers = a_batch(dynamo, 10)
    for _ in range(len(PAUSES_MS) + 1):
        leave_out(table, lambda item: item["sk"]["S"] in {timers[0].id, timers[4].id})
    refused = dynamo.timers.create_many(timers)
    assert set(refused) == {timers[0].id, timers[4].id}
    assert all(isinstance(error, DependencyUnavailableError) for error in refused.values())
    assert len(stored(dynamo, timers)) == 8


@pytest.mark.parametrize("lost", ["lose_answer", "break_off"])
def test_a_batch_without_an_answer_is_not_sent_twice_and_every_timer_of_it_is_there(
    dynamo: Stores, table: Table, lost: str
) -> None:
    timers = a_batch(dynamo)
    armed = apply(timers[0], Arm(1), NOW_MS).timer
    if lost == "lose_answer":
        table.wire.lose_answer("BatchWriteItem", meanwhile=lambda: dynamo.timers.replace(timers[0], armed))
    else:
        table.wire.break_off("BatchWriteItem")
    assert dynamo.timers.create_many(timers) == {}
    assert table.wire.calls.count("BatchWriteItem") == 2, "one for each twenty-five"
    now = {timer.id: timer for timer in stored(dynamo, timers)}
    assert len(now) == 30
    assert now[timers[0].id] == (armed if lost == "lose_answer" else timers[0]), "it is not put back to its beginning"


def test_a_batch_that_failed_in_the_table_is_not_sent_twice(dynamo: Stores, table: Table) -> None:
    timers = a_batch(dynamo, 3)
    table.wire.refuse("BatchWriteItem", "InternalServerError", 500)
    assert dynamo.timers.create_many(timers) == {}
    assert table.wire.calls.count("BatchWriteItem") == 1
    assert len(stored(dynamo, timers)) == 3


def test_a_batch_that_was_refused_as_a_whole_is_sent_again(dynamo: Stores, table: Table) -> None:
    timers = a_batch(dynamo, 3)
    table.wire.refuse("BatchWriteItem", "ProvisionedThroughputExceededException")
    assert dynamo.timers.create_many(timers) == {}
    assert table.wire.calls.count("BatchWriteItem") == 2
    assert table.wire.calls.count("PutItem") == 0


def test_a_table_that_is_down_is_told_of_every_timer_that_it_did_not_take(dynamo: Stores, table: Table) -> None:
    timers = a_batch(dynamo, 60)
    table.wire.intercept("BatchWriteItem", table.wire.send)
    table.wire.break_off("BatchWriteItem", 5)
    table.wire.break_off("PutItem", 200)
    assert set(dynamo.timers.create_many(timers)) == {timer.id for timer in timers[25:]}


def test_a_timer_whose_payload_was_not_taken_is_not_stored(dynamo: Stores, table: Table) -> None:
    timers = a_batch(dynamo, 3, metadata={"text": "x" * 2_000})
    for _ in range(len(PAUSES_MS) + 1):
        leave_out(table, lambda item: item["pk"]["S"].endswith(timers[1].id))
    assert set(dynamo.timers.create_many(timers)) == {timers[1].id}
    assert sorted(timer.id for timer in stored(dynamo, timers)) == [timers[0].id, timers[2].id]


def test_a_timer_that_is_too_large_is_refused_alone(dynamo: Stores) -> None:
    small, large = a_batch(dynamo, 1), a_batch(dynamo, 1, metadata={"text": "x" * 400_000})
    refused = dynamo.timers.create_many([*small, *large])
    assert {timer_id: type(error) for timer_id, error in refused.items()} == {large[0].id: InvalidTimerError}
    assert stored(dynamo, small) == small


def test_a_refund_whose_answer_was_lost_is_made_once(dynamo: Stores, table: Table) -> None:
    tenant, usage = dynamo.new_tenant(), dynamo.usage
    usage.charge_first(tenant, 1, NOW_MS, active=9)
    usage.charge(tenant, 1, NOW_MS, creates=9, active=9)
    for day, left in ((1, TimersUsed(1, 1, 1, NOW_MS)), (0, TimersUsed(1, 1, 0, NOW_MS))):
        table.wire.lose_answer("UpdateItem")
        usage.refund(tenant, day)
        assert usage.timers(tenant) == left


def test_labels_that_lie_with_their_payloads_are_read_many_at_a_time(dynamo: Stores, table: Table) -> None:
    tenant = dynamo.new_tenant()
    labels = {f"label{number}": "v" * 30 for number in range(30)}
    wanted = [a_timer(tenant, labels=labels, metadata={"text": "x" * 900}) for _ in range(60)]
    dynamo.timers.create_many(wanted)
    table.wire.calls.clear()
    found = dynamo.timers.page(
        tenant, statuses=frozenset(), limit=60, wanted=TimerFilter((LabelTest("label7"), LabelTest("no", negated=True)))
    )
    assert {timer.id for timer in found.items} == {timer.id for timer in wanted}
    assert table.wire.calls.count("GetItem") == 0
    assert table.wire.calls.count("BatchGetItem") <= 2 * SHARDS
