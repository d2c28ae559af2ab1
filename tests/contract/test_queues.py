"""What every queue does, of wake-ups and of actions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID

from minoots_kernel.adapters import aws
from minoots_kernel.adapters.memory import MemoryActionQueue, MemoryWakeQueue, VirtualClock
from minoots_kernel.adapters.sqs import SqsActionQueue, SqsMessageVisibility, SqsWakeQueue
from minoots_kernel.application.ports import ActionQueue, Delayed, MessageVisibility, WakeQueue
from minoots_kernel.domain.errors import DependencyUnavailableError
from minoots_kernel.domain.messages import ActionMessage, WakeUp
from tests.contract.faults import Wire
from tests.contract.timers import NOW_MS

pytestmark = pytest.mark.contract

Message = WakeUp | ActionMessage


@dataclass
class Queue:
    """One member of the family.

    Attributes:
        make: Makes the message of a number.
        waiting: Returns what is in the queue, with its delay in seconds, in the order of arrival.
        refuse: Lets the next batch lose some of its messages.
    """

    port: Any
    make: Callable[[int], Message]
    waiting: Callable[[], list[tuple[Message, int]]]
    refuse: Callable[[set[Message]], None]
    wire: Wire | None = None

    def send(self, *delays: tuple[int, int]) -> list[tuple[Message, int]]:
        """Send messages by number with their delays, and return those refused."""
        return [(one.message, one.delay_s) for one in self.port.send([Delayed(self.make(n), d) for n, d in delays])]


def wake_up(number: int) -> WakeUp:
    return WakeUp("demo", f"timer-{number}", 1, NOW_MS + number)


def next_attempt(number: int) -> WakeUp:
    return WakeUp("demo", f"timer-{number}", 2, NOW_MS + number, "notify", number + 1)


def action(number: int) -> ActionMessage:
    return ActionMessage(f"tenant-{number % 3}", f"timer-{number}", "notify", number + 1)


def _in_memory(port: MemoryWakeQueue | MemoryActionQueue, make: Callable[[int], Message]) -> Queue:
    def refuse(refused: set[Message]) -> None:
        port.refuses = lambda message: message in refused

    return Queue(port, make, lambda: [(sent.message, (sent.due_at_ms - NOW_MS) // 1000) for sent in port.sent], refuse)


def stored_messages() -> list[Any]:
    """Return what moto holds in the queue, delayed or not: a receive would have to wait out the delays."""
    (queue,) = get_backend("sqs")[DEFAULT_ACCOUNT_ID][aws.DEFAULT_REGION].queues.values()
    return list(queue._messages)


def _on_moto(adapter: type[SqsWakeQueue | SqsActionQueue], make: Callable[[int], Message]) -> Queue:
    client = aws.client("sqs", {})
    url = client.create_queue(QueueName="queue")["QueueUrl"]
    wire = Wire(client, moto=True)
    read = type(make(0)).from_json

    def waiting() -> list[tuple[Message, int]]:
        messages = stored_messages()
        delays = [max(0, round((one.delayed_until - one.sent_timestamp) / 1000)) for one in messages]
        return [(read(one.body), delay) for one, delay in zip(messages, delays, strict=True)]

    def refuse(refused: set[Message]) -> None:
        wire.refuse_entries("SendMessageBatch", lambda entry: read(entry["MessageBody"]) in refused)

    return Queue(adapter(client, url), make, waiting, refuse, wire)


FAMILY: dict[str, tuple[type, type, Callable[[int], Message]]] = {
    "wake-ups": (MemoryWakeQueue, SqsWakeQueue, wake_up),
    "wake-ups of attempts": (MemoryWakeQueue, SqsWakeQueue, next_attempt),
    "actions": (MemoryActionQueue, SqsActionQueue, action),
}


@pytest.fixture(params=list(FAMILY.values()), ids=list(FAMILY))
def kind(request: pytest.FixtureRequest) -> tuple[type, type, Callable[[int], Message]]:
    chosen: tuple[type, type, Callable[[int], Message]] = request.param
    return chosen


@pytest.fixture(params=["memory", "moto"])
def queue(request: pytest.FixtureRequest, kind: tuple[type, type, Callable[[int], Message]]) -> Queue:
    in_memory, sqs, make = kind
    if request.param == "memory":
        return _in_memory(in_memory(VirtualClock(NOW_MS)), make)
    request.getfixturevalue("moto")
    return _on_moto(sqs, make)


@pytest.fixture
def sqs_queue(moto: None, kind: tuple[type, type, Callable[[int], Message]]) -> Queue:
    return _on_moto(kind[1], kind[2])


def test_the_ports_are_met(moto: None) -> None:
    clock = VirtualClock(NOW_MS)
    wake_queues: list[WakeQueue] = [MemoryWakeQueue(clock), SqsWakeQueue(aws.client("sqs", {}), "url")]
    action_queues: list[ActionQueue] = [MemoryActionQueue(clock), SqsActionQueue(aws.client("sqs", {}), "url")]

    assert len(wake_queues) == len(action_queues)


@pytest.mark.parametrize("number", [0, 1, 2, 10, 11, 25])
def test_any_number_of_messages_arrives_as_sent(queue: Queue, number: int) -> None:
    assert queue.send(*((n, 0) for n in range(number))) == []

    assert sorted(queue.waiting(), key=repr) == sorted(((queue.make(n), 0) for n in range(number)), key=repr)


def test_each_message_has_its_own_delay(queue: Queue) -> None:
    queue.send((0, 0), (1, 1), (2, 900))
    queue.send((3, 7))

    assert sorted(queue.waiting(), key=lambda waiting: waiting[1]) == [
        (queue.make(0), 0),
        (queue.make(1), 1),
        (queue.make(3), 7),
        (queue.make(2), 900),
    ]


def test_what_was_refused_is_told_and_the_rest_arrives(queue: Queue) -> None:
    queue.refuse({queue.make(1), queue.make(3)})

    refused = queue.send(*((n, n) for n in range(5)))

    assert refused == [(queue.make(1), 1), (queue.make(3), 3)]
    assert {message for message, _ in queue.waiting()} == {queue.make(0), queue.make(2), queue.make(4)}


def test_ten_messages_are_one_call_and_one_message_is_a_plain_one(sqs_queue: Queue) -> None:
    assert sqs_queue.wire is not None

    sqs_queue.send(*((n, 0) for n in range(21)))

    assert sqs_queue.wire.calls == ["SendMessageBatch", "SendMessageBatch", "SendMessage"]


def test_a_queue_that_is_away_is_said_to_be(sqs_queue: Queue) -> None:
    assert sqs_queue.wire is not None
    sqs_queue.wire.break_off("SendMessageBatch", times=3)

    with pytest.raises(DependencyUnavailableError):
        sqs_queue.send((0, 0), (1, 0))


def test_a_queue_that_goes_away_midway_refuses_the_rest(sqs_queue: Queue) -> None:
    wire = sqs_queue.wire
    assert wire is not None
    wire.refuse_entries("SendMessageBatch", lambda entry: entry["Id"] == "4")
    wire.break_off("SendMessageBatch", times=3)

    refused = sqs_queue.send(*((n, 0) for n in range(25)))

    assert [message for message, _ in refused] == [sqs_queue.make(4), *map(sqs_queue.make, range(10, 25))]


def test_a_queue_that_is_not_there_is_a_mistake(sqs_queue: Queue) -> None:
    assert sqs_queue.wire is not None
    sqs_queue.wire.refuse("SendMessage", "com.amazonaws.sqs#QueueDoesNotExist")

    with pytest.raises(ClientError, match="QueueDoesNotExist"):
        sqs_queue.send((0, 0))


def test_a_message_comes_back_when_it_is_told_to(moto: None) -> None:
    client = aws.client("sqs", {})
    url = client.create_queue(QueueName="queue", Attributes={"VisibilityTimeout": "360"})["QueueUrl"]
    client.send_message(QueueUrl=url, MessageBody="m")
    visibility: MessageVisibility = SqsMessageVisibility(client, url)
    (received,) = client.receive_message(QueueUrl=url)["Messages"]
    visibility.hide(received["ReceiptHandle"], 15)
    (message,) = stored_messages()
    assert 14_000 < message.visible_at - message.approximate_first_receive_timestamp < 120_000, "not the queue's 360 s"


def test_a_message_cannot_be_brought_back_while_the_queue_is_away(moto: None) -> None:
    client = aws.client("sqs", {})
    wire = Wire(client, moto=True)
    wire.break_off("ChangeMessageVisibility", times=3)
    with pytest.raises(DependencyUnavailableError):
        SqsMessageVisibility(client, "https://sqs.us-east-1.amazonaws.com/123456789012/queue").hide("r", 2)


def test_actions_are_grouped_by_tenant_for_fairness(moto: None) -> None:
    queue = _on_moto(SqsActionQueue, action)

    queue.send(*((n, 5) for n in range(4)))
    queue.send((4, 0))

    assert {message.group_id for message in stored_messages()} == {"tenant-0", "tenant-1", "tenant-2"}
    assert all(message.group_id == action_tenant(message.body) for message in stored_messages())


def action_tenant(body: str) -> str:
    return ActionMessage.from_json(body).tenant_id


def test_what_is_due_is_taken_once_the_earliest_first() -> None:
    clock = VirtualClock(NOW_MS)
    queue = MemoryWakeQueue(clock)
    queue.send([Delayed(wake_up(0), 9), Delayed(wake_up(1), 3), Delayed(wake_up(2), 60)])
    assert queue.take_due() == []
    clock.advance(10_000)

    assert [sent.message for sent in queue.take_due()] == [wake_up(1), wake_up(0)]
    assert queue.take_due() == []
    assert queue.messages == [wake_up(2)]
