"""``minoots settings``: what the tenant settles for all its timers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from minoots.cli.invocation import Invocation, JsonFlag, invocation
from minoots.cli.values import json_object

if TYPE_CHECKING:
    from rich.console import Console

    from minoots_contract.settings import SettingsReply

__all__ = ["settings"]

settings = typer.Typer(name="settings", no_args_is_help=True, help="What your tenant settles for all its timers.")


@settings.command()
def get(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Show the settings."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        found = client.settings.get()
    _show(run, found)


@settings.command("set")
def set_(
    ctx: typer.Context,
    retry: Annotated[str, typer.Option(metavar="JSON", help="The whole retry policy, such as '{\"maxAttempts\": 5}'.")],
    version: Annotated[
        int | None, typer.Option(min=0, help="Change nothing unless the settings stand at this version.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Settle the retry policy for timers that are created from now on."""
    policy = json_object(retry, "--retry") or {}
    run = invocation(ctx, as_json)
    with run.client() as client:
        changed = client.settings.put(retry_policy=policy, version=version)
    _show(run, changed)


def _show(run: Invocation, found: SettingsReply) -> None:
    def draw(console: Console) -> None:
        from minoots.cli.tables import settings_details

        console.print(settings_details(found))

    document: dict[str, Any] = found.wire()
    run.show(document, draw)
