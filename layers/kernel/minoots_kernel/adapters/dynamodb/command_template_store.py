"""Command templates in DynamoDB.

A version is an item of its own, written once. Beside the versions an item per name says which is the latest; it is
what listings read. A version is written first and made the latest next; whoever finds one that nobody made the latest,
because its writer died or is not done yet, does that before writing the next.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from pydantic import JsonValue

from minoots_kernel.adapters.dynamodb.compact_json import compact
from minoots_kernel.adapters.dynamodb.keys import Item, item_key, storable
from minoots_kernel.adapters.dynamodb.table import ConditionFailedError, Table
from minoots_kernel.application.ports import Page
from minoots_kernel.domain.argument_schemas import Schema
from minoots_kernel.domain.command_templates import CommandTemplate
from minoots_kernel.domain.errors import DependencyUnavailableError, InvalidTimerError
from minoots_kernel.domain.guards import check_version

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

__all__ = ["DynamoCommandTemplateStore"]

MAX_TRIES: Final = 20


class DynamoCommandTemplateStore:
    """The command template items of a table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)

    def put(
        self,
        tenant_id: str,
        name: str,
        body: JsonValue,
        *,
        description: str | None,
        now_ms: int,
        arguments_schema: Schema | None = None,
        versions: frozenset[int] | None = None,
    ) -> CommandTemplate:
        """Store the next version of a name, and make it the latest; see the port.

        Raises:
            VersionMismatchError: If the latest is none of the versions.
            DependencyUnavailableError: If others store versions of this name without end.
        """
        for _ in range(MAX_TRIES):
            latest = self._latest_version(tenant_id, name)
            check_version(latest, versions)
            template = CommandTemplate(name, latest + 1, body, description, now_ms, arguments_schema)
            try:
                self._table.put_new(_to_item(tenant_id, template))
            except ConditionFailedError:
                self._make_latest(tenant_id, name, latest)
                continue
            self._make_latest(tenant_id, name, latest)
            return template
        raise DependencyUnavailableError(f"Others keep storing versions of '{name}'.")

    def latest(self, tenant_id: str, name: str) -> CommandTemplate | None:
        """Return the latest version; none if the name was never stored, or is deleted."""
        pointer = self._table.get(_pointer_key(tenant_id, name)) if storable(name) else None
        if pointer is None or "deleted" in pointer:
            return None
        return self.get(tenant_id, name, int(pointer["version"]["N"]))

    def get(self, tenant_id: str, name: str, version: int | None) -> CommandTemplate | None:
        """Return a version, also of a name that is deleted; see the port."""
        if not storable(name):
            return None
        number = version or self._latest_version(tenant_id, name)
        item = self._table.get(_version_key(tenant_id, name, number))
        return None if item is None else _from_item(item, name)

    def page(self, tenant_id: str, *, limit: int, position: str | None = None) -> Page[CommandTemplate]:
        """List the latest versions of a tenant's names, by name, eventually consistent.

        Raises:
            InvalidTimerError: If the position is none that a page ever named.
        """
        if position is not None and not storable(position):
            raise InvalidTimerError("The cursor is not one of this listing.", (("cursor", "leave it out to begin"),))
        pk = f"C#{tenant_id}"
        arguments = {"ExclusiveStartKey": item_key(pk, position)} if position else {}
        pointers, last = self._table.query(
            KeyConditionExpression="pk = :pk",
            FilterExpression="attribute_not_exists(deleted)",
            ExpressionAttributeValues={":pk": {"S": pk}},
            Limit=limit,
            **arguments,
        )
        versions = {one["sk"]["S"]: int(one["version"]["N"]) for one in pointers}
        found = self._table.get_many(_version_key(tenant_id, name, version) for name, version in versions.items())
        templates = sorted(
            (_from_item(item, item["pk"]["S"].split("#", 2)[2]) for item in found), key=lambda template: template.name
        )
        return Page(tuple(templates), last["sk"]["S"] if last else None)

    def delete(self, tenant_id: str, name: str) -> bool:
        """Take a name out of sight; whether it was in sight."""
        for _ in range(MAX_TRIES):
            pointer = self._table.get(_pointer_key(tenant_id, name)) if storable(name) else None
            if pointer is None or "deleted" in pointer:
                return False
            version = int(pointer["version"]["N"])
            try:
                self._table.change(_pointer_key(tenant_id, name), {"deleted": {"BOOL": True}}, version=version)
            except ConditionFailedError:
                continue
            return True
        raise DependencyUnavailableError(f"Others keep storing versions of '{name}'.")

    def _latest_version(self, tenant_id: str, name: str) -> int:
        pointer = self._table.get(_pointer_key(tenant_id, name))
        return int(pointer["version"]["N"]) if pointer else 0

    def _make_latest(self, tenant_id: str, name: str, before: int) -> None:
        """Make the version after `before` the latest, unless somebody did."""
        key = _pointer_key(tenant_id, name)
        try:
            if before == 0:
                self._table.put_new({**key, "kind": {"S": "commandTemplate"}, "version": {"N": "1"}})
            else:
                changes: dict[str, Item | None] = {"version": {"N": str(before + 1)}, "deleted": None}
                self._table.change(key, changes, version=before)
        except ConditionFailedError:
            return


def _pointer_key(tenant_id: str, name: str) -> Item:
    return item_key(f"C#{tenant_id}", name)


def _version_key(tenant_id: str, name: str, version: int) -> Item:
    return item_key(f"V#{tenant_id}#{name}", f"{version:010d}")


def _to_item(tenant_id: str, template: CommandTemplate) -> Item:
    more: Item = {}
    if template.description is not None:
        more["description"] = {"S": template.description}
    if template.arguments_schema is not None:
        more["argumentsSchema"] = {"S": compact(template.arguments_schema)}
    return {
        **_version_key(tenant_id, template.name, template.version),
        "kind": {"S": "commandTemplateVersion"},
        "body": {"S": compact(template.body)},
        "createdAt": {"N": str(template.created_at_ms)},
        **more,
    }


def _from_item(item: Item, name: str) -> CommandTemplate:
    return CommandTemplate(
        name=name,
        version=int(item["sk"]["S"]),
        body=json.loads(item["body"]["S"]),
        description=item["description"]["S"] if "description" in item else None,
        created_at_ms=int(item["createdAt"]["N"]),
        arguments_schema=json.loads(item["argumentsSchema"]["S"]) if "argumentsSchema" in item else None,
    )
