"""``minoots commands``: commands that are kept for agents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from minoots.cli.invocation import IfVersion, Invocation, JsonFlag, invocation
from minoots.cli.listing import Every, Limit, show_listing
from minoots.cli.values import json_object, json_value

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from minoots.client import Client
    from minoots_contract.commands import CommandTemplateReply

__all__ = ["commands"]

commands = typer.Typer(name="commands", no_args_is_help=True, help="Commands that are kept for agents, in versions.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The command's name.", show_default=False)]


@commands.command("list")
def list_(ctx: typer.Context, limit: Limit = 20, every: Every = False, as_json: JsonFlag = False) -> None:
    """List the latest version of each command, by name."""
    run = invocation(ctx, as_json)

    def fetch(client: Client, size: int) -> Iterator[CommandTemplateReply]:
        return client.command_templates.list(page_size=size)

    def draw(shown: Sequence[CommandTemplateReply]) -> RenderableType:
        from minoots.cli.agent_tables import command_table

        return command_table(shown, now_ms=run.seams.clock.now_ms())

    show_listing(run, "commandTemplates", fetch, draw, limit=limit, every=every)


@commands.command()
def show(
    ctx: typer.Context,
    name: Name,
    version: Annotated[int | None, typer.Option(min=1, metavar="N", help="An earlier version instead.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show a command with its body."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        found = client.command_templates.get(name, version)
    _show(run, found)


@commands.command()
def put(
    ctx: typer.Context,
    name: Name,
    body: Annotated[
        str, typer.Argument(metavar="JSON", help="Its body, with placeholders; - reads stdin.", show_default=False)
    ],
    description: Annotated[str | None, typer.Option(help="One line for people.")] = None,
    schema: Annotated[
        str | None, typer.Option(metavar="JSON", help="JSON Schema (2020-12) that its arguments have to fit.")
    ] = None,
    if_version: IfVersion = None,
    as_json: JsonFlag = False,
) -> None:
    """Store the next version of a command. Timers that exist keep theirs."""
    content = json_value(typer.get_text_stream("stdin").read() if body == "-" else body, "JSON")
    wanted = json_object(schema, "--schema")
    run = invocation(ctx, as_json)
    with run.client() as client:
        stored = client.command_templates.put(
            name, content, description=description, arguments_schema=wanted, if_version=if_version
        )
    _show(run, stored)


@commands.command()
def delete(ctx: typer.Context, name: Name, as_json: JsonFlag = False) -> None:
    """Take a command away from new timers; those that exist still find their version."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        client.command_templates.delete(name)
    run.show({"name": name, "deleted": True}, lambda console: console.print(f"Deleted {name}."))


def _show(run: Invocation, command: CommandTemplateReply) -> None:
    def draw(console: Console) -> None:
        from minoots.cli.agent_tables import command_details

        console.print(command_details(command))

    run.show(command.wire(), draw)
