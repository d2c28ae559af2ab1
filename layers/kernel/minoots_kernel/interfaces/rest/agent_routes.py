"""The routes for agents: their inboxes, and the commands that are kept for them."""

from __future__ import annotations

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query

from minoots_contract.agents import AgentName, TemplateName
from minoots_contract.commands import CommandTemplatePage, CommandTemplateRequest, DeletedReply
from minoots_contract.commands import CommandTemplateReply as TemplateReply
from minoots_contract.inbox import InboxReply, ReceiptReply
from minoots_kernel.domain.command_templates import CommandTemplate
from minoots_kernel.domain.views import command_template_reply, inbox_message_reply
from minoots_kernel.interfaces.rest.answers import (
    Cursor,
    IfMatch,
    Limit,
    in_wire_names,
    json_answer,
    page_answer,
    principal,
)
from minoots_kernel.interfaces.rest.openapi import described, paged
from minoots_kernel.interfaces.rest.preconditions import etag, versions_of
from minoots_kernel.interfaces.rest.resolver import ConcurrentHttpResolver
from minoots_kernel.interfaces.rest.use_cases import UseCases

__all__ = ["add_command_templates", "add_inbox"]

Agent = Annotated[AgentName, Path(description="The agent's name.")]
ReceiptText = Annotated[str, Path(description="As the inbox gave it.")]
Name = Annotated[TemplateName, Path(description="The template's name.")]
Version = Annotated[int, Path(ge=1, description="The version's number.")]
PutBody = Annotated[CommandTemplateRequest, in_wire_names(CommandTemplateRequest), Body()]


def add_inbox(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    """Register the routes of inboxes."""

    @app.get("/agents/<agent>/inbox", **described("readInbox", "Lease an agent's messages", InboxReply))
    def read_inbox(
        agent: Agent,
        wait_s: Annotated[int, Query(alias="waitS", ge=0, le=20, description="Seconds to wait for the first.")] = 0,
        most: Annotated[int, Query(alias="max", ge=1, le=10, description="Most messages to return.")] = 10,
        lease_s: Annotated[int, Query(alias="leaseS", ge=1, le=43_200, description="Seconds they are yours.")] = 60,
    ) -> Response[Any]:
        found = use_cases.use_inbox.fetch(
            principal(app), agent, limit=most, lease_ms=lease_s * 1000, wait_ms=wait_s * 1000
        )
        return json_answer(200, InboxReply.model_construct(messages=[inbox_message_reply(one) for one in found]))

    _add_receipts(app, use_cases)


def _add_receipts(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.post(
        "/agents/<agent>/inbox/<receipt>/ack",
        **described("acknowledgeMessage", "Take a message out for good", ReceiptReply, 409),
    )
    def acknowledge(agent: Agent, receipt: ReceiptText) -> Response[Any]:
        use_cases.use_inbox.acknowledge(principal(app), agent, receipt)
        return json_answer(200, ReceiptReply(state="acknowledged"))

    @app.post(
        "/agents/<agent>/inbox/<receipt>/nack",
        **described("returnMessage", "Give a message back", ReceiptReply, 409),
    )
    def give_back(
        agent: Agent,
        receipt: ReceiptText,
        delay_s: Annotated[int, Query(alias="delayS", ge=0, le=43_200, description="Seconds until it is there.")] = 0,
    ) -> Response[Any]:
        until = use_cases.use_inbox.give_back(principal(app), agent, receipt, delay_s * 1000)
        return json_answer(200, ReceiptReply(state="returned", until=until))

    @app.post(
        "/agents/<agent>/inbox/<receipt>/extend",
        **described("keepMessage", "Keep a message for longer", ReceiptReply, 409),
    )
    def extend(
        agent: Agent,
        receipt: ReceiptText,
        lease_s: Annotated[int, Query(alias="leaseS", ge=1, le=43_200, description="Seconds from now.")] = 60,
    ) -> Response[Any]:
        until = use_cases.use_inbox.extend(principal(app), agent, receipt, lease_s * 1000)
        return json_answer(200, ReceiptReply(state="leased", until=until))


def add_command_templates(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    """Register the routes of command templates."""
    _add_reading_templates(app, use_cases)
    _add_changing_templates(app, use_cases)


def _add_reading_templates(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.get(
        "/command-templates",
        **paged(described("listCommandTemplates", "List command templates by name", CommandTemplatePage)),
    )
    def list_templates(limit: Limit = 50, cursor: Cursor = None) -> Response[Any]:
        listing = "command-templates"
        position = use_cases.cursors.decode(principal(app), listing, cursor)
        page = use_cases.command_templates.page(principal(app), limit=limit, position=position)
        found = [command_template_reply(template) for template in page.items]
        cursor_after = use_cases.cursors.encode(principal(app), listing, page.next_position)
        return page_answer(app, CommandTemplatePage, cursor_after, command_templates=found)

    @app.get(
        "/command-templates/<name>",
        **described(
            "getCommandTemplate", "Read the latest version of a command template", TemplateReply, 404, etag=True
        ),
    )
    def get_template(name: Name) -> Response[Any]:
        return _template(use_cases.command_templates.get(principal(app), name))

    @app.get(
        "/command-templates/<name>/versions/<version>",
        **described("getCommandTemplateVersion", "Read a version of a command template", TemplateReply, 404, etag=True),
    )
    def get_version(name: Name, version: Version) -> Response[Any]:
        return _template(use_cases.command_templates.get(principal(app), name, version))


def _add_changing_templates(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.put(
        "/command-templates/<name>",
        **described(
            "putCommandTemplate",
            "Store the next version of a command template",
            TemplateReply,
            412,
            body=True,
            etag=True,
        ),
    )
    def put_template(name: Name, request: PutBody, if_match: IfMatch = None) -> Response[Any]:
        versions = versions_of(if_match)
        return _template(use_cases.command_templates.put(principal(app), name, request, versions=versions))

    @app.delete(
        "/command-templates/<name>",
        **described("deleteCommandTemplate", "Delete a command template", DeletedReply, 404),
    )
    def delete_template(name: Name) -> Response[Any]:
        use_cases.command_templates.delete(principal(app), name)
        return json_answer(200, DeletedReply(name=name))


def _template(template: CommandTemplate) -> Response[Any]:
    return json_answer(200, command_template_reply(template), {"etag": etag(template.version)})
