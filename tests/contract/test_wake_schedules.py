"""What every keeper of schedules does."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from minoots_kernel.adapters import aws
from minoots_kernel.adapters.ids import Uuid7Ids
from minoots_kernel.adapters.memory import MemoryWakeSchedules
from minoots_kernel.adapters.scheduler import SCHEDULE_NAME, SchedulerWakeSchedules
from minoots_kernel.application.ports import WakeSchedules
from minoots_kernel.domain.errors import DependencyUnavailableError
from minoots_kernel.domain.messages import WakeUp
from tests.contract.faults import Wire
from tests.contract.timers import NOW_MS, new_id

pytestmark = pytest.mark.contract

QUEUE_ARN = "arn:aws:sqs:us-east-1:123456789012:wake"
DEAD_LETTER_ARN = "arn:aws:sqs:us-east-1:123456789012:wake-dead"
ROLE_ARN = "arn:aws:iam::123456789012:role/schedules"


@dataclass
class Keeper:
    """One member of the family; `schedules` returns what is kept: name, wake-up, epoch milliseconds."""

    port: WakeSchedules
    schedules: Callable[[], dict[str, tuple[WakeUp, int]]]
    client: Any = None
    wire: Wire | None = None


def _in_memory() -> Keeper:
    port = MemoryWakeSchedules()
    return Keeper(port, lambda: {name: (one.wake_up, one.at_ms) for name, one in port.schedules.items()})


def _on_moto() -> Keeper:
    client = aws.client("scheduler", {})
    client.create_schedule_group(Name="timers")
    wire = Wire(client, moto=True)
    port = SchedulerWakeSchedules(
        client, group="timers", target_arn=QUEUE_ARN, role_arn=ROLE_ARN, dead_letter_arn=DEAD_LETTER_ARN
    )

    def schedules() -> dict[str, tuple[WakeUp, int]]:
        found = {}
        for summary in client.list_schedules(GroupName="timers")["Schedules"]:
            schedule = client.get_schedule(GroupName="timers", Name=summary["Name"])
            match = re.fullmatch(r"at\((.*)\)", schedule["ScheduleExpression"])
            assert match is not None
            at = datetime.strptime(match[1], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
            found[schedule["Name"]] = (WakeUp.from_json(schedule["Target"]["Input"]), int(at.timestamp()) * 1000)
        return found

    return Keeper(port, schedules, client, wire)


@pytest.fixture(params=["memory", "moto"])
def keeper(request: pytest.FixtureRequest) -> Keeper:
    if request.param == "memory":
        return _in_memory()
    request.getfixturevalue("moto")
    return _on_moto()


@pytest.fixture
def scheduler(moto: None) -> Keeper:
    return _on_moto()


def a_wake_up(**changes: Any) -> WakeUp:
    return replace(WakeUp("demo", new_id(), 1, NOW_MS + 86_400_123), **changes)


def test_a_schedule_carries_its_wake_up(keeper: Keeper) -> None:
    first, second = a_wake_up(), a_wake_up(action_id="notify", attempt=4)
    keeper.port.put(first, NOW_MS)
    keeper.port.put(second, NOW_MS + 1000)

    assert keeper.schedules() == {first.name: (first, NOW_MS), second.name: (second, NOW_MS + 1000)}


def test_a_schedule_that_exists_is_left_as_it_is(keeper: Keeper) -> None:
    wake_up = a_wake_up()
    keeper.port.put(wake_up, NOW_MS)

    keeper.port.put(wake_up, NOW_MS + 60_000)

    assert keeper.schedules() == {wake_up.name: (wake_up, NOW_MS)}


def test_each_generation_has_its_own_schedule(keeper: Keeper) -> None:
    first = a_wake_up()
    second = replace(first, generation=2)
    keeper.port.put(first, NOW_MS)
    keeper.port.put(second, NOW_MS)

    keeper.port.delete(first)

    assert list(keeper.schedules()) == [second.name]


def test_a_schedule_is_removed_once_or_more(keeper: Keeper) -> None:
    wake_up = a_wake_up()
    keeper.port.put(wake_up, NOW_MS)

    keeper.port.delete(wake_up)
    keeper.port.delete(wake_up)

    assert keeper.schedules() == {}


def test_a_removed_schedule_can_be_made_again(keeper: Keeper) -> None:
    wake_up = a_wake_up()
    keeper.port.put(wake_up, NOW_MS)
    keeper.port.delete(wake_up)

    keeper.port.put(wake_up, NOW_MS + 5000)

    assert keeper.schedules() == {wake_up.name: (wake_up, NOW_MS + 5000)}


@pytest.mark.parametrize("at_ms", [NOW_MS + 1, NOW_MS + 999])
def test_a_schedule_is_for_a_whole_second(keeper: Keeper, at_ms: int) -> None:
    with pytest.raises(ValueError, match="whole second"):
        keeper.port.put(a_wake_up(), at_ms)

    assert keeper.schedules() == {}


@given(
    action_id=st.none() | st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\Z"),
    generation=st.integers(1, 10**6),
    attempt=st.integers(1, 10**4),
)
def test_every_wake_up_has_a_name_that_scheduler_takes(action_id: str | None, generation: int, attempt: int) -> None:
    wake_up = WakeUp("demo", Uuid7Ids().new_id(), generation, NOW_MS, action_id, attempt if action_id else None)

    assert SCHEDULE_NAME.fullmatch(wake_up.name)


def test_a_name_that_scheduler_would_not_take_is_a_mistake(scheduler: Keeper) -> None:
    with pytest.raises(ValueError, match="no name"):
        scheduler.port.put(a_wake_up(timer_id="a b"), NOW_MS)


def test_a_schedule_fires_once_to_the_second_and_is_gone(scheduler: Keeper) -> None:
    wake_up = a_wake_up()
    scheduler.port.put(wake_up, NOW_MS)

    schedule = scheduler.client.get_schedule(GroupName="timers", Name=wake_up.name)

    assert schedule["ScheduleExpression"] == "at(2027-01-15T08:00:00)"
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["ActionAfterCompletion"] == "DELETE"
    target = schedule["Target"]
    assert (target["Arn"], target["RoleArn"]) == (QUEUE_ARN, ROLE_ARN)
    assert target["DeadLetterConfig"] == {"Arn": DEAD_LETTER_ARN}
    assert 60 <= target["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 86_400
    assert 0 <= target["RetryPolicy"]["MaximumRetryAttempts"] <= 185


def test_a_schedule_whose_making_was_not_answered_is_made(scheduler: Keeper) -> None:
    wake_up = a_wake_up()
    assert scheduler.wire is not None
    scheduler.wire.lose_answer("CreateSchedule")

    scheduler.port.put(wake_up, NOW_MS)

    assert list(scheduler.schedules()) == [wake_up.name]


@pytest.mark.parametrize(
    ("code", "status"),
    [("ThrottlingException", 429), ("ServiceQuotaExceededException", 402), ("InternalServerException", 500)],
)
def test_a_scheduler_that_refuses_is_said_to_be_away(scheduler: Keeper, code: str, status: int) -> None:
    assert scheduler.wire is not None
    scheduler.wire.refuse("CreateSchedule", code, status, times=3)

    with pytest.raises(DependencyUnavailableError):
        scheduler.port.put(a_wake_up(), NOW_MS)


@pytest.mark.parametrize(("code", "status"), [("ResourceNotFoundException", 404), ("ValidationException", 400)])
def test_a_mistake_of_ours_is_not_hidden(scheduler: Keeper, code: str, status: int) -> None:
    assert scheduler.wire is not None
    scheduler.wire.refuse("CreateSchedule", code, status)

    with pytest.raises(ClientError, match=code):
        scheduler.port.put(a_wake_up(), NOW_MS)


def test_schedules_that_are_due_are_taken_once_the_earliest_first() -> None:
    schedules = MemoryWakeSchedules()
    wake_ups = [a_wake_up() for _ in range(3)]
    for wake_up, at_ms in zip(wake_ups, (5000, 2000, 9000), strict=True):
        schedules.put(wake_up, at_ms)

    assert [one.wake_up for one in schedules.take_due(5000)] == [wake_ups[1], wake_ups[0]]
    assert schedules.take_due(5000) == []
    assert list(schedules.schedules) == [wake_ups[2].name]
