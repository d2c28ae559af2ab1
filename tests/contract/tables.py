"""The table of the template, made wherever a test needs it: tests and deployment read one description."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

ROOT = Path(__file__).resolve().parents[2]


@cache
def description() -> dict[str, Any]:
    template = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    properties: dict[str, Any] = template["Resources"]["TimersTable"]["Properties"]
    return properties


def make_table(client: DynamoDBClient, name: str) -> None:
    """Make the table as CloudFormation would; backups and encryption are no part of what an emulator does."""
    properties = description()
    # On a busy machine the first answer may come too late, and the client's repeat finds the table that it made itself.
    with suppress(client.exceptions.ResourceInUseException):
        client.create_table(
            TableName=name,
            BillingMode=properties["BillingMode"],
            AttributeDefinitions=properties["AttributeDefinitions"],
            KeySchema=properties["KeySchema"],
            GlobalSecondaryIndexes=properties["GlobalSecondaryIndexes"],
            StreamSpecification=properties["StreamSpecification"] | {"StreamEnabled": True},
        )
