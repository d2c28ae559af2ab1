"""``minoots whoami`` and ``minoots keys``: who one is, and the tenant's API keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from minoots.cli.invocation import Invocation, JsonFlag, invocation
from minoots.cli.listing import Every, Limit, show_listing
from minoots.cli.values import duration, instant

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from minoots_contract.identity import KeyReply, KeyWithSecret

__all__ = ["keys", "show_made", "whoami"]

keys = typer.Typer(name="keys", no_args_is_help=True, help="The tenant's API keys; takes the role tenant.admin.")

KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id: the part between its underscores.")]
ExpiresIn = Annotated[
    str | None, typer.Option("--expires-in", callback=duration, metavar="DURATION", help="How long it works, as 90d.")
]
ExpiresAt = Annotated[
    str | None, typer.Option("--expires-at", callback=instant, metavar="INSTANT", help="Or when it ends.")
]


def whoami(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Say whom the service takes you for."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        me = client.whoami()

    def draw(console: Console) -> None:
        from minoots.cli.identity_tables import caller

        console.print(caller(me, now_ms=run.seams.clock.now_ms()))

    run.show(me.wire(), draw)


@keys.command("create")
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Who uses it.")],
    role: Annotated[list[str], typer.Option("--role", help="What it may do; may be given several times.")],
    expires_in: ExpiresIn = None,
    expires_at: ExpiresAt = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a key. Its text is shown this once."""
    run = invocation(ctx, as_json)
    _not_both(expires_in, expires_at)
    with run.client() as client:
        # The API knows which roles there are.
        made = client.keys.create(name, role, expires_in=expires_in, expires_at=expires_at)  # type: ignore[arg-type]
    show_made(run, made)


@keys.command("list")
def list_(ctx: typer.Context, limit: Limit = 20, every: Every = False, as_json: JsonFlag = False) -> None:
    """List the tenant's keys."""
    run = invocation(ctx, as_json)

    def draw(shown: Sequence[KeyReply]) -> RenderableType:
        from minoots.cli.identity_tables import key_table

        return key_table(shown, now_ms=run.seams.clock.now_ms())

    show_listing(run, "keys", lambda client, size: client.keys.list(page_size=size), draw, limit=limit, every=every)


@keys.command("rotate")
def rotate(
    ctx: typer.Context,
    key_id: KeyId,
    overlap: Annotated[
        str | None,
        typer.Option(callback=duration, metavar="DURATION", help="How long the old text works too; a day by default."),
    ] = None,
    expires_in: ExpiresIn = None,
    expires_at: ExpiresAt = None,
    as_json: JsonFlag = False,
) -> None:
    """Give a key a new text, which is shown this once."""
    run = invocation(ctx, as_json)
    _not_both(expires_in, expires_at)
    with run.client() as client:
        made = client.keys.rotate(key_id, overlap=overlap, expires_in=expires_in, expires_at=expires_at)
    show_made(run, made)


@keys.command("revoke")
def revoke(ctx: typer.Context, key_id: KeyId, as_json: JsonFlag = False) -> None:
    """Remove a key; servers that remember it may accept it for a minute more."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        gone = client.keys.revoke(key_id)

    def draw(console: Console) -> None:
        from minoots.cli.words import due

        forgotten = due(gone.works_until, run.seams.clock.now_ms())
        console.print(f"Revoked. Whoever remembers it forgets it {forgotten}.")

    run.show(gone.wire(), draw)


def show_made(run: Invocation, made: KeyWithSecret) -> None:
    """Show a key that was just made, with its text."""

    def draw(console: Console) -> None:
        from minoots.cli.identity_tables import made_key

        console.print(made_key(made, now_ms=run.seams.clock.now_ms()))

    run.show(made.wire(), draw)


def _not_both(expires_in: str | None, expires_at: str | None) -> None:
    if expires_in is not None and expires_at is not None:
        raise typer.BadParameter("give one of the two", param_hint="--expires-in or --expires-at")
