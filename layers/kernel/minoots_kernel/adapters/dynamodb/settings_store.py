"""Settings in DynamoDB."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from minoots_kernel.adapters.dynamodb.compact_json import compact
from minoots_kernel.adapters.dynamodb.keys import Item, item_key
from minoots_kernel.adapters.dynamodb.spec_codec import policy_from_row, policy_to_row
from minoots_kernel.adapters.dynamodb.table import ConditionFailedError, Table
from minoots_kernel.domain.errors import VersionMismatchError
from minoots_kernel.domain.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

__all__ = ["DynamoSettingsStore"]


class DynamoSettingsStore:
    """The settings items of a table, one for each tenant."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)

    def get(self, tenant_id: str) -> Settings | None:
        """Return a tenant's settings; none if nothing was ever settled."""
        item = self._table.get(_key(tenant_id))
        return None if item is None else _from_item(item)

    def put(self, settings: Settings) -> None:
        """Store settings if those that stand are one version behind; see the port."""
        key, item = _key(settings.tenant_id), _to_item(settings)
        try:
            if settings.version == 1:
                self._table.put_new(item)
            else:
                changes = {name: value for name, value in item.items() if name not in key}
                self._table.change(key, changes, version=settings.version - 1)
        except ConditionFailedError as error:
            if error.sure or self.get(settings.tenant_id) != settings:
                raise VersionMismatchError("The settings were changed by another request.") from error


def _key(tenant_id: str) -> Item:
    return item_key(f"S#{tenant_id}", "settings")


def _to_item(settings: Settings) -> Item:
    return {
        **_key(settings.tenant_id),
        "kind": {"S": "settings"},
        "version": {"N": str(settings.version)},
        "updatedAt": {"N": str(settings.updated_at_ms or 0)},
        "retry": {"S": compact(policy_to_row(settings.retry_policy))},
    }


def _from_item(item: Item) -> Settings:
    return Settings(
        tenant_id=item["pk"]["S"].partition("#")[2],
        retry_policy=policy_from_row(json.loads(item["retry"]["S"])),
        version=int(item["version"]["N"]),
        updated_at_ms=int(item["updatedAt"]["N"]),
    )
