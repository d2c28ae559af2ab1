"""The stack's resources in an emulated AWS, and a record of what is asked of them."""

import json
import re
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from minoots_local.template.model import ACCOUNT, REGION, Template

ROOT = Path(__file__).resolve().parents[2]
FUNCTION_KEY = "AKIAFUNCTION"
# The target header of the JSON protocols: service and operation.
TARGETS = {"DynamoDB_20120810": "dynamodb", "AmazonSQS": "sqs", "AWSEvents": "events"}
# Batches are allowed by the permission for one.
PERMISSIONS = {"sqs:SendMessageBatch": "sqs:SendMessage"}
SCHEDULES = {"POST": "CreateSchedule", "PUT": "UpdateSchedule", "DELETE": "DeleteSchedule", "GET": "GetSchedule"}


@dataclass(frozen=True, slots=True)
class Cloud:
    """An emulated AWS that has the template's table, queues, schedule group and bus.

    Attributes:
        url: Its address.
        stack: The template, resolved.
        recording: File to which the emulator writes each request.
    """

    url: str
    stack: Template
    recording: Path

    def client(self, service: str) -> Any:
        """A client of the test's own."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="AKIATEST",
            aws_secret_access_key="secret",
        )

    def make(self) -> None:
        """Start afresh, with the template's resources and nothing in them."""
        request = urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")
        urllib.request.urlopen(request, timeout=30).close()
        for resource in self.stack.resources.values():
            properties = dict(resource.properties)
            match resource.type:
                case "AWS::DynamoDB::Table":
                    self._make_table(resource.name, properties)
                case "AWS::SQS::Queue":
                    self.client("sqs").create_queue(QueueName=resource.name)
                case "AWS::Scheduler::ScheduleGroup":
                    self.client("scheduler").create_schedule_group(Name=resource.name)
                case "AWS::Events::EventBus":
                    self.client("events").create_event_bus(Name=resource.name)
        self.recording.write_text("", encoding="utf-8")

    def _make_table(self, name: str, properties: Mapping[str, Any]) -> None:
        asked = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        stream = {"StreamEnabled": True, **properties["StreamSpecification"]}
        self.client("dynamodb").create_table(
            TableName=name, StreamSpecification=stream, **{key: properties[key] for key in asked}
        )

    def name(self, logical_id: str) -> str:
        """The physical name of a resource."""
        return self.stack.resources[logical_id].name

    def variables(self, function: str) -> dict[str, str]:
        """A function's environment: what the template gives it, and what Lambda does."""
        declared = self.stack.resources[function].properties["Environment"]["Variables"]
        return {name: str(value) for name, value in declared.items()} | {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": FUNCTION_KEY,
            "AWS_SECRET_ACCESS_KEY": "secret",
        }

    def put_item(self, item: Mapping[str, Any]) -> None:
        """Put an item, in the shape that streams show it in, into the table."""
        self.client("dynamodb").put_item(TableName=self.name("TimersTable"), Item=item)

    def item(self, image: Mapping[str, Any]) -> dict[str, Any]:
        """The item with an image's keys as it is now."""
        key = {name: image[name] for name in ("pk", "sk")}
        found: dict[str, Any] = self.client("dynamodb").get_item(TableName=self.name("TimersTable"), Key=key)
        return found.get("Item", {})

    def messages(self, queue: str) -> list[dict[str, Any]]:
        """Bodies of the messages that can be received from a queue now."""
        received = self.client("sqs").receive_message(QueueUrl=self._queue_url(queue), MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in received.get("Messages", [])]

    def held_back(self, queue: str) -> int:
        """How many messages a queue holds back until their delay is over."""
        name = "ApproximateNumberOfMessagesDelayed"
        found = self.client("sqs").get_queue_attributes(QueueUrl=self._queue_url(queue), AttributeNames=[name])
        return int(found["Attributes"][name])

    def _queue_url(self, queue: str) -> str:
        name = self.name(queue) if queue in self.stack.resources else queue
        return str(self.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])

    def queue_the_bus(self, queue: str) -> None:
        """Have everything that is published on the stack's bus put into a queue."""
        self.client("sqs").create_queue(QueueName=queue)
        events, bus = self.client("events"), self.name("EventBus")
        events.put_rule(Name=queue, EventBusName=bus, EventPattern=json.dumps({"account": [ACCOUNT]}))
        target = {"Id": queue, "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"}
        events.put_targets(Rule=queue, EventBusName=bus, Targets=[target])

    def count(self, prefix: str) -> int:
        """How many items have a partition key that begins so."""
        found = self.client("dynamodb").scan(TableName=self.name("TimersTable"))
        return sum(item["pk"]["S"].startswith(prefix) for item in found["Items"])

    def schedules(self) -> list[dict[str, Any]]:
        """Schedules in the stack's group."""
        found = self.client("scheduler").list_schedules(GroupName=self.name("TimerScheduleGroup"))
        return list(found["Schedules"])

    def used_permissions(self) -> set[str]:
        """IAM actions of every request that a function made since the start."""
        requests = [json.loads(line) for line in self.recording.read_text(encoding="utf-8").splitlines()]
        operations = {_operation(one) for one in requests if FUNCTION_KEY in one["headers"].get("Authorization", "")}
        return {PERMISSIONS.get(operation, operation) for operation in operations}

    def granted_permissions(self, function: str) -> set[str]:
        """IAM actions that the template allows a function."""
        documents: list[Any] = []
        for policy in self.stack.resources[function].properties["Policies"]:
            documents.append(self._managed(policy) if isinstance(policy, str) else policy)
        actions: set[str] = set()
        for document in documents:
            for statement in document["Statement"]:
                listed = statement["Action"]
                actions |= set(listed if isinstance(listed, list) else [listed])
        return actions

    def _managed(self, reference: str) -> Any:
        managed = [one for one in self.stack.resources.values() if one.type == "AWS::IAM::ManagedPolicy"]
        (policy,) = [one for one in managed if reference.endswith(one.name)]
        return policy.properties["PolicyDocument"]


def _operation(request: Mapping[str, Any]) -> str:
    """A recorded request as `service:Operation`."""
    target = request["headers"].get("X-Amz-Target", "")
    if target:
        service, operation = target.split(".", 1)
        return f"{TARGETS[service]}:{operation}"
    assert re.search(r"/schedules/", request["url"]), request["url"]
    return f"scheduler:{SCHEDULES[request['method']]}"
