"""The ``/command-templates`` resource."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from pydantic import JsonValue

from minoots.client.paging import every_page
from minoots.client.session import Call, Session
from minoots.client.values import if_match
from minoots_contract.commands import CommandTemplatePage, CommandTemplateReply, DeletedReply

__all__ = ["CommandTemplates"]


class CommandTemplates:
    """Commands that are kept for agents; reached as ``client.command_templates``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(
        self,
        name: str,
        body: JsonValue,
        *,
        description: str | None = None,
        arguments_schema: Mapping[str, JsonValue] | None = None,
        if_version: int | None = None,
    ) -> CommandTemplateReply:
        """Store the next version of a name.

        Args:
            name: The template's name.
            body: JSON with placeholders, such as ``{{ arguments.service }}``.
            description: One line for people.
            arguments_schema: JSON Schema 2020-12 that the arguments of actions have to fit.
            if_version: Only if this is the latest version; 0 only if there is none.

        Raises:
            APIStatusError: With status 412, if another is the latest.
            BadRequestError: If a placeholder is malformed, or the schema is none or not one that is taken.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        content: dict[str, JsonValue] = {"body": body}
        if description is not None:
            content["description"] = description
        if arguments_schema is not None:
            content["argumentsSchema"] = dict(arguments_schema)
        # Done twice it makes two versions of the same content.
        call = Call("PUT", _path(name), body=content, headers=if_match(if_version), repeatable=False)
        return self._session.send(call, CommandTemplateReply)

    def get(self, name: str, version: int | None = None) -> CommandTemplateReply:
        """Return a version; the latest without a number.

        Raises:
            NotFoundError: If there is none.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        path = _path(name) if version is None else f"{_path(name)}/versions/{version}"
        return self._session.send(Call("GET", path), CommandTemplateReply)

    def list(self, *, page_size: int | None = None) -> Iterator[CommandTemplateReply]:
        """Iterate over the latest versions by name; pages are fetched as they are needed.

        Raises:
            MinootsClientError: While iterating: one of the tree in `minoots.client.errors`.
        """
        for page in every_page(lambda cursor: self._page(page_size, cursor)):
            yield from page.command_templates

    def delete(self, name: str) -> None:
        """Delete a name. Timers that were made before still find their version.

        Raises:
            NotFoundError: If there is none.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        self._session.send(Call("DELETE", _path(name), repeatable=False), DeletedReply)

    def _page(self, limit: int | None, cursor: str | None) -> CommandTemplatePage:
        params = {"limit": limit, "cursor": cursor}
        return self._session.send(Call("GET", "/command-templates", params=params), CommandTemplatePage)


def _path(name: str) -> str:
    if not name:
        raise ValueError("a template's name is not empty")
    return f"/command-templates/{quote(name, safe='')}"
