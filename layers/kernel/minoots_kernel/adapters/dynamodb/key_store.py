"""API keys in DynamoDB.

A key is one item, found by its id. Beside it an item of the tenant's says that there is such a key; it is what listings
read. That one is written first and removed last: a key that no listing shows could not be found to be revoked.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from minoots_contract.identity import TENANT_ROLES
from minoots_kernel.adapters.dynamodb.compact_json import compact
from minoots_kernel.adapters.dynamodb.keys import Item, item_key, storable
from minoots_kernel.adapters.dynamodb.table import ConditionFailedError, Table
from minoots_kernel.application.ports import Page
from minoots_kernel.domain.api_keys import LAST_USED_INTERVAL_MS, ApiKey, KeySecret
from minoots_kernel.domain.errors import AlreadyExistsError, InvalidTimerError, VersionMismatchError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

__all__ = ["DynamoKeyStore"]


class DynamoKeyStore:
    """The API key items of a table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)

    def find(self, key_id: str) -> ApiKey | None:
        """Return the key of that id, whosever it is, strongly consistent: a new key works at once."""
        item = self._table.get(_key(key_id)) if storable(key_id) else None
        return None if item is None else _from_item(item)

    def create(self, key: ApiKey) -> None:
        """Store a new key; see the port."""
        self._table.put(_listed(key))
        try:
            self._table.put_new(_to_item(key))
        except ConditionFailedError as error:
            if error.sure or self.find(key.id) != key:
                raise AlreadyExistsError(f"There is a key '{key.id}' already.") from error

    def put(self, key: ApiKey) -> None:
        """Store a key, replacing one of the same id; see the port."""
        stored = self.find(key.id)
        used = {"lastUsedAt": _number(stored.last_used_at_ms)} if stored and stored.last_used_at_ms else {}
        self._table.put(_listed(key))
        self._table.put({**_to_item(key), **used})

    def replace(self, before: ApiKey, after: ApiKey) -> None:
        """Replace a key if it still stands at the version of `before`; see the port."""
        old, new = _to_item(before), _to_item(after)
        names = (old.keys() | new.keys()) - {"pk", "sk", "lastUsedAt"}
        changes: dict[str, Any] = {name: new.get(name) for name in names if old.get(name) != new.get(name)}
        try:
            self._table.change(_key(after.id), changes, version=before.version)
        except ConditionFailedError as error:
            stored = None if error.sure else self.find(after.id)
            if stored is None or (stored.version, stored.secrets) != (after.version, after.secrets):
                raise VersionMismatchError(f"The key '{after.id}' was changed by another request.") from error

    def note_use(self, key: ApiKey, now_ms: int) -> None:
        """Take down that a key is used; see the port."""
        try:
            self._table.update(
                _key(key.id),
                UpdateExpression="SET lastUsedAt = :now",
                # Without the first condition a key that was revoked meanwhile would come back as a stump.
                ConditionExpression="attribute_exists(pk) AND (attribute_not_exists(lastUsedAt) OR lastUsedAt <= :old)",
                ExpressionAttributeValues={":now": _number(now_ms), ":old": _number(now_ms - LAST_USED_INTERVAL_MS)},
            )
        except ConditionFailedError:
            return

    def delete(self, key: ApiKey) -> bool:
        """Remove a key; say whether it was there."""
        was_there = self._table.delete(_key(key.id))
        self._table.delete(item_key(f"N#{key.tenant_id}", key.id))
        return was_there

    def page(self, tenant_id: str, *, limit: int, position: str | None = None) -> Page[ApiKey]:
        """List a tenant's keys by id, eventually consistent; see the port."""
        if position is not None and not storable(position):
            raise InvalidTimerError("The cursor is not one of this listing.", (("cursor", "leave it out to begin"),))
        pk = f"N#{tenant_id}"
        arguments = {"ExclusiveStartKey": item_key(pk, position)} if position else {}
        listed, last = self._table.query(
            KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": pk}}, Limit=limit, **arguments
        )
        found = map(_from_item, self._table.get_many(_key(item["sk"]["S"]) for item in listed))
        # The id of a key from a key file may have come to another tenant since.
        mine = sorted((key for key in found if key.tenant_id == tenant_id), key=lambda key: key.id)
        return Page(tuple(mine), last["sk"]["S"] if last else None)


def _key(key_id: str) -> Item:
    return item_key(f"K#{key_id}", "key")


def _listed(key: ApiKey) -> Item:
    return {**item_key(f"N#{key.tenant_id}", key.id), "kind": {"S": "listedKey"}}


def _number(value: int) -> Item:
    return {"N": str(value)}


def _to_item(key: ApiKey) -> Item:
    item: Item = {
        **_key(key.id),
        "kind": {"S": "key"},
        "tenantId": {"S": key.tenant_id},
        "subject": {"S": key.name},
        "roles": {"S": compact(sorted(key.roles))},
        "secrets": {"S": compact([[one.digest, one.until_ms] for one in key.secrets])},
        "createdAt": _number(key.created_at_ms),
        "createdBy": {"S": key.created_by},
        "version": _number(key.version),
    }
    if key.tier is not None:
        item["tier"] = {"S": key.tier}
    for name, instant_ms in (("endsAt", key.expires_at_ms), ("lastUsedAt", key.last_used_at_ms)):
        if instant_ms is not None:
            item[name] = _number(instant_ms)
    return item


def _from_item(item: Item) -> ApiKey:
    """Read a key. One that was put into the table by hand has its digest for an id, a tenant and a subject, no more."""
    key_id = item["pk"]["S"].removeprefix("K#")
    tier: Any = item.get("tier", {}).get("S")
    return ApiKey(
        id=key_id,
        tenant_id=item["tenantId"]["S"],
        name=item["subject"]["S"],
        roles=frozenset(json.loads(item["roles"]["S"])) if "roles" in item else TENANT_ROLES,
        secrets=tuple(KeySecret(*row) for row in json.loads(item["secrets"]["S"]))
        if "secrets" in item
        else (KeySecret(key_id),),
        created_at_ms=int(item.get("createdAt", {}).get("N", 0)),
        created_by=item.get("createdBy", {}).get("S", ""),
        expires_at_ms=int(item["endsAt"]["N"]) if "endsAt" in item else None,
        last_used_at_ms=int(item["lastUsedAt"]["N"]) if "lastUsedAt" in item else None,
        tier=tier,
        version=int(item.get("version", {}).get("N", 1)),
    )
