"""Tenants in DynamoDB: one partition for all of them, which each function reads about once a minute for each tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from minoots_kernel.adapters.dynamodb.keys import Item, item_key, storable
from minoots_kernel.adapters.dynamodb.table import ConditionFailedError, Table
from minoots_kernel.application.ports import Page
from minoots_kernel.domain.errors import AlreadyExistsError, InvalidTimerError, VersionMismatchError
from minoots_kernel.domain.tenants import Tenant

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

__all__ = ["DynamoTenantStore"]

_PARTITION: Final = "Y#tenants"


class DynamoTenantStore:
    """The tenant items of a table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)

    def find(self, tenant_id: str) -> Tenant | None:
        """Return the record of a tenant, or none, strongly consistent."""
        item = self._table.get(item_key(_PARTITION, tenant_id)) if storable(tenant_id) else None
        return None if item is None else _from_item(item)

    def create(self, tenant: Tenant) -> None:
        """Store a new record; see the port."""
        try:
            self._table.put_new(_to_item(tenant))
        except ConditionFailedError as error:
            if error.sure or self.find(tenant.id) != tenant:
                raise AlreadyExistsError(f"There is a tenant '{tenant.id}' already.") from error

    def replace(self, before: Tenant, after: Tenant) -> None:
        """Replace a record if it still stands at the version of `before`; see the port."""
        old, new = _to_item(before), _to_item(after)
        names = (old.keys() | new.keys()) - {"pk", "sk"}
        changes: dict[str, Any] = {name: new.get(name) for name in names if old.get(name) != new.get(name)}
        try:
            self._table.change(item_key(_PARTITION, after.id), changes, version=before.version)
        except ConditionFailedError as error:
            if error.sure or self.find(after.id) != after:
                raise VersionMismatchError(f"The tenant '{after.id}' was changed by another request.") from error

    def page(self, *, limit: int, position: str | None = None) -> Page[Tenant]:
        """List the records by id, eventually consistent; see the port."""
        if position is not None and not storable(position):
            raise InvalidTimerError("The cursor is not one of this listing.", (("cursor", "leave it out to begin"),))
        items, last = self._table.query(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": _PARTITION}},
            Limit=limit,
            **({"ExclusiveStartKey": item_key(_PARTITION, position)} if position else {}),
        )
        return Page(tuple(map(_from_item, items)), last["sk"]["S"] if last else None)


def _to_item(tenant: Tenant) -> Item:
    item: Item = {
        **item_key(_PARTITION, tenant.id),
        "kind": {"S": "tenant"},
        "tier": {"S": tenant.tier},
        "createdAt": {"N": str(tenant.created_at_ms)},
        "version": {"N": str(tenant.version)},
    }
    for attribute, text in (("name", tenant.name), ("suspendedReason", tenant.suspended_reason)):
        if text is not None:
            item[attribute] = {"S": text}
    for attribute, number in (("suspendedAt", tenant.suspended_at_ms), ("auditDays", tenant.audit_days)):
        if number is not None:
            item[attribute] = {"N": str(number)}
    return item


def _from_item(item: Item) -> Tenant:
    tier: Any = item["tier"]["S"]
    return Tenant(
        id=item["sk"]["S"],
        tier=tier,
        created_at_ms=int(item["createdAt"]["N"]),
        name=item["name"]["S"] if "name" in item else None,
        suspended_at_ms=int(item["suspendedAt"]["N"]) if "suspendedAt" in item else None,
        suspended_reason=item["suspendedReason"]["S"] if "suspendedReason" in item else None,
        version=int(item["version"]["N"]),
        audit_days=int(item["auditDays"]["N"]) if "auditDays" in item else None,
    )
