"""API keys in DynamoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minoots_kernel.adapters.dynamodb.keys import item_key
from minoots_kernel.adapters.dynamodb.table import Table
from minoots_kernel.domain.tenancy import Principal

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

__all__ = ["DynamoKeyStore"]


class DynamoKeyStore:
    """The API key items of a table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)

    def find(self, digest: str) -> Principal | None:
        """Return whom the key with this digest (lower-case hex) stands for, eventually consistent."""
        item = self._table.get(item_key(f"K#{digest}", "key"), consistent=False)
        if item is None:
            return None
        return Principal(item["tenantId"]["S"], item["subject"]["S"], item["tier"]["S"])

    def put(self, digest: str, principal: Principal) -> None:
        """Store a key, replacing one of the same digest."""
        self._table.put(
            {
                **item_key(f"K#{digest}", "key"),
                "kind": {"S": "key"},
                "tenantId": {"S": principal.tenant_id},
                "subject": {"S": principal.subject},
                "tier": {"S": principal.tier},
            }
        )
