"""``minoots audit``: who did what in the tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from minoots.cli.invocation import JsonFlag, invocation
from minoots.cli.listing import Every, Limit, show_listing
from minoots.cli.sharing import sharing
from minoots.cli.values import instant

if TYPE_CHECKING:
    from rich.console import RenderableType

    from minoots_contract.audit import AuditEntryReply


__all__ = ["audit"]

audit = typer.Typer(name="audit", no_args_is_help=True, help="Who did what; takes the role tenant.admin.")

_filtered = sharing(
    {
        "subject": Annotated[str | None, typer.Option(help="Who it was.")],
        "key_id": Annotated[str | None, typer.Option("--key", metavar="ID", help="With which key.")],
        "action": Annotated[str | None, typer.Option(help="What: an operation's id, such as cancelTimer.")],
        "resource": Annotated[str | None, typer.Option(metavar="ID", help="The id or name of what it was about.")],
        # The API knows which outcomes there are.
        "outcome": Annotated[str | None, typer.Option(help="allowed or refused.")],
        "request_id": Annotated[
            str | None, typer.Option("--request", metavar="ID", help="In which request; a decision's number.")
        ],
        "since": Annotated[str | None, typer.Option(callback=instant, metavar="INSTANT", help="Then or later.")],
        "until": Annotated[str | None, typer.Option(callback=instant, metavar="INSTANT", help="Before then.")],
    },
    dict,
)


@audit.command("list")
@_filtered
def list_entries(
    ctx: typer.Context,
    which: dict[str, Any],
    limit: Limit = 20,
    every: Every = False,
    as_json: JsonFlag = False,
) -> None:
    """List entries, the latest first."""
    run = invocation(ctx, as_json)

    def draw(shown: Sequence[AuditEntryReply]) -> RenderableType:
        from minoots.cli.access_tables import audit_table

        return audit_table(shown)

    show_listing(
        run, "entries", lambda client, size: client.audit.list(**which, page_size=size), draw, limit=limit, every=every
    )


@audit.command("export")
@_filtered
def export(
    ctx: typer.Context,
    which: dict[str, Any],
) -> None:
    """Write all entries as NDJSON, one to a line, just as the API gives them, the latest first."""
    run = invocation(ctx, as_json=True)
    with run.client() as client:
        for line in client.audit.export(**which):
            typer.echo(line)
