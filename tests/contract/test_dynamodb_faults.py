"""What the table's stores make of lost answers, refusals and silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

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
from minoots_kernel.domain.errors import AlreadyExistsError, DependencyUnavailableError, VersionMismatchError
from minoots_kernel.domain.timer import Attempt, Timer
from minoots_kernel.domain.transitions import apply
from tests.contract.conftest import Stores, Table
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
