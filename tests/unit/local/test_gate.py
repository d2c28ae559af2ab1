"""Which requests stay in the process, and how they leave their client."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from moto.core.botocore_stubber import MockRawResponse

from minoots_local.aws.account import Account
from minoots_local.aws.gate import AwsGate
from minoots_local.template.model import REGION


@pytest.fixture
def account() -> Iterator[Account]:
    account = Account(AwsGate())
    with account.open():
        yield account


def _header_of(client: Any) -> Any:
    """The signature of the client's next request, which is answered before it can go anywhere."""
    sent: list[AWSPreparedRequest] = []

    def take(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, {}, MockRawResponse(b"{}"))  # type: ignore[arg-type]

    client.meta.events.register_first("before-send", take)
    client.list_tables()
    return sent[0].headers.get("Authorization")


def test_what_stays_in_the_process_goes_unsigned(account: Account) -> None:
    assert _header_of(boto3.client("dynamodb", region_name=REGION)) is None


def test_what_goes_to_an_endpoint_of_its_own_is_signed(account: Account) -> None:
    elsewhere = boto3.client("dynamodb", region_name=REGION, endpoint_url="http://127.0.0.1:1")
    assert b"AWS4-HMAC-SHA256" in _header_of(elsewhere)


def test_a_client_that_outlives_the_gate_signs_again() -> None:
    with Account(AwsGate()).open():
        client = boto3.client("dynamodb", region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")
    assert b"AWS4-HMAC-SHA256" in _header_of(client)
