"""``minoots destinations``: where webhooks go, with their secrets and limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from minoots.cli.invocation import IfVersion, Invocation, JsonFlag, invocation
from minoots.cli.listing import Every, Limit, show_listing
from minoots.cli.values import duration, pairs

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from minoots.client import Client
    from minoots_contract.destinations import DestinationReply

__all__ = ["destinations"]

destinations = typer.Typer(
    name="destinations", no_args_is_help=True, help="Where webhooks go, with their secrets and limits."
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The destination's name.", show_default=False)]
Secret = Annotated[
    str | None,
    typer.Option(
        "--secret", envvar="MINOOTS_SIGNING_SECRET", help="whsec_ and base64, better in the environment; made without."
    ),
]
NO_LIMIT = "none"


@destinations.callback()
def _group() -> None:
    """Where webhooks go, with their secrets and limits."""


@destinations.command()
def put(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    ctx: typer.Context,
    name: Name,
    url: Annotated[str | None, typer.Option(help="Where its webhooks go, or what they go below.")] = None,
    header: Annotated[
        list[str] | None, typer.Option(metavar="NAME:VALUE", help="Auth header of every request; may be repeated.")
    ] = None,
    no_headers: Annotated[bool, typer.Option("--no-headers", help="Take the auth headers away.")] = False,
    secret: Secret = None,
    rate: Annotated[
        str | None, typer.Option(metavar="N[:BURST]", help="Attempts a second, and at once after a pause; or none.")
    ] = None,
    max_in_flight: Annotated[str | None, typer.Option(metavar="N", help="Attempts under way at once; or none.")] = None,
    if_version: IfVersion = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a destination, or change one. Headers and limits that are not named stay as they are.

    Headers do not go along to another scheme, host or port: name them again, or say --no-headers.
    """
    if header and no_headers:
        raise typer.BadParameter("give --header or --no-headers, not both", param_hint="--no-headers")
    limits: dict[str, Any] = {}
    if rate is not None:
        limits["rate_limit"] = _rate(rate)
    if max_in_flight is not None:
        limits["max_in_flight"] = None if max_in_flight == NO_LIMIT else _whole(max_in_flight, "--max-in-flight")
    headers = {} if no_headers else pairs(header, ":", "--header")
    run = invocation(ctx, as_json)
    with run.client() as client:
        made = client.destinations.put(
            name, url, auth_headers=headers, signing_secret=secret, if_version=if_version, **limits
        )
    _show(run, made)


@destinations.command("list")
def list_(ctx: typer.Context, limit: Limit = 20, every: Every = False, as_json: JsonFlag = False) -> None:
    """List destinations by name."""
    run = invocation(ctx, as_json)

    def draw(shown: Sequence[DestinationReply]) -> RenderableType:
        from minoots.cli.destination_tables import destination_table

        return destination_table(shown)

    def fetch(client: Client, size: int) -> Iterator[DestinationReply]:
        return client.destinations.list(page_size=size)

    show_listing(run, "destinations", fetch, draw, limit=limit, every=every)


@destinations.command()
def get(ctx: typer.Context, name: Name, as_json: JsonFlag = False) -> None:
    """Show a destination, without what is secret."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        found = client.destinations.get(name)
    _show(run, found)


@destinations.command()
def rotate(
    ctx: typer.Context,
    name: Name,
    secret: Secret = None,
    overlap: Annotated[
        str | None, typer.Option(callback=duration, help="How long the older secrets sign as well; 24h without it.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Add a signing secret, which signs at once; the older ones sign a while longer."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        made = client.destinations.add_secret(name, signing_secret=secret, overlap=overlap)
    _show(run, made)


@destinations.command()
def revoke(
    ctx: typer.Context,
    name: Name,
    secret_id: Annotated[str, typer.Argument(metavar="SECRET-ID", help="As `get` shows it.", show_default=False)],
    as_json: JsonFlag = False,
) -> None:
    """Take a signing secret away at once, as when it has leaked."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        left = client.destinations.remove_secret(name, secret_id)
    _show(run, left)


@destinations.command()
def disable(
    ctx: typer.Context,
    name: Name,
    reason: Annotated[str | None, typer.Option(help="One line for people; told of every action not sent.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Send nothing more to a destination; actions that name it fail until it is enabled."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        disabled = client.destinations.disable(name, reason)
    _show(run, disabled)


@destinations.command()
def enable(ctx: typer.Context, name: Name, as_json: JsonFlag = False) -> None:
    """Send to a destination again that was disabled, by you or because it answered 410."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        enabled = client.destinations.enable(name)
    _show(run, enabled)


@destinations.command()
def delete(ctx: typer.Context, name: Name, as_json: JsonFlag = False) -> None:
    """Forget a destination and its secrets; actions that name it fail from now on."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        client.destinations.delete(name)
    run.show({"name": name, "deleted": True}, lambda console: console.print(f"Deleted {name}."))


def _show(run: Invocation, destination: DestinationReply) -> None:
    def draw(console: Console) -> None:
        from minoots.cli.destination_tables import destination_details

        console.print(destination_details(destination, now_ms=run.seams.clock.now_ms()))

    run.show(destination.wire(), draw)


def _rate(text: str) -> tuple[float, int] | float | None:
    if text == NO_LIMIT:
        return None
    number, colon, burst = text.partition(":")
    try:
        per_second = float(number)
    except ValueError:
        raise typer.BadParameter("write 10, 10:20 or none", param_hint="--rate") from None
    return (per_second, _whole(burst, "--rate")) if colon else per_second


def _whole(text: str, option: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no whole number", param_hint=option) from None
