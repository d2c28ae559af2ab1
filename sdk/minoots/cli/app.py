"""The root command: global options, and the groups below it. Nothing heavy is imported until a command needs it."""

from __future__ import annotations

import json
from typing import Annotated, Final

import typer

from minoots import __version__
from minoots.cli.acknowledge import acknowledge
from minoots.cli.audit import audit
from minoots.cli.commands import commands
from minoots.cli.dead_letters import dead_letters
from minoots.cli.destinations import destinations
from minoots.cli.failures import ReportingGroup
from minoots.cli.inbox import inbox
from minoots.cli.invocation import Invocation, JsonFlag, Seams, invocation
from minoots.cli.keys import keys, whoami
from minoots.cli.local import local
from minoots.cli.policies import policies
from minoots.cli.settings import settings
from minoots.cli.tenants import tenants, usage
from minoots.cli.timers import timers

__all__ = ["app"]

_HERE: Final = "This machine"

app = typer.Typer(
    name="minoots",
    cls=ReportingGroup,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # one of them is the key
    help="Durable timers: say when, and what then.",
    epilog="Exit codes: 0 done, 1 the API said no, 2 not understood, 3 no MINOOTS answered, 130 interrupted.",
)
app.add_typer(timers)
app.add_typer(dead_letters)
app.add_typer(destinations)
app.add_typer(commands)
app.add_typer(inbox)
app.add_typer(keys)
app.add_typer(policies)
app.add_typer(settings)
app.add_typer(audit)
app.command()(whoami)
app.command()(acknowledge)
app.add_typer(tenants)
app.command()(usage)
app.command(
    "local",
    rich_help_panel=_HERE,
    add_help_option=False,
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
    },
)(local)


@app.callback()
def root(
    ctx: typer.Context,
    url: Annotated[str, typer.Option(envvar="MINOOTS_URL", help="Where the API is.")] = "http://localhost:4000",
    api_key: Annotated[
        str, typer.Option(envvar="MINOOTS_API_KEY", help="Your key; better in the environment than here.")
    ] = "",
    as_json: JsonFlag = False,
) -> None:
    """Durable timers: say when, and what then."""
    seams = ctx.obj if isinstance(ctx.obj, Seams) else Seams()
    ctx.obj = Invocation(url=url, api_key=api_key, as_json=as_json, seams=seams)


@app.command(rich_help_panel=_HERE)
def version(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Show the version of this command line."""
    run = invocation(ctx, as_json)
    typer.echo(json.dumps({"version": __version__}) if run.as_json else f"minoots {__version__}")
