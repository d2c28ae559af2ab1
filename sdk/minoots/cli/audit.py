"""``minoots audit``: who did what in the tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from minoots.cli.invocation import JsonFlag, invocation
from minoots.cli.listing import Every, Limit, show_listing
from minoots.cli.values import instant

if TYPE_CHECKING:
    from rich.console import RenderableType

    from minoots_contract.audit import AuditEntryReply


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
    limit: Limit = 20,
    every: Every = False,
    as_json: JsonFlag = False,
) -> None:
    """List entries, the latest first."""
    run = invocation(ctx, as_json)
    given = _filters(subject, key_id, action, resource, outcome, request_id, since, until)

    def draw(shown: Sequence[AuditEntryReply]) -> RenderableType:
        from minoots.cli.access_tables import audit_table

        return audit_table(shown)

    show_listing(
        run, "entries", lambda client, size: client.audit.list(**given, page_size=size), draw, limit=limit, every=every
    )


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
    """Write all entries as NDJSON, one to a line, just as the API gives them, the latest first."""
    run = invocation(ctx, as_json=True)
    given = _filters(subject, key_id, action, resource, outcome, request_id, since, until)
    with run.client() as client:
        for line in client.audit.export(**given):
            typer.echo(line)


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
