"""The stack's functions and resources as the template has them, on moto, with nobody playing between them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from minoots_kernel.bootstrap.seeding import seed_api_keys
from minoots_local.aws.account import Account
from minoots_local.aws.gate import AwsGate
from minoots_local.clock import SystemClock
from minoots_local.functions import LocalFunction
from minoots_local.template.model import Template
from minoots_local.template.reader import read_template

ROOT = Path(__file__).parents[2]
QUEUES = ("WakeQueue", "ActionQueue")


@dataclass
class Cloud:
    """The emulated account, and the means to look into it."""

    account: Account
    template: Template
    published: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        names = {one.logical_id: one.name for one in self.template.of_type("AWS::SQS::Queue")}
        sqs = self.account.client("sqs")
        self._sqs = sqs
        self._urls = {queue: sqs.get_queue_url(QueueName=names[queue])["QueueUrl"] for queue in QUEUES}
        [table] = self.template.of_type("AWS::DynamoDB::Table")
        self._table = table.name
        self.account.buses.listeners.append(lambda _bus, event: self.published.append(event))

    def function(self, logical_id: str) -> LocalFunction:
        functions = self.template.of_type("AWS::Serverless::Function")
        resource = next(one for one in functions if one.logical_id == logical_id)
        return LocalFunction(resource, self.template, SystemClock())

    def invoke(self, logical_id: str, event: dict[str, Any]) -> Any:
        return self.function(logical_id).invoke(event)

    def messages(self, queue: str) -> list[dict[str, Any]]:
        """Every message of a queue, delayed ones too, with its delay."""
        held = self.account.queue(self._urls[queue].rsplit("/", 1)[-1])
        return [json.loads(message.body) for message in held._messages]

    def schedules(self) -> list[dict[str, Any]]:
        client = self.account.client("scheduler")
        found = client.list_schedules()["Schedules"]
        return [client.get_schedule(Name=one["Name"], GroupName=one["GroupName"]) for one in found]

    def store(self, item: dict[str, Any]) -> None:
        self.account.client("dynamodb").put_item(TableName=self._table, Item=item)

    def items(self, prefix: str) -> list[dict[str, Any]]:
        found = self.account.client("dynamodb").scan(TableName=self._table)["Items"]
        return [item for item in found if item["pk"]["S"].startswith(prefix)]

    def status(self, timer_id: str) -> str:
        return next(item["status"]["S"] for item in self.items("T#") if item["sk"]["S"] == timer_id)


@contextmanager
def deployed(**parameters: str) -> Iterator[Cloud]:
    """Make the template's resources, with other values for some of its parameters."""
    with Account(AwsGate()).open() as account:
        template = read_template(ROOT / "template.yaml", {"AllowedPrivateHosts": "127.0.0.0/8"} | parameters)
        account.create(template)
        made = Cloud(account, template)
        seed_api_keys(made.function("ControlPlaneFunction").env, [{"key": "mnt_example", "userId": "demo"}])
        yield made


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with deployed() as made:
        yield made


def event(function: str, case: str) -> dict[str, Any]:
    """An event as the service sends it, from tests/events."""
    loaded: dict[str, Any] = json.loads((ROOT / "tests" / "events" / function / f"{case}.json").read_text())
    return loaded


def images(function: str, case: str) -> list[dict[str, Any]]:
    """The new images of a stream event: items as they were stored."""
    return [record["dynamodb"]["NewImage"] for record in event(function, case)["Records"]]
