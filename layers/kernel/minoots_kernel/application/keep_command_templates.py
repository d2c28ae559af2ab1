"""Store, read and delete a tenant's command templates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from minoots_contract.commands import CommandTemplateRequest
from minoots_contract.templates import TemplateError, field_path, placeholders
from minoots_kernel.application.agent_ports import ArgumentSchemas, CommandTemplateStore
from minoots_kernel.application.ports import Clock, Page
from minoots_kernel.domain.action_context import written
from minoots_kernel.domain.argument_schemas import MAX_BYTES as MAX_SCHEMA_BYTES
from minoots_kernel.domain.argument_schemas import Schema, placed
from minoots_kernel.domain.authority import Thing
from minoots_kernel.domain.command_templates import CommandTemplate
from minoots_kernel.domain.errors import InvalidTimerError, NotFoundError
from minoots_kernel.domain.tenancy import Principal

__all__ = ["KeepCommandTemplates"]

MAX_BODY_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class KeepCommandTemplates:
    """A tenant's command templates."""

    store: CommandTemplateStore
    clock: Clock
    schemas: ArgumentSchemas

    def put(
        self,
        principal: Principal,
        name: str,
        request: CommandTemplateRequest,
        *,
        versions: frozenset[int] | None = None,
    ) -> CommandTemplate:
        """Store the next version of a name, if the latest is one of the versions.

        Raises:
            VersionMismatchError: If it is another.
            InvalidTimerError: If the body is too large, or has a `{{` that begins no placeholder; or if the schema of
                its arguments is too large, none, or not one that is taken here.
        """
        principal.check(Thing("CommandTemplate", name))
        if len(written(request.body).encode()) > MAX_BODY_BYTES:
            raise InvalidTimerError(
                "The template is too large.", (("body", f"at most {MAX_BODY_BYTES} bytes of JSON"),)
            )
        try:
            placeholders(request.body)
        except TemplateError as error:
            where = field_path("body", error.where)
            raise InvalidTimerError("The template is malformed.", ((where, str(error)),)) from error
        if request.arguments_schema is not None:
            self._check_schema(request.arguments_schema)
        return self.store.put(
            principal.tenant_id,
            name,
            request.body,
            description=request.description,
            now_ms=self.clock.now_ms(),
            arguments_schema=request.arguments_schema,
            versions=versions,
        )

    def _check_schema(self, schema: Schema) -> None:
        if len(written(schema).encode()) > MAX_SCHEMA_BYTES:
            field = ("argumentsSchema", f"at most {MAX_SCHEMA_BYTES} bytes of JSON")
            raise InvalidTimerError("The schema of the arguments is too large.", (field,))
        faults = self.schemas.faults(schema)
        if faults:
            fields = tuple((field_path("argumentsSchema", one.place), placed(one)) for one in faults)
            raise InvalidTimerError("The schema of the arguments cannot be used.", fields)

    def get(self, principal: Principal, name: str, version: int | None = None) -> CommandTemplate:
        """Return a version; the latest without a number.

        Raises:
            NotFoundError: If there is none, or the name is deleted.
        """
        latest = self.store.latest(principal.tenant_id, name)
        found = latest
        if latest is not None and version is not None and version != latest.version:
            found = self.store.get(principal.tenant_id, name, version)
        if found is None:
            raise NotFoundError(f"There is no such version of a command template '{name}'.")
        principal.check(found)
        return found

    def page(self, principal: Principal, *, limit: int, position: str | None) -> Page[CommandTemplate]:
        """List the latest versions that the principal may read, by name."""
        page = self.store.page(principal.tenant_id, limit=limit, position=position)
        return Page(principal.visible(page.items), page.next_position)

    def delete(self, principal: Principal, name: str) -> None:
        """Take a name out of sight. Timers that were made before still find their version.

        Raises:
            NotFoundError: If it is not in sight.
        """
        principal.check(Thing("CommandTemplate", name))
        if not self.store.delete(principal.tenant_id, name):
            raise NotFoundError(f"There is no command template '{name}'.")
