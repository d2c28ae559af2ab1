"""Delays and faults: the figures that they are drawn from, and what a boto3 client sees of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from statistics import median, quantiles
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from minoots_kernel.adapters.aws import is_unavailable
from minoots_local.aws.account import Account
from minoots_local.aws.gate import AwsGate
from minoots_local.clock import NothingBefore, SystemClock, take_time
from minoots_local.errors import LocalStackError
from minoots_local.model.aws_like import AwsLike
from minoots_local.model.faults import FaultKind, Faults
from minoots_local.model.hops import Hop
from minoots_local.model.settings import FaultRates, ModelSettings
from minoots_local.template.model import REGION

DRAWS = 20_000


class HastyClock(SystemClock):
    """A clock on which every wait is over at once."""

    def __init__(self) -> None:
        self.at_ms = 0.0

    def now_ms(self) -> float:
        return self.at_ms

    def wait(
        self, condition: threading.Condition, until_ms: float | None, nothing_before: NothingBefore | None = None
    ) -> None:
        del condition, nothing_before
        self.at_ms = until_ms or self.at_ms


def drawn(hop: Hop, seed: int = 1, **settings: Any) -> list[float]:
    model = AwsLike(ModelSettings(latencies=True, seed=seed, **settings))
    return [model.delay_ms(hop) for _ in range(DRAWS)]


@pytest.mark.parametrize(
    ("hop", "p50_ms", "p99_ms"), [(Hop.QUEUE, 16, 105), (Hop.STREAM, 213, 552), (Hop.BUS, 148, 387)]
)
def test_a_hop_takes_what_was_published(hop: Hop, p50_ms: float, p99_ms: float) -> None:
    delays = drawn(hop)
    assert median(delays) == pytest.approx(p50_ms, rel=0.05)
    assert quantiles(delays, n=100)[98] == pytest.approx(p99_ms, rel=0.1)
    assert min(delays) > 0


@pytest.mark.parametrize(("hop", "least_ms", "most_ms"), [(Hop.SCHEDULER, 0, 60_000), (Hop.COLD_START, 150, 400)])
def test_a_schedule_and_a_cold_start_take_anything_within_their_bounds(
    hop: Hop, least_ms: float, most_ms: float
) -> None:
    delays, width = drawn(hop), most_ms - least_ms
    assert least_ms <= min(delays) < least_ms + width / 100
    assert most_ms - width / 100 < max(delays) < most_ms
    assert median(delays) == pytest.approx((least_ms + most_ms) / 2, rel=0.05)


def test_the_seed_decides() -> None:
    assert drawn(Hop.QUEUE, seed=1) == drawn(Hop.QUEUE, seed=1)
    assert drawn(Hop.QUEUE, seed=1) != drawn(Hop.QUEUE, seed=2)


def test_environments_can_be_warm_and_nothing_takes_time_unless_asked() -> None:
    assert not any(drawn(Hop.COLD_START, cold_starts=False))
    plain = AwsLike(ModelSettings())
    assert not any(plain.delay_ms(hop) for hop in Hop if hop is not Hop.SECOND_DELIVERY)
    assert not any(plain.is_delivered_again(hop) for hop in Hop)


def test_deliveries_are_repeated_at_the_rate() -> None:
    model = AwsLike(ModelSettings(duplicates=0.05))
    seen = sum(model.is_delivered_again(Hop.QUEUE) for _ in range(DRAWS))
    assert seen / DRAWS == pytest.approx(0.05, rel=0.1)
    assert model.delivered_again[Hop.QUEUE] == seen


@pytest.mark.parametrize("rates", [{"throttles": -0.1}, {"resets": 1.1}, {"throttles": 0.6, "lost_answers": 0.6}])
def test_rates_that_are_none_are_refused(rates: dict[str, float]) -> None:
    with pytest.raises(LocalStackError, match="no rate"):
        FaultRates(**rates)


def test_time_is_taken_until_it_has_passed() -> None:
    clock = HastyClock()
    take_time(clock, 1_500)
    assert clock.now_ms() == 1_500


# What a client sees.

Service = Callable[..., Any]


@pytest.fixture
def account() -> Iterator[Account]:
    account = Account(AwsGate())
    with account.open():
        account.queues.create_queue("q")
        account.schedules.create_schedule_group("g", [])
        account.client("dynamodb").create_table(
            TableName="t",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )
        yield account


def client(service: str, attempts: int = 1) -> Any:
    retries: Any = {"mode": "standard", "total_max_attempts": attempts}
    return boto3.client(service, region_name=REGION, config=Config(retries=retries))  # type: ignore[call-overload]


def put(dynamodb: Any) -> Any:
    return dynamodb.put_item(TableName="t", Item={"pk": {"S": "a"}})


def stored(account: Account) -> bool:
    account.gate.wire = None
    return "Item" in account.client("dynamodb").get_item(TableName="t", Key={"pk": {"S": "a"}})


CALLS: dict[str, tuple[Service, str, int]] = {
    "dynamodb": (put, "ProvisionedThroughputExceededException", 400),
    "sqs": (
        lambda sqs: sqs.send_message(QueueUrl=f"https://sqs.{REGION}.amazonaws.com/123456789012/q", MessageBody="m"),
        "RequestThrottled",
        400,
    ),
    "scheduler": (lambda scheduler: scheduler.delete_schedule(Name="n", GroupName="g"), "ThrottlingException", 429),
    "events": (
        lambda events: events.put_events(Entries=[{"Source": "s", "DetailType": "d", "Detail": "{}"}]),
        "ThrottlingException",
        400,
    ),
}


@pytest.mark.parametrize("service", sorted(CALLS))
def test_each_service_refuses_for_load_in_its_own_words(account: Account, service: str) -> None:
    faults = account.gate.wire = Faults(FaultRates(throttles=1), 0, HastyClock())
    call, code, status = CALLS[service]
    with pytest.raises(ClientError) as refused:
        call(client(service))
    answer = refused.value.response
    assert answer["Error"]["Code"] == code
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    assert is_unavailable(refused.value), "the kernel knows it for what it is"
    assert faults.injected == {FaultKind.THROTTLE: 1}
    if service == "dynamodb":
        assert refused.value.__class__.__name__ == code
        assert not stored(account)


@pytest.mark.parametrize("kind", ["throttles", "resets", "lost_answers"])
def test_every_fault_is_tried_again_by_the_client(account: Account, kind: str) -> None:
    account.gate.wire = faults = Faults(FaultRates(**{kind: 1}), 0, HastyClock())
    with pytest.raises((ClientError, ConnectionClosedError, ReadTimeoutError)):
        put(client("dynamodb", attempts=2))
    assert faults.injected.total() == 2


def test_a_client_that_tries_again_gets_through(account: Account) -> None:
    account.gate.wire = faults = Faults(FaultRates(throttles=0.3), 4, HastyClock())
    dynamodb = client("dynamodb", attempts=10)
    tries = [put(dynamodb)["ResponseMetadata"]["RetryAttempts"] for _ in range(5)]
    assert sum(tries) == faults.injected[FaultKind.THROTTLE]


def test_a_connection_is_closed_before_the_call_is_done(account: Account) -> None:
    account.gate.wire = Faults(FaultRates(resets=1), 0, HastyClock())
    with pytest.raises(ConnectionClosedError, match="dynamodb"):
        put(client("dynamodb"))
    assert not stored(account)


def test_an_answer_is_lost_after_the_call_was_done_at_once_or_in_silence(account: Account) -> None:
    seen = set()
    for seed in range(8):
        clock = HastyClock()
        account.gate.wire = Faults(FaultRates(lost_answers=1), seed, clock)
        with pytest.raises((ConnectionClosedError, ReadTimeoutError)) as lost:
            put(client("dynamodb"))
        seen.add((type(lost.value), clock.now_ms()))
        assert stored(account)
        account.client("dynamodb").delete_item(TableName="t", Key={"pk": {"S": "a"}})
    assert seen == {(ConnectionClosedError, 0.0), (ReadTimeoutError, 2_000.0)}
