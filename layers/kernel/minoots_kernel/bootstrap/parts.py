"""Adapters that several functions are built from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from threading import Lock
from typing import Any

from minoots_kernel.adapters import aws
from minoots_kernel.adapters.dynamodb.audit_store import DynamoAuditStore
from minoots_kernel.adapters.dynamodb.destination_store import DynamoDestinationStore
from minoots_kernel.adapters.dynamodb.timer_store import DynamoTimerStore
from minoots_kernel.adapters.kms import KmsSecretBox
from minoots_kernel.adapters.scheduler import SchedulerWakeSchedules
from minoots_kernel.adapters.sqs import SqsActionQueue, SqsMessageVisibility, SqsWakeQueue
from minoots_kernel.adapters.stepfunctions import StepFunctionsWorkflow
from minoots_kernel.bootstrap import surroundings
from minoots_kernel.config import Settings
from minoots_kernel.domain.targets import AllowedTargets

__all__ = [
    "SCHEDULING",
    "acknowledgement_workflow",
    "action_queue",
    "allowed_targets",
    "audit",
    "client",
    "client_in",
    "destinations",
    "schedules",
    "secret_box",
    "timer_store",
    "visibility",
    "wake_queue",
]

_making = Lock()

SCHEDULING = ("wake_queue_arn", "schedule_group", "schedule_role_arn", "schedule_dlq_arn")
"""The settings that a function needs to make schedules."""


def client(service: aws.Service, env: Mapping[str, str]) -> Any:
    """Return the process's client of a service.

    Clients are safe to share between threads and dear to make (a tenth of a second, ten megabytes), and the local stack
    builds each function many times over.
    """
    with _making:
        return _client(service, env.get("AWS_REGION"), env.get("AWS_ENDPOINT_URL"))


def client_in(service: aws.Service, region: str | None, env: Mapping[str, str]) -> Any:
    """Return the process's client of a service in a Region, which is the function's own without one."""
    return client(service, {**env, "AWS_REGION": region} if region else env)


@cache
def _client(service: aws.Service, region: str | None, endpoint: str | None) -> Any:
    env = {"AWS_REGION": region or "", "AWS_ENDPOINT_URL": endpoint or ""}
    return aws.client(service, env)


def allowed_targets(settings: Settings) -> AllowedTargets:
    """Make what says which targets the deployment allows."""
    return AllowedTargets(
        bus=settings.allowed_buses,
        queue=settings.allowed_queues,
        topic=settings.allowed_topics,
        function=settings.allowed_functions,
        stateMachine=settings.allowed_state_machines,
    )


def timer_store(settings: Settings, env: Mapping[str, str]) -> DynamoTimerStore:
    """Make the store of timers."""
    return DynamoTimerStore(
        client("dynamodb", env), settings.table, retention_days=settings.retention_days, clock=surroundings.clock()
    )


def audit(settings: Settings, env: Mapping[str, str]) -> DynamoAuditStore:
    """Make the audit."""
    return DynamoAuditStore(
        client("dynamodb", env), settings.table, kept_days=settings.audit_days, clock=surroundings.clock()
    )


def destinations(settings: Settings, env: Mapping[str, str]) -> DynamoDestinationStore:
    """Make the store of destinations."""
    return DynamoDestinationStore(client("dynamodb", env), settings.table)


def secret_box(settings: Settings, env: Mapping[str, str]) -> KmsSecretBox:
    """Make what seals and opens secrets."""
    return KmsSecretBox(client("kms", env), settings.secrets_key, surroundings.clock())


def wake_queue(settings: Settings, env: Mapping[str, str]) -> SqsWakeQueue:
    """Make the queue of wake-ups."""
    return SqsWakeQueue(client("sqs", env), settings.wake_queue_url)


def action_queue(settings: Settings, env: Mapping[str, str]) -> SqsActionQueue:
    """Make the queue of attempts."""
    return SqsActionQueue(client("sqs", env), settings.action_queue_url)


def visibility(queue_url: str, env: Mapping[str, str]) -> SqsMessageVisibility:
    """Make what says when a queue delivers again."""
    return SqsMessageVisibility(client("sqs", env), queue_url)


def acknowledgement_workflow(settings: Settings, env: Mapping[str, str]) -> StepFunctionsWorkflow:
    """Make the state machine that waits beside actions; its client is made when it is first needed."""
    return StepFunctionsWorkflow(lambda: client("stepfunctions", env), settings.acknowledgement_machine)


def schedules(settings: Settings, env: Mapping[str, str]) -> SchedulerWakeSchedules:
    """Make the one-shot schedules."""
    return SchedulerWakeSchedules(
        client("scheduler", env),
        group=settings.schedule_group,
        target_arn=settings.wake_queue_arn,
        role_arn=settings.schedule_role_arn,
        dead_letter_arn=settings.schedule_dlq_arn,
    )
