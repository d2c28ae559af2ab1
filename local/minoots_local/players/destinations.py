"""Where players send what could not be delivered, and what is delivered to queues."""

import json
from collections.abc import Mapping
from typing import Any

from moto.sqs.models import SQSBackend

from minoots_local.aws.gate import AwsGate
from minoots_local.template.model import arn


class QueueDestination:
    """Sends to one queue without going through an SDK.

    Args:
        gate: Guards the queues.
        sqs: The queues.
        queue_arn: The destination.
    """

    def __init__(self, gate: AwsGate, sqs: SQSBackend, queue_arn: str) -> None:
        self._gate = gate
        self._sqs = sqs
        self._name = queue_arn.rsplit(":", 1)[-1]
        self.exists = queue_arn == arn("sqs", self._name) and self._name in sqs.queues

    def send(
        self,
        body: Mapping[str, Any] | str,
        attributes: Mapping[str, str] | None = None,
        group: str | None = None,
    ) -> None:
        """Send a message, its attributes as strings."""
        text = body if isinstance(body, str) else json.dumps(body)
        with self._gate.lock:
            self._sqs.send_message(
                self._name,
                text,
                message_attributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in (attributes or {}).items()
                },
                group_id=group,
            )
