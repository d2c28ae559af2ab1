"""Calls of the table that an emulator does not provoke."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import ANY, Stubber

from minoots_kernel.adapters.dynamodb.keys import item_key
from minoots_kernel.adapters.dynamodb.table import MAX_BATCH_TRIES, Table
from minoots_kernel.domain.errors import DependencyUnavailableError


@pytest.fixture
def stub() -> Iterator[Any]:
    client = boto3.client(
        "dynamodb",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with Stubber(client) as stubber:
        yield stubber
    stubber.assert_no_pending_responses()


def keys(numbers: range) -> list[dict[str, Any]]:
    return [item_key("pk", str(number)) for number in numbers]


def expect(stub: Any, asked: list[dict[str, Any]], answered: list[dict[str, Any]]) -> None:
    left = [key for key in asked if key not in answered]
    reply: dict[str, Any] = {"Responses": {"t": answered}}
    if left:
        reply["UnprocessedKeys"] = {"t": {"Keys": left, "ConsistentRead": True}}
    stub.add_response("batch_get_item", reply, {"RequestItems": {"t": {"Keys": asked, "ConsistentRead": True}}})


def test_no_keys_are_no_call(stub: Any) -> None:
    assert Table(stub.client, "t").get_many([]) == []


def test_keys_are_asked_for_a_hundred_at_a_time(stub: Any) -> None:
    expect(stub, keys(range(100)), keys(range(100)))
    expect(stub, keys(range(100, 130)), keys(range(100, 130)))

    assert Table(stub.client, "t").get_many(keys(range(130))) == keys(range(130))


def test_what_an_answer_left_out_is_asked_for_again(stub: Any) -> None:
    expect(stub, keys(range(5)), keys(range(2)))
    expect(stub, keys(range(2, 5)), keys(range(2, 5)))

    assert Table(stub.client, "t").get_many(keys(range(5))) == keys(range(5))


def test_a_table_that_leaves_everything_out_is_away(stub: Any) -> None:
    for _ in range(MAX_BATCH_TRIES):
        expect(stub, keys(range(2)), [])

    with pytest.raises(DependencyUnavailableError):
        Table(stub.client, "t").get_many(keys(range(2)))


def test_a_change_that_only_removes_is_written_too(stub: Any) -> None:
    stub.add_response(
        "update_item",
        {},
        {
            "TableName": "t",
            "Key": ANY,
            "UpdateExpression": "REMOVE #0, #1",
            "ConditionExpression": "#version = :was",
            "ExpressionAttributeNames": {"#0": "a", "#1": "b", "#version": "version"},
            "ExpressionAttributeValues": {":was": {"N": "3"}},
        },
    )

    Table(stub.client, "t").change(item_key("pk", "sk"), {"a": None, "b": None}, version=3)
