"""``minoots policies``: what callers of the tenant may do, beyond what roles say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from minoots.cli.invocation import IfVersion, JsonFlag, invocation
from minoots.cli.listing import Every, Limit, show_listing
from minoots.cli.values import instant, json_object

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from minoots_contract.policies import PoliciesReply, PolicyVersionReply

__all__ = ["policies"]

policies = typer.Typer(
    name="policies", no_args_is_help=True, help="The tenant's Cedar policies; takes the role tenant.admin."
)

PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="Cedar; - reads stdin.")]


@policies.command("show")
def show(
    ctx: typer.Context,
    version: Annotated[int | None, typer.Option(min=1, metavar="N", help="An earlier version instead.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Show what policies may speak of instead.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Print the policies in force: without any of your own, those that say what roles do."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        found = client.policies.get() if version is None else client.policies.version(version)
        text = client.policies.get().cedar_schema if schema else found.policies

    def draw(_console: Console) -> None:
        typer.echo(text.rstrip("\n"))  # as it is, to be edited and put

    run.show(found.wire(), draw)


@policies.command("put")
def put(
    ctx: typer.Context,
    file: PolicyFile,
    if_version: IfVersion = None,
    force: Annotated[bool, typer.Option("--force", help="Though you could not change them any more.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Put the policies in a file in force."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        _show_in_force(ctx, as_json, client.policies.put(_read(file), if_version=if_version, force=force))


@policies.command("restore")
def restore(
    ctx: typer.Context,
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1, help="Which version.")],
    if_version: IfVersion = None,
    force: Annotated[bool, typer.Option("--force", help="Though you could not change them any more.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Put an earlier version in force again."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        _show_in_force(ctx, as_json, client.policies.restore(version, if_version=if_version, force=force))


@policies.command("delete")
def delete(ctx: typer.Context, if_version: IfVersion = None, as_json: JsonFlag = False) -> None:
    """Let roles decide again."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        _show_in_force(ctx, as_json, client.policies.delete(if_version=if_version))


@policies.command("versions")
def versions(ctx: typer.Context, limit: Limit = 20, every: Every = False, as_json: JsonFlag = False) -> None:
    """List the versions, the latest first."""
    run = invocation(ctx, as_json)

    def draw(shown: Sequence[PolicyVersionReply]) -> RenderableType:
        from minoots.cli.access_tables import version_table

        return version_table(shown, now_ms=run.seams.clock.now_ms())

    show_listing(
        run, "versions", lambda client, size: client.policies.versions(page_size=size), draw, limit=limit, every=every
    )


@policies.command("test")
def try_out(  # noqa: PLR0913, PLR0917  one option for each part of the question
    ctx: typer.Context,
    action: Annotated[str, typer.Argument(help="An operation's id, such as cancelTimer.")],
    subject: Annotated[str, typer.Option("--as", help="Who would call: a key's name.")],
    role: Annotated[
        list[str] | None, typer.Option("--role", help="A role of theirs; several times for several.")
    ] = None,
    resource: Annotated[
        str | None, typer.Option(metavar="JSON", help='What about, as {"type": "Timer", "id": "t", "status": "armed"}.')
    ] = None,
    ip: Annotated[str | None, typer.Option(help="From where.")] = None,
    at: Annotated[str | None, typer.Option(callback=instant, metavar="INSTANT", help="When; now by default.")] = None,
    file: Annotated[
        Path | None,
        typer.Option("--policies", metavar="FILE", help="Try these, not those in force."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Ask what the policies would say."""
    run = invocation(ctx, as_json)
    given: dict[str, Any] = {"resource": json_object(resource, "--resource"), "ip": ip, "at": at}
    given["policies"] = None if file is None else _read(file)
    with run.client() as client:
        # The API knows which roles there are.
        said = client.policies.test(action, subject=subject, roles=role or [], **given)  # type: ignore[arg-type]

    def draw(console: Console) -> None:
        by = f"by {', '.join(said.policies)}" if said.policies else "no policy allows it"
        console.print(f"{said.decision}: {by}", markup=False)
        for error in said.errors:
            console.print(error, style="yellow", markup=False)

    run.show(said.wire(), draw)


def _show_in_force(ctx: typer.Context, as_json: bool, now: PoliciesReply) -> None:
    run = invocation(ctx, as_json)

    def draw(console: Console) -> None:
        whose = "Your policies are" if now.own else "Roles decide, as before any policies of your own:"
        console.print(f"{whose} in force as version {now.version}; servers that know others heed them in a minute.")

    run.show(now.wire(), draw)


def _read(file: Path) -> str:
    if str(file) == "-":
        return typer.get_text_stream("stdin").read()
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise typer.BadParameter(f"'{file}' cannot be read: {error}") from error
