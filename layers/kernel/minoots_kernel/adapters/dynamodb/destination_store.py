"""Destinations in DynamoDB."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from minoots_contract.destinations import UNNAMED_PREFIX
from minoots_kernel.adapters.dynamodb.compact_json import compact
from minoots_kernel.adapters.dynamodb.keys import DAY_S, Item, destination_key, storable
from minoots_kernel.adapters.dynamodb.table import ConditionFailedError, Table
from minoots_kernel.application.ports import Page
from minoots_kernel.domain.circuits import NO_LIMITS, Limits, Pace
from minoots_kernel.domain.destinations import Destination, SigningSecret
from minoots_kernel.domain.errors import AlreadyExistsError, InvalidTimerError, VersionMismatchError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

__all__ = ["DynamoDestinationStore"]

UNNAMED_RETENTION_S: Final = 90 * DAY_S
"""How long a URL that nobody named stays disabled: URLs made for one delivery would otherwise pile up for ever."""


class DynamoDestinationStore:
    """The destination items of a table, one partition per tenant."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)

    def get_many(self, tenant_id: str, names: Sequence[str]) -> dict[str, Destination]:
        """Return those of the destinations that exist, by name."""
        keys = [destination_key(tenant_id, name) for name in dict.fromkeys(names) if storable(name)]
        if len(keys) == 1:
            item = self._table.get(keys[0])
            found = [] if item is None else [item]
        else:
            found = self._table.get_many(keys)
        return {one.name: one for one in map(_from_item, found)}

    def create(self, destination: Destination) -> None:
        """Store a new destination; see the port."""
        try:
            self._table.put_new(_to_item(destination))
        except ConditionFailedError as error:
            if error.sure or not self._stands(destination):
                raise AlreadyExistsError(f"There is a destination '{destination.name}' already.") from error

    def replace(self, before: Destination, after: Destination) -> None:
        """Replace a destination if it still stands at the version of `before`; see the port."""
        key = destination_key(after.tenant_id, after.name)
        old, new = _to_item(before), _to_item(after)
        names = (old.keys() | new.keys()) - key.keys()
        changes: dict[str, Any] = {name: new.get(name) for name in names if old.get(name) != new.get(name)}
        try:
            self._table.change(key, changes, version=before.version)
        except ConditionFailedError as error:
            if error.sure or not self._stands(after):
                raise VersionMismatchError(f"'{after.name}' was changed by another request.") from error

    def delete(self, tenant_id: str, name: str) -> bool:
        """Remove a destination; say whether there was one."""
        return storable(name) and self._table.delete(destination_key(tenant_id, name))

    def page(self, tenant_id: str, *, limit: int, position: str | None = None) -> Page[Destination]:
        """List a tenant's destinations by name, eventually consistent; see the port."""
        if position is not None and not storable(position):
            raise InvalidTimerError("The cursor is not one of this listing.", (("cursor", "leave it out to begin"),))
        after = "" if position is None else " AND sk > :after"
        values: Item = {":pk": destination_key(tenant_id, "-")["pk"]}
        if position is not None:
            values[":after"] = {"S": position}
        items, last = self._table.query(
            KeyConditionExpression=f"pk = :pk{after}", ExpressionAttributeValues=values, Limit=limit
        )
        return Page(tuple(map(_from_item, items)), last["sk"]["S"] if last else None)

    def _stands(self, destination: Destination) -> bool:
        """Say whether our own write is what made a repeated one fail."""
        return self.get_many(destination.tenant_id, [destination.name]).get(destination.name) == destination


def _to_item(destination: Destination) -> Item:
    item: Item = {
        **destination_key(destination.tenant_id, destination.name),
        "kind": {"S": "destination"},
        "version": {"N": str(destination.version)},
        "createdAt": {"N": str(destination.created_at_ms)},
        "updatedAt": {"N": str(destination.updated_at_ms)},
        "secrets": {
            "S": compact([[one.id, one.created_at_ms, one.sealed, one.expires_at_ms] for one in destination.secrets])
        },
    }
    for attribute, text in (
        ("url", destination.url),
        ("sealedAuth", destination.sealed_auth),
        ("disabledReason", destination.disabled_reason),
    ):
        if text is not None:
            item[attribute] = {"S": text}
    if destination.auth_names:
        item["authNames"] = {"S": compact(list(destination.auth_names))}
    if destination.disabled_at_ms is not None:
        item["disabledAt"] = {"N": str(destination.disabled_at_ms)}
    if destination.limits != NO_LIMITS:
        pace = destination.limits.pace
        row = [pace and pace.per_second, pace and pace.burst, destination.limits.max_in_flight]
        item["limits"] = {"S": compact(row)}
    if destination.name.startswith(UNNAMED_PREFIX):
        item["expiresAt"] = {"N": str(destination.updated_at_ms // 1000 + UNNAMED_RETENTION_S)}
    return item


def _from_item(item: Item) -> Destination:
    return Destination(
        tenant_id=item["pk"]["S"].partition("#")[2],
        name=item["sk"]["S"],
        url=item["url"]["S"] if "url" in item else None,
        created_at_ms=int(item["createdAt"]["N"]),
        updated_at_ms=int(item["updatedAt"]["N"]),
        secrets=tuple(SigningSecret(*row) for row in json.loads(item["secrets"]["S"])),
        auth_names=tuple(json.loads(item["authNames"]["S"])) if "authNames" in item else (),
        sealed_auth=item["sealedAuth"]["S"] if "sealedAuth" in item else None,
        version=int(item["version"]["N"]),
        disabled_at_ms=int(item["disabledAt"]["N"]) if "disabledAt" in item else None,
        disabled_reason=item["disabledReason"]["S"] if "disabledReason" in item else None,
        limits=_limits(item["limits"]["S"]) if "limits" in item else NO_LIMITS,
    )


def _limits(text: str) -> Limits:
    per_second, burst, max_in_flight = json.loads(text)
    return Limits(None if per_second is None else Pace(per_second, burst), max_in_flight)
