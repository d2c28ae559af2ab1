"""The emulated AWS account: moto started, its leaner parts installed, the template's resources made."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from moto import mock_aws
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import Item
from moto.events.models import events_backends
from moto.kms.models import kms_backends
from moto.scheduler.models import Schedule, scheduler_backends
from moto.sqs.models import Message, sqs_backends

from minoots_local.aws.direct import DirectTables
from minoots_local.aws.event_buses import Buses
from minoots_local.aws.gate import AwsGate, opened
from minoots_local.aws.keys import create_key, root_secret
from minoots_local.aws.lean_queue import LeanQueue
from minoots_local.aws.lean_sqs import LeanSqsBackend
from minoots_local.aws.lean_table import LeanDynamoBackend
from minoots_local.aws.schedule_book import ScheduleBook
from minoots_local.aws.write_path import outbox_of
from minoots_local.clock import Clock
from minoots_local.ledger import TableHistory
from minoots_local.template.model import ACCOUNT, REGION, Resource, Template
from minoots_local.template.registry import STREAM_LABEL

_QUEUE_ATTRIBUTES = (
    "DelaySeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "VisibilityTimeout",
)


class _NoMemory(list[Any]):
    """Stands in for moto's lists of every instance ever made, which would never let go of them."""

    def append(self, _instance: Any) -> None:
        """Forget it."""


class Account:
    """One emulated account and region.

    Args:
        gate: What every call passes through.
        clock: Time; the machine's own by default.

    Attributes:
        gate: What every call passes through.
        tables: DynamoDB.
        queues: SQS.
        schedules: EventBridge Scheduler.
        buses: EventBridge.
    """

    def __init__(self, gate: AwsGate, clock: Clock | None = None) -> None:
        self.gate = gate
        self.tables = LeanDynamoBackend(REGION, ACCOUNT)
        self.queues = LeanSqsBackend(REGION, ACCOUNT, gate.lock, clock)
        self.schedules = ScheduleBook(REGION, ACCOUNT)
        self.buses = Buses(REGION, ACCOUNT)
        gate.direct = DirectTables(self.tables)

    @contextlib.contextmanager
    def open(self) -> Iterator["Account"]:
        """Answer every AWS call of this process from here."""
        mock = mock_aws(config={"stepfunctions": {"execute_state_machine": True}})
        mock.start()
        try:
            dynamodb_backends[ACCOUNT][REGION] = self.tables
            sqs_backends[ACCOUNT][REGION] = self.queues
            scheduler_backends[ACCOUNT][REGION] = self.schedules
            events_backends[ACCOUNT][REGION] = self.buses
            for model in (Item, Message, Schedule):
                setattr(model, "instances_tracked", _NoMemory())  # noqa: B010 - a metaclass's attribute
            with opened(self.gate):
                yield self
        finally:
            mock.stop()

    def client(self, service: str) -> Any:
        """A boto3 client of this account."""
        # Unsigned, as nothing here checks signatures, which are a third of a call's cost.
        config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
        return boto3.client(service, region_name=REGION, config=config)  # type: ignore[call-overload]

    def queue(self, queue_arn_or_name: str) -> LeanQueue:
        """A queue by its name or ARN.

        Raises:
            KeyError: There is none.
        """
        queue = self.queues.queues[queue_arn_or_name.rsplit(":", 1)[-1]]
        assert isinstance(queue, LeanQueue)
        return queue

    def create(self, template: Template, data: Path | None = None) -> None:
        """Make the template's resources.

        Args:
            template: What to make.
            data: Directory of the journal, where KMS keys keep what they are made of; None forgets it with the process.
        """
        if keys := template.of_type("AWS::KMS::Key"):
            root = root_secret(data)
            for key in keys:
                create_key(kms_backends[ACCOUNT][REGION], key.logical_id, key.properties.get("Description", ""), root)
        for table in template.of_type("AWS::DynamoDB::Table"):
            self._create_table(table)
        queues = template.of_type("AWS::SQS::Queue")
        # A queue that others redrive to must be there first.
        for queue in sorted(queues, key=lambda queue: "RedrivePolicy" in queue.properties):
            attributes = {name: queue.properties[name] for name in _QUEUE_ATTRIBUTES if name in queue.properties}
            self.queues.create_queue(queue.name, **attributes)
        for group in template.of_type("AWS::Scheduler::ScheduleGroup"):
            self.schedules.create_schedule_group(group.name, [])
        for bus in template.of_type("AWS::Events::EventBus"):
            self.buses.create_event_bus(bus.name)

    def restore(self, histories: Mapping[str, TableHistory]) -> None:
        """Put what an earlier run left back in place, without a trace in the streams."""
        for name, history in histories.items():
            table = self.tables.lean_tables[name]
            table.load(history.items.values())
            outbox_of(table).stream.restore(list(history.unread), history.next_number)

    def _create_table(self, resource: Resource) -> None:
        properties = resource.properties
        stream = properties.get("StreamSpecification")
        request = {
            "TableName": resource.name,
            "AttributeDefinitions": properties["AttributeDefinitions"],
            "KeySchema": properties["KeySchema"],
            "BillingMode": "PAY_PER_REQUEST",
        }
        if indexes := properties.get("GlobalSecondaryIndexes"):
            request["GlobalSecondaryIndexes"] = indexes
        if stream:
            request["StreamSpecification"] = {"StreamEnabled": True, **stream}
        client = self.client("dynamodb")
        client.create_table(**request)
        table = self.tables.lean_tables[resource.name]
        if stream:
            table.latest_stream_label = STREAM_LABEL
            outbox_of(table).stream.enabled = True
        if ttl := properties.get("TimeToLiveSpecification"):
            self.tables.update_time_to_live(resource.name, ttl)
        if recovery := properties.get("PointInTimeRecoverySpecification"):
            self.tables.update_continuous_backups(resource.name, recovery)
