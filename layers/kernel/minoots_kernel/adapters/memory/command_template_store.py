"""Command templates in memory."""

from __future__ import annotations

from threading import Lock

from pydantic import JsonValue

from minoots_kernel.application.ports import Page
from minoots_kernel.domain.argument_schemas import Schema
from minoots_kernel.domain.command_templates import CommandTemplate
from minoots_kernel.domain.guards import check_version

__all__ = ["MemoryCommandTemplateStore"]


class MemoryCommandTemplateStore:
    """Versions in a list per name, and the names that are deleted."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, str], list[CommandTemplate]] = {}
        self._deleted: set[tuple[str, str]] = set()
        self._lock = Lock()

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
        """Store the next version of a name, and make it the latest; see the port."""
        with self._lock:
            stored = self._versions.get((tenant_id, name), [])
            check_version(len(stored), versions)
            template = CommandTemplate(name, len(stored) + 1, body, description, now_ms, arguments_schema)
            self._versions[tenant_id, name] = [*stored, template]
            self._deleted.discard((tenant_id, name))
        return template

    def latest(self, tenant_id: str, name: str) -> CommandTemplate | None:
        """Return the latest version; none if the name was never stored, or is deleted."""
        return None if (tenant_id, name) in self._deleted else self.get(tenant_id, name, None)

    def get(self, tenant_id: str, name: str, version: int | None) -> CommandTemplate | None:
        """Return a version, also of a name that is deleted."""
        versions = self._versions.get((tenant_id, name), [])
        number = version or len(versions)
        return versions[number - 1] if 1 <= number <= len(versions) else None

    def page(self, tenant_id: str, *, limit: int, position: str | None = None) -> Page[CommandTemplate]:
        """List the latest versions of a tenant's names, by name."""
        with self._lock:
            names = sorted(name for tenant, name in set(self._versions) - self._deleted if tenant == tenant_id)
        after = [name for name in names if position is None or name > position]
        found = [self._versions[tenant_id, name][-1] for name in after[:limit]]
        return Page(tuple(found), after[limit - 1] if len(after) > limit else None)

    def delete(self, tenant_id: str, name: str) -> bool:
        """Take a name out of sight; whether it was in sight."""
        with self._lock:
            in_sight = (tenant_id, name) in self._versions and (tenant_id, name) not in self._deleted
            self._deleted.add((tenant_id, name))
        return in_sight
