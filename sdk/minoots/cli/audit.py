"""``minoots audit``: who did what in the tenant."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from minoots.cli.invocation import JsonFlag, invocation
from minoots.cli.listing import first, page_size
from minoots.cli.values import instant

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["audit"]

audit = typer.Typer(name="audit", no_args_is_help=True, help="Who did what; takes the role tenant.admin.")

Subject = Annotated[str | None, typer.Option(help="Who it was.")]
KeyId = Annotated[str | None, typer.Option("--key", metavar="ID", help="With which key.")]
Action = Annotated[str | None, typer.Option(help="What: an operation's id, such as cancelTimer.")]
Resource = Annotated[str | None, typer.Option(metavar="ID", help="The id or name of what it was about.")]
Outcome = Annotated[str | None, typer.Option(help="allowed or refused.")]
Request = Annotated[str | None, typer.Option("--request", metavar="ID", help="In which request; a decision's number.")]
Since = Annotated[str | None, typer.Option(callback=instant, metavar="INSTANT", help="Then or later.")]
Until = Annotated[str | None, typer.Option(callback=instant, metavar="INSTANT", help="Before then.")]


@audit.command("list")
def list_entries(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    ctx: typer.Context,
    subject: Subject = None,
    key_id: KeyId = None,
    action: Action = None,
    resource: Resource = None,
    outcome: Outcome = None,
    request_id: Request = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, help="Most entries to show.")] = 20,
    every: Annotated[bool, typer.Option("--all", help="Show all of them.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List entries, the latest first."""
    run = invocation(ctx, as_json)
    given = _filters(subject, key_id, action, resource, outcome, request_id, since, until)
    with run.client() as client:
        found = client.audit.list(**given, page_size=page_size(limit, every))
        shown, more = first(found, None if every else limit)

    def draw(console: Console) -> None:
        from minoots.cli.access_tables import audit_table

        console.print(audit_table(shown))
        if more:
            console.print("There are more: --limit N or --all shows them.", style="dim")

    run.show({"entries": [entry.wire() for entry in shown], "more": more}, draw)


@audit.command("export")
def export(  # noqa: PLR0913, PLR0917 - as above
    ctx: typer.Context,
    subject: Subject = None,
    key_id: KeyId = None,
    action: Action = None,
    resource: Resource = None,
    outcome: Outcome = None,
    request_id: Request = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Write all entries as NDJSON, one to a line, the latest first, page by page as they come."""
    run = invocation(ctx, as_json=True)
    given = _filters(subject, key_id, action, resource, outcome, request_id, since, until)
    with run.client() as client:
        for entry in client.audit.list(**given, page_size=200):
            typer.echo(json.dumps(entry.wire(), separators=(",", ":"), ensure_ascii=False))


def _filters(  # noqa: PLR0913, PLR0917 - as above
    subject: str | None,
    key_id: str | None,
    action: str | None,
    resource: str | None,
    outcome: str | None,
    request_id: str | None,
    since: str | None,
    until: str | None,
) -> dict[str, Any]:
    # The API knows which outcomes there are.
    return {
        "subject": subject,
        "key_id": key_id,
        "action": action,
        "resource": resource,
        "outcome": outcome,
        "request_id": request_id,
        "since": since,
        "until": until,
    }
