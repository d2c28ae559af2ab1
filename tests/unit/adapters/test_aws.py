"""Clients, and the telling apart of failures."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from minoots_kernel.adapters import aws
from minoots_kernel.domain.errors import DependencyUnavailableError

URL = "https://dynamodb.us-east-1.amazonaws.com"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)


def client_error(code: str, status: int) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "PutItem",
    )


AWAY = [
    EndpointConnectionError(endpoint_url=URL),
    ConnectTimeoutError(endpoint_url=URL),
    ReadTimeoutError(endpoint_url=URL),
    ConnectionClosedError(endpoint_url=URL),
    ResponseParserError("no JSON"),
    client_error("ProvisionedThroughputExceededException", 400),
    client_error("ThrottlingException", 400),
    client_error("RequestThrottled", 403),
    client_error("AWS.SimpleQueueService.RequestThrottled", 403),
    client_error("com.amazon.coral.availability#ThrottlingException", 400),
    client_error("ServiceQuotaExceededException", 402),
    client_error("InternalError", 500),
    client_error("503", 503),
    client_error("Whatever", 429),
]
OURS = [
    client_error("ConditionalCheckFailedException", 400),
    client_error("AccessDeniedException", 400),
    client_error("ValidationException", 400),
    client_error("ExpiredTokenException", 400),
    client_error("AWS.SimpleQueueService.NonExistentQueue", 400),
    ClientError({}, "PutItem"),
    NoCredentialsError(),
    ParamValidationError(report="r"),
    KeyError("pk"),
]


@pytest.mark.parametrize("error", AWAY, ids=repr)
def test_silence_and_refusal_become_one_error_with_its_cause(error: Exception) -> None:
    with (
        pytest.raises(DependencyUnavailableError, match="The table did not answer") as raised,
        aws.answering("The table"),
    ):
        raise error

    assert raised.value.__cause__ is error


@pytest.mark.parametrize("error", OURS, ids=repr)
def test_everything_else_passes(error: Exception) -> None:
    with pytest.raises(type(error)) as raised, aws.answering("The table"):
        raise error

    assert raised.value is error


def test_the_detail_for_callers_says_nothing_of_the_inside() -> None:
    with pytest.raises(DependencyUnavailableError) as raised, aws.answering("The table"):
        raise EndpointConnectionError(endpoint_url="http://10.0.0.7:8000/secret")

    assert "10.0.0.7" not in raised.value.detail


def test_a_client_honours_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)

    plain = aws.client("sqs", {})
    local = aws.client("dynamodb", {"AWS_REGION": "eu-west-3", "AWS_ENDPOINT_URL": "http://127.0.0.1:8000"})
    empty = aws.client("events", {"AWS_REGION": "", "AWS_ENDPOINT_URL": ""})

    assert (plain.meta.region_name, plain.meta.endpoint_url) == ("us-east-1", "https://sqs.us-east-1.amazonaws.com")
    assert (local.meta.region_name, local.meta.endpoint_url) == ("eu-west-3", "http://127.0.0.1:8000")
    assert (empty.meta.region_name, empty.meta.endpoint_url) == (
        "us-east-1",
        "https://events.us-east-1.amazonaws.com",
    )


def test_a_client_gives_up_within_a_functions_time() -> None:
    config: Any = aws.client("scheduler", {}).meta.config

    assert config.retries == {"mode": "standard", "total_max_attempts": 3}
    assert (config.connect_timeout, config.read_timeout, config.max_pool_connections) == (1, 2, 32)
