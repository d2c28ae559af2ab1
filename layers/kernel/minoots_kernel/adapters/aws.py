"""Clients of AWS, and the one place where their failures are told apart."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, overload

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError
from botocore.parsers import ResponseParserError

from minoots_kernel.domain.errors import DependencyUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_kms.client import KMSClient
    from mypy_boto3_scheduler.client import EventBridgeSchedulerClient
    from mypy_boto3_sqs.client import SQSClient

__all__ = ["DEFAULT_REGION", "Service", "answering", "client", "error_code", "is_unavailable", "unrepeated"]

DEFAULT_REGION: Final = "us-east-1"

Service = Literal["dynamodb", "events", "kms", "lambda", "scheduler", "sns", "sqs", "stepfunctions"]
"""The services that are called, by their names in boto3."""

_CONFIG: Final = Config(
    # Three tries of a silent service take nine seconds, and the shortest timeout of a function is 20 s; whatever called
    # us is tried again by its queue.
    retries={"mode": "standard", "total_max_attempts": 3},
    connect_timeout=1,
    read_timeout=2,
    max_pool_connections=32,
    tcp_keepalive=True,
    # Every request here has a fixed shape that the conformance suites exercise; checking each costs CPU per call.
    parameter_validation=False,
)

_making: Final = Lock()
"""Clients are safe to share between threads; making them is not."""

_REFUSALS: Final = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "DependencyTimeoutException",
        "KMSInternalException",
        "KeyUnavailableException",
        "LimitExceededException",
        "OverLimit",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceQuotaExceededException",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""Codes of services that refuse for load or lack of room, whatever the HTTP status they come with."""


@overload
def client(service: Literal["dynamodb"], env: Mapping[str, str]) -> DynamoDBClient: ...
@overload
def client(service: Literal["events"], env: Mapping[str, str]) -> EventBridgeClient: ...
@overload
def client(service: Literal["kms"], env: Mapping[str, str]) -> KMSClient: ...
@overload
def client(service: Literal["scheduler"], env: Mapping[str, str]) -> EventBridgeSchedulerClient: ...
@overload
def client(service: Literal["sqs"], env: Mapping[str, str]) -> SQSClient: ...
@overload
def client(service: Literal["lambda", "sns", "stepfunctions"], env: Mapping[str, str]) -> Any: ...
def client(service: Service, env: Mapping[str, str]) -> Any:
    """Make a client with few tries and short timeouts, fit for a function that is billed while it waits.

    Args:
        service: The service's name in boto3.
        env: Settings, of which `AWS_REGION` (default us-east-1) and `AWS_ENDPOINT_URL` are read.
    """
    with _making:
        return boto3.client(
            service,
            region_name=env.get("AWS_REGION") or DEFAULT_REGION,
            endpoint_url=env.get("AWS_ENDPOINT_URL") or None,
            config=_CONFIG,
        )


def error_code(error: ClientError) -> str:
    """Return the service's code of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_unavailable(error: BaseException) -> bool:
    """Tell whether a failure means that the service did not answer or refused for load."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = error_code(error).rpartition("#")[2].rpartition(".")[2]  # SQS says `AWS.SimpleQueueService.<code>`
        return code in _REFUSALS or status == 429 or status >= 500
    # ConnectionError: none was made. HTTPClientError: it broke, or timed out. A proxy's page is no parsable answer.
    return isinstance(error, ConnectionError | HTTPClientError | ResponseParserError)


def unrepeated(client: Any, operation: str) -> None:
    """Keep a client from making calls of an operation again whose outcome is not known: nothing says what came since.

    What the service refused, all of it, is still tried again.
    """
    service = client.meta.service_model.service_id.hyphenize()
    events = client.meta.events
    events.register_first(f"needs-retry.{service}.{operation}", _give_up, unique_id=f"unrepeated {operation}")


def _give_up(response: Any = None, caught_exception: BaseException | None = None, **_: Any) -> None:
    """Raise what botocore would make a call again for."""
    if caught_exception is not None:
        raise caught_exception
    if response is not None and response[0].status_code >= 500:
        raise ClientError(response[1], "unrepeated")


class answering:
    """Turn a dependency's silence or refusal inside the block into `DependencyUnavailableError`.

    Everything else passes: it is a mistake of ours or of the deployment, and trying again would not mend it.
    """

    __slots__ = ("_who",)

    def __init__(self, who: str) -> None:
        self._who = who

    def __enter__(self) -> None:
        """Enter the block."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Translate what the block raised."""
        if error is not None and is_unavailable(error):
            raise DependencyUnavailableError(f"{self._who} did not answer, or refused for load.") from error
