"""A small stack of toy functions, in this process, for tests of what happens between services."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from minoots_local.local_stack import LocalStack
from minoots_local.settings import LocalSettings
from minoots_local.template.model import ACCOUNT, REGION
from tests.support.receiver import Receiver, receiver
from tests.support.stack_process import HEADERS, StackProcess, stack_process

TOY = Path(__file__).parent / "toy" / "template.yaml"


class Toy:
    """The running toy stack, and its functions' memories."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack
        self.http = httpx.Client(base_url=stack.url, timeout=10)
        for memory in (self.seen, self.batches, self.events):
            memory.clear()

    def module(self, function: str) -> ModuleType:
        return sys.modules[f"minoots_local_function_{function}"]

    @property
    def seen(self) -> list[dict[str, Any]]:
        """Messages that the relay function got."""
        return self.module("RelayFunction").seen

    @property
    def batches(self) -> list[list[dict[str, Any]]]:
        """Batches of stream records that the listening function got."""
        return self.module("ListenFunction").batches

    @property
    def events(self) -> list[dict[str, Any]]:
        """Events that the ticking function got."""
        return self.module("TickFunction").events

    @property
    def records(self) -> list[dict[str, Any]]:
        return [record for batch in self.batches for record in batch]

    def name(self, logical_id: str) -> str:
        return self.stack.template.resources[logical_id].name

    def url(self, logical_id: str) -> str:
        return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self.name(logical_id)}"

    def arn(self, logical_id: str) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name(logical_id)}"

    def client(self, service: str) -> Any:
        return self.stack.client(service)

    def send(self, body: str, queue: str = "WorkQueue", **more: Any) -> None:
        self.client("sqs").send_message(QueueUrl=self.url(queue), MessageBody=body, **more)

    def take(self, queue: str) -> list[dict[str, Any]]:
        answer = self.client("sqs").receive_message(
            QueueUrl=self.url(queue),
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        return list(answer.get("Messages", []))

    def put(self, key: str, **attributes: Any) -> None:
        item = {"pk": {"S": "p"}, "sk": {"S": key}, "kind": {"S": "thing"}, **attributes}
        self.client("dynamodb").put_item(TableName=self.name("ThingsTable"), Item=item)


@pytest.fixture
def start() -> Iterator[Callable[..., Toy]]:
    """Starts toy stacks, one at a time; the last is stopped with the test."""
    running: list[LocalStack] = []

    def stop() -> None:
        while running:
            running.pop().stop()

    def begin(**settings: Any) -> Toy:
        stop()
        chosen = {"port": 0, "aws_port": None, "template": TOY, **settings}
        stack = LocalStack(LocalSettings(**chosen))
        stack.__enter__()
        running.append(stack)
        return Toy(stack)

    yield begin
    stop()


@pytest.fixture
def toy(start: Callable[..., Toy]) -> Iterator[Toy]:
    """A toy stack that keeps nothing."""
    running = start()
    yield running
    running.http.close()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackProcess]:
    """The product's own stack in a process of its own, for all tests of a module."""
    with stack_process(tmp_path_factory.mktemp("stack") / "data") as running:
        yield running


@pytest.fixture
def client(stack: StackProcess) -> Iterator[httpx.Client]:
    """A caller of that stack."""
    with httpx.Client(base_url=stack.url, headers=HEADERS, timeout=20) as made:
        yield made


@pytest.fixture
def hook() -> Iterator[Receiver]:
    """A receiver of webhooks that says 200 until it is told otherwise."""
    with receiver() as running:
        yield running


@pytest.fixture
def environ() -> dict[str, str]:
    """An environment for a stack of its own process."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONWARNINGS": "error::ResourceWarning"}
