"""The family of adapters: each suite takes a fixture that runs its tests once per member."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

import boto3
import pytest
from moto import mock_aws

from minoots_kernel.adapters import aws
from minoots_kernel.adapters.dynamodb.audit_store import DynamoAuditStore
from minoots_kernel.adapters.dynamodb.circuit_store import DynamoCircuitStore
from minoots_kernel.adapters.dynamodb.command_template_store import DynamoCommandTemplateStore
from minoots_kernel.adapters.dynamodb.dead_letter_store import DynamoDeadLetterStore
from minoots_kernel.adapters.dynamodb.destination_store import DynamoDestinationStore
from minoots_kernel.adapters.dynamodb.inbox_store import DynamoInboxStore
from minoots_kernel.adapters.dynamodb.key_store import DynamoKeyStore
from minoots_kernel.adapters.dynamodb.parked_record_store import DynamoParkedRecordStore
from minoots_kernel.adapters.dynamodb.policy_store import DynamoPolicyStore
from minoots_kernel.adapters.dynamodb.settings_store import DynamoSettingsStore
from minoots_kernel.adapters.dynamodb.tenant_store import DynamoTenantStore
from minoots_kernel.adapters.dynamodb.timer_store import DynamoTimerStore
from minoots_kernel.adapters.dynamodb.usage_store import DynamoUsageStore
from minoots_kernel.adapters.memory import (
    MemoryAuditStore,
    MemoryCircuitStore,
    MemoryCommandTemplateStore,
    MemoryDeadLetterStore,
    MemoryDestinationStore,
    MemoryInboxStore,
    MemoryKeyStore,
    MemoryParkedRecordStore,
    MemoryPolicyStore,
    MemorySettingsStore,
    MemoryTenantStore,
    MemoryTimerStore,
    MemoryUsageStore,
    VirtualClock,
)
from minoots_kernel.application.agent_ports import CommandTemplateStore, InboxStore
from minoots_kernel.application.audit_ports import AuditStore
from minoots_kernel.application.circuit_ports import CircuitStore
from minoots_kernel.application.identity_ports import KeyStore, TenantStore, UsageStore
from minoots_kernel.application.parking_ports import ParkedRecordStore
from minoots_kernel.application.policy_ports import PolicyStore
from minoots_kernel.application.ports import DeadLetterStore, DestinationStore, TimerStore
from minoots_kernel.application.settings_ports import SettingsStore
from tests.contract.dynamodb_local import UnavailableError, running
from tests.contract.faults import Wire
from tests.contract.tables import make_table
from tests.contract.timers import NOW_MS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

RETENTION_DAYS = 30
AUDIT_DAYS = 400


@dataclass
class Table:
    """A table over the wire, for what only DynamoDB's adapters are asked."""

    client: DynamoDBClient
    name: str
    wire: Wire

    def items(self) -> list[dict[str, Any]]:
        """Return every item."""
        pages = self.client.get_paginator("scan").paginate(TableName=self.name, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def item(self, prefix: str) -> dict[str, Any]:
        """Return the one item whose partition key begins so."""
        (item,) = (item for item in self.items() if item["pk"]["S"].startswith(prefix))
        return item


@dataclass
class Stores:
    """One member of the family of stores.

    Attributes:
        table: The table below; none in memory.
        new_tenant: Names a tenant that nothing was stored for.
    """

    timers: TimerStore
    dead_letters: DeadLetterStore
    destinations: DestinationStore
    circuits: CircuitStore
    keys: KeyStore
    tenants: TenantStore
    usage: UsageStore
    parked: ParkedRecordStore
    inboxes: InboxStore
    templates: CommandTemplateStore
    policies: PolicyStore
    settings: SettingsStore
    audit: AuditStore
    clock: VirtualClock
    table: Table | None
    new_tenant: Callable[[], str]


@pytest.fixture(autouse=True)
def _no_waiting_between_botocores_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))


@pytest.fixture(scope="session")
def boto_session() -> boto3.Session:
    """One session for all clients: it reads the services' descriptions once."""
    return boto3.Session("local", "local", region_name=aws.DEFAULT_REGION)


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch, boto_session: boto3.Session) -> Iterator[None]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        monkeypatch.setattr("boto3.DEFAULT_SESSION", boto_session)
        yield


@pytest.fixture(scope="session")
def dynamodb_local_endpoint() -> Iterator[str]:
    try:
        with running() as endpoint:
            yield endpoint
    except UnavailableError as reason:
        pytest.skip(f"no DynamoDB Local: {reason}")


@pytest.fixture
def moto_table(moto: None) -> Table:
    client = aws.client("dynamodb", {})
    wire = Wire(client, moto=True)
    make_table(client, "timers")
    return Table(client, "timers", wire)


@pytest.fixture
def dynamodb_local_table(
    dynamodb_local_endpoint: str, monkeypatch: pytest.MonkeyPatch, boto_session: boto3.Session
) -> Iterator[Table]:
    monkeypatch.setattr("boto3.DEFAULT_SESSION", boto_session)
    client = aws.client("dynamodb", {"AWS_ENDPOINT_URL": dynamodb_local_endpoint})
    name = f"timers-{next(_numbers)}"
    make_table(client, name)
    yield Table(client, name, Wire(client, moto=False))
    client.delete_table(TableName=name)
    client.close()


_numbers = count(1)


def new_tenant() -> str:
    return f"tenant-{next(_numbers)}"


def _memory() -> Stores:
    timers, clock = MemoryTimerStore(), VirtualClock(NOW_MS)
    return Stores(
        timers=timers,
        dead_letters=MemoryDeadLetterStore(),
        destinations=MemoryDestinationStore(),
        circuits=MemoryCircuitStore(),
        keys=MemoryKeyStore(),
        tenants=MemoryTenantStore(),
        usage=MemoryUsageStore(timers),
        parked=MemoryParkedRecordStore(),
        inboxes=MemoryInboxStore(),
        templates=MemoryCommandTemplateStore(),
        policies=MemoryPolicyStore(),
        settings=MemorySettingsStore(),
        audit=MemoryAuditStore(clock, kept_days=AUDIT_DAYS),
        clock=clock,
        table=None,
        new_tenant=new_tenant,
    )


def _dynamo(table: Table) -> Stores:
    clock = VirtualClock(NOW_MS)
    return Stores(
        timers=DynamoTimerStore(table.client, table.name, retention_days=RETENTION_DAYS, clock=clock),
        dead_letters=DynamoDeadLetterStore(table.client, table.name),
        destinations=DynamoDestinationStore(table.client, table.name),
        circuits=DynamoCircuitStore(table.client, table.name, clock),
        keys=DynamoKeyStore(table.client, table.name),
        tenants=DynamoTenantStore(table.client, table.name),
        usage=DynamoUsageStore(table.client, table.name),
        parked=DynamoParkedRecordStore(table.client, table.name, clock),
        inboxes=DynamoInboxStore(table.client, table.name),
        templates=DynamoCommandTemplateStore(table.client, table.name),
        policies=DynamoPolicyStore(table.client, table.name),
        settings=DynamoSettingsStore(table.client, table.name),
        audit=DynamoAuditStore(table.client, table.name, kept_days=AUDIT_DAYS, clock=clock),
        clock=clock,
        table=table,
        new_tenant=new_tenant,
    )


Member = Literal["memory", "moto", "dynamodb_local"]


def _member(request: pytest.FixtureRequest) -> Stores:
    name: Member = request.param
    return _memory() if name == "memory" else _dynamo(request.getfixturevalue(f"{name}_table"))


@pytest.fixture(params=["memory", "moto", "dynamodb_local"])
def stores(request: pytest.FixtureRequest) -> Stores:
    """Every member of the family."""
    return _member(request)


@pytest.fixture(params=["moto", "dynamodb_local"])
def dynamo(request: pytest.FixtureRequest) -> Stores:
    """The members that are a table."""
    return _member(request)


@pytest.fixture
def table(dynamo: Stores) -> Table:
    assert dynamo.table is not None
    return dynamo.table
