"""One suite for both queues: moto's own, and ours that stands in for it."""

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import time_machine
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.sqs.models import sqs_backends

from minoots_local.aws.lean_sqs import LeanSqsBackend
from minoots_local.template.model import ACCOUNT, REGION

START = 1_800_000_000.0


class Queues:
    """Queues of one backend, and the time that they see."""

    def __init__(self, sqs: Any, traveller: Any) -> None:
        self._sqs = sqs
        self._traveller = traveller

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sqs, name)

    def later(self, seconds: float) -> None:
        self._traveller.shift(seconds)

    def make(self, name: str = "q", **attributes: object) -> str:
        texts = {key: str(value) for key, value in attributes.items()}
        return str(self._sqs.create_queue(QueueName=name, Attributes=texts)["QueueUrl"])

    def send(self, url: str, body: str = "hello", **more: Any) -> dict[str, Any]:
        return dict(self._sqs.send_message(QueueUrl=url, MessageBody=body, **more))

    def receive(self, url: str, count: int = 10, **more: Any) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=count, MessageSystemAttributeNames=["All"], **more
        )
        return list(answer.get("Messages", []))

    def counts(self, url: str) -> tuple[int, int, int]:
        """Visible, delayed, in flight."""
        names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
        ]
        found = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        visible, delayed, in_flight = (int(found[name]) for name in names)
        return visible, delayed, in_flight

    def with_dead_letters(self, most: int) -> tuple[str, str]:
        dead = self.make("dead")
        arn = self._sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
        policy = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": most}
        return self.make("q", RedrivePolicy=json.dumps(policy), VisibilityTimeout=5), dead


@pytest.fixture(params=["moto", "lean"])
def queues(request: pytest.FixtureRequest) -> Iterator[Queues]:
    with time_machine.travel(START, tick=False) as traveller, mock_aws():
        if request.param == "lean":
            sqs_backends[ACCOUNT][REGION] = LeanSqsBackend(REGION, ACCOUNT)
        yield Queues(boto3.client("sqs", region_name=REGION), traveller)


def test_messages_are_received_in_the_order_they_were_sent(queues: Queues) -> None:
    url = queues.make()
    for number in range(12):
        queues.send(url, str(number))
    assert [m["Body"] for m in queues.receive(url)] == [str(n) for n in range(10)]
    assert [m["Body"] for m in queues.receive(url)] == ["10", "11"]


def test_a_delayed_message_is_received_once_its_delay_has_passed(queues: Queues) -> None:
    url = queues.make()
    queues.send(url, DelaySeconds=10)
    queues.later(9.9)
    assert queues.receive(url) == []
    assert queues.counts(url) == (0, 1, 0)
    queues.later(0.2)
    assert queues.counts(url) == (1, 0, 0)
    assert len(queues.receive(url)) == 1


def test_the_queue_gives_its_own_delay_to_messages_that_have_none(queues: Queues) -> None:
    url = queues.make(DelaySeconds=5)
    queues.send(url, "queue's")
    queues.send(url, "own", DelaySeconds=0)
    assert [m["Body"] for m in queues.receive(url)] == ["own"]
    queues.later(5.1)
    assert [m["Body"] for m in queues.receive(url)] == ["queue's"]


def test_a_delay_of_more_than_fifteen_minutes_is_refused(queues: Queues) -> None:
    url = queues.make()
    with pytest.raises(ClientError, match="DelaySeconds must be >= 0 and <= 900"):
        queues.send(url, DelaySeconds=901)


def test_a_received_message_is_hidden_for_its_visibility_timeout(queues: Queues) -> None:
    url = queues.make(VisibilityTimeout=30)
    queues.send(url)
    assert len(queues.receive(url)) == 1
    assert queues.counts(url) == (0, 0, 1)
    queues.later(29.9)
    assert queues.receive(url) == []
    queues.later(0.2)
    assert len(queues.receive(url)) == 1


def test_a_receive_may_name_a_visibility_timeout_of_its_own(queues: Queues) -> None:
    url = queues.make(VisibilityTimeout=30)
    queues.send(url)
    queues.receive(url, VisibilityTimeout=2)
    queues.later(2.1)
    assert len(queues.receive(url)) == 1


def test_receives_are_counted_and_the_first_is_remembered(queues: Queues) -> None:
    url = queues.make(VisibilityTimeout=1)
    queues.send(url)
    (first,) = queues.receive(url)
    queues.later(2)
    (second,) = queues.receive(url)
    assert first["Attributes"]["ApproximateReceiveCount"] == "1"
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    when = str(int(START * 1000))
    assert second["Attributes"]["ApproximateFirstReceiveTimestamp"] == when
    assert second["Attributes"]["SentTimestamp"] == when
    assert first["ReceiptHandle"] != second["ReceiptHandle"]


def test_a_deleted_message_does_not_come_back(queues: Queues) -> None:
    url = queues.make(VisibilityTimeout=1)
    queues.send(url)
    (message,) = queues.receive(url)
    queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    queues.later(2)
    assert queues.receive(url) == []
    assert queues.counts(url) == (0, 0, 0)


def test_an_old_receipt_handle_deletes_too(queues: Queues) -> None:
    url = queues.make(VisibilityTimeout=1)
    queues.send(url)
    (first,) = queues.receive(url)
    queues.later(2)
    queues.receive(url)
    queues.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    queues.later(2)
    assert queues.receive(url) == []


def test_deleting_twice_succeeds(queues: Queues) -> None:
    url = queues.make()
    queues.send(url)
    (message,) = queues.receive(url)
    for _ in range(2):
        queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert queues.counts(url) == (0, 0, 0)


def test_deleting_with_a_handle_that_never_was_is_refused(queues: Queues) -> None:
    url = queues.make()
    queues.send(url)
    with pytest.raises(ClientError, match="ReceiptHandleIsInvalid"):
        queues.delete_message(QueueUrl=url, ReceiptHandle="nonsense")


def test_visibility_can_be_extended(queues: Queues) -> None:
    url = queues.make(VisibilityTimeout=5)
    queues.send(url)
    (message,) = queues.receive(url)
    queues.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=60)
    queues.later(59)
    assert queues.receive(url) == []
    queues.later(1.1)
    assert len(queues.receive(url)) == 1


def test_visibility_can_be_given_up(queues: Queues) -> None:
    url = queues.make(VisibilityTimeout=60)
    queues.send(url)
    (message,) = queues.receive(url)
    queues.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    queues.later(0.001)
    assert len(queues.receive(url)) == 1


def test_visibility_beyond_twelve_hours_is_refused(queues: Queues) -> None:
    url = queues.make(VisibilityTimeout=60)
    queues.send(url)
    (message,) = queues.receive(url)
    queues.later(10)
    with pytest.raises(ClientError, match="beyond the limit"):
        queues.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=43_200)


def test_changing_visibility_with_a_handle_that_never_was_is_refused(queues: Queues) -> None:
    url = queues.make()
    with pytest.raises(ClientError, match="ReceiptHandleIsInvalid"):
        queues.change_message_visibility(QueueUrl=url, ReceiptHandle="nonsense", VisibilityTimeout=1)


def test_what_was_received_too_often_goes_to_the_dead_letter_queue(queues: Queues) -> None:
    url, dead = queues.with_dead_letters(2)
    sent = queues.send(url, "poison", MessageGroupId="tenant")
    for _ in range(2):
        assert len(queues.receive(url)) == 1
        queues.later(5.1)
    assert queues.receive(url) == []
    assert queues.counts(url) == (0, 0, 0)
    (message,) = queues.receive(dead)
    assert (message["Body"], message["MessageId"]) == ("poison", sent["MessageId"])
    assert message["Attributes"]["MessageGroupId"] == "tenant"


def test_redriving_one_message_does_not_hold_up_the_next(queues: Queues) -> None:
    url, dead = queues.with_dead_letters(1)
    queues.send(url, "poison")
    queues.receive(url)
    queues.later(5.1)
    queues.send(url, "good")
    assert [m["Body"] for m in queues.receive(url)] == ["good"]
    assert queues.counts(dead)[0] == 1


def test_expired_messages_are_not_handed_over(queues: Queues) -> None:
    url = queues.make(MessageRetentionPeriod=60)
    queues.send(url)
    queues.later(61)
    assert queues.receive(url) == []


def test_message_attributes_are_returned_when_asked_for(queues: Queues) -> None:
    url = queues.make(VisibilityTimeout=0)
    attributes = {
        "Kind": {"DataType": "String", "StringValue": "a"},
        "Kind.More": {"DataType": "Number", "StringValue": "1"},
        "Raw": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
    }
    queues.send(url, MessageAttributes=attributes)
    queues.later(0.001)

    def names(*asked: str) -> set[str]:
        (message,) = queues.receive(url, MessageAttributeNames=list(asked))
        queues.later(0.001)
        return set(message.get("MessageAttributes", {}))

    assert names() == set()
    assert names("Kind") == {"Kind"}
    assert names("Kin.*") == {"Kind", "Kind.More"}
    assert names("All") == set(attributes)


def test_a_standard_queue_keeps_the_message_group(queues: Queues) -> None:
    url = queues.make()
    for tenant in ("a", "a", "b"):
        queues.send(url, tenant, MessageGroupId=tenant)
    groups = [m["Attributes"]["MessageGroupId"] for m in queues.receive(url)]
    assert groups == ["a", "a", "b"], "a fair queue reorders at most, it holds nothing back"


def test_a_quiet_tenants_message_overtakes_the_backlog_of_one_with_much_in_flight() -> None:
    with time_machine.travel(START, tick=False) as traveller, mock_aws():
        sqs_backends[ACCOUNT][REGION] = LeanSqsBackend(REGION, ACCOUNT)
        queues = Queues(boto3.client("sqs", region_name=REGION), traveller)
        url = queues.make(VisibilityTimeout=60)
        for number in range(50):
            queues.send(url, f"noisy {number}", MessageGroupId="noisy")
        in_flight = [message for _ in range(3) for message in queues.receive(url)]
        queues.send(url, "quiet", MessageGroupId="quiet")
        assert [m["Body"] for m in queues.receive(url, 2)] == ["quiet", "noisy 30"]
        for message in in_flight:
            queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        queues.send(url, "quiet again", MessageGroupId="quiet")
        assert queues.receive(url, 1)[0]["Body"] == "noisy 31", "it is noisy no more"


def test_batches_send_change_and_delete(queues: Queues) -> None:
    url = queues.make(VisibilityTimeout=60)
    entries = [{"Id": str(n), "MessageBody": str(n), "DelaySeconds": n} for n in range(3)]
    sent = queues.send_message_batch(QueueUrl=url, Entries=entries)
    assert [entry["Id"] for entry in sent["Successful"]] == ["0", "1", "2"]
    assert queues.counts(url) == (1, 2, 0)
    queues.later(2.1)
    received = queues.receive(url)
    handles = [{"Id": m["Body"], "ReceiptHandle": m["ReceiptHandle"], "VisibilityTimeout": 0} for m in received]
    changed = queues.change_message_visibility_batch(
        QueueUrl=url, Entries=[*handles, {"Id": "x", "ReceiptHandle": "x", "VisibilityTimeout": 1}]
    )
    assert len(changed["Successful"]) == 3
    assert [entry["Id"] for entry in changed["Failed"]] == ["x"]
    deletions = [{"Id": h["Id"], "ReceiptHandle": h["ReceiptHandle"]} for h in handles]
    deleted = queues.delete_message_batch(QueueUrl=url, Entries=[*deletions, {"Id": "x", "ReceiptHandle": "x"}])
    assert len(deleted["Successful"]) == 3
    assert [entry["Id"] for entry in deleted["Failed"]] == ["x"]
    queues.later(1)
    assert queues.counts(url) == (0, 0, 0)


def test_purging_leaves_nothing(queues: Queues) -> None:
    url = queues.make()
    queues.send(url)
    queues.send(url, DelaySeconds=10)
    queues.purge_queue(QueueUrl=url)
    queues.later(11)
    assert queues.counts(url) == (0, 0, 0)
    assert queues.receive(url) == []


def test_attributes_can_be_changed_later(queues: Queues) -> None:
    url = queues.make(VisibilityTimeout=30)
    queues.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "3"})
    queues.send(url)
    queues.receive(url)
    queues.later(3.1)
    assert len(queues.receive(url)) == 1


def test_creating_a_queue_again_is_idempotent_unless_it_differs(queues: Queues) -> None:
    url = queues.make(VisibilityTimeout=30)
    assert queues.make(VisibilityTimeout=30) == url
    with pytest.raises(ClientError, match=r"QueueAlreadyExists|QueueNameExists"):
        queues.make(VisibilityTimeout=31)


def test_the_lean_queue_costs_the_same_with_many_messages() -> None:
    with mock_aws():
        sqs_backends[ACCOUNT][REGION] = backend = LeanSqsBackend(REGION, ACCOUNT)
        backend.create_queue("q", VisibilityTimeout=60)

        def cost(count: int) -> float:
            started = time.process_time()  # other processes may keep the machine busy
            for number in range(count):
                backend.send_message("q", "x", delay_seconds=900 if number % 2 else 0)
            while messages := backend.receive_message("q", 10, 0, 60):
                for message in messages:
                    backend.delete_message("q", message.receipt_handle or "")
            return (time.process_time() - started) / count

        cost(100)
        small, large = cost(500), cost(8000)
    assert large < small * 5
