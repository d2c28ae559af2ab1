"""``minoots usage`` and, for operators, ``minoots tenants``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from minoots.cli.invocation import IfVersion, Invocation, JsonFlag, invocation
from minoots.cli.keys import show_made
from minoots.cli.listing import Every, Limit, show_listing

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from minoots_contract.tenants import TenantReply

__all__ = ["tenants", "usage"]

tenants = typer.Typer(name="tenants", no_args_is_help=True, help="Tenants; takes the role operator.")

TenantId = Annotated[str, typer.Argument(metavar="ID", help="The tenant's id.")]
Tier = Annotated[str | None, typer.Option(help="free, pro, team or unlimited.")]
Name = Annotated[str | None, typer.Option(help="What people call it.")]
AuditDays = Annotated[
    str | None,
    typer.Option(metavar="DAYS", help="How long entries of its audit are kept; default is what the deployment has."),
]


def usage(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Say what is used of what the tier allows."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        used = client.usage()

    def draw(console: Console) -> None:
        from minoots.cli.identity_tables import usage_table

        console.print(usage_table(used, now_ms=run.seams.clock.now_ms()))
        if used.audit_days is not None:
            console.print(f"The audit is kept for {used.audit_days} days.", style="dim")

    run.show(used.wire(), draw)


@tenants.command("create")
def create(
    ctx: typer.Context,
    tenant_id: TenantId,
    tier: Tier = None,
    name: Name = None,
    audit_days: AuditDays = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a tenant."""
    run = invocation(ctx, as_json)
    days = _days(audit_days)
    kept = None if days == "default" else days
    with run.client() as client:
        # The API knows which tiers there are.
        made = client.tenants.create(tenant_id, tier=tier or "free", name=name, audit_days=kept)  # type: ignore[arg-type]
    _show(run, made)


@tenants.command("get")
def get(ctx: typer.Context, tenant_id: TenantId, as_json: JsonFlag = False) -> None:
    """Show a tenant."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        _show(run, client.tenants.get(tenant_id))


@tenants.command("list")
def list_(ctx: typer.Context, limit: Limit = 20, every: Every = False, as_json: JsonFlag = False) -> None:
    """List tenants."""
    run = invocation(ctx, as_json)

    def draw(shown: Sequence[TenantReply]) -> RenderableType:
        from minoots.cli.identity_tables import tenant_table

        return tenant_table(shown)

    show_listing(
        run, "tenants", lambda client, size: client.tenants.list(page_size=size), draw, limit=limit, every=every
    )


@tenants.command("change")
def change(
    ctx: typer.Context,
    tenant_id: TenantId,
    tier: Tier = None,
    name: Name = None,
    audit_days: AuditDays = None,
    if_version: IfVersion = None,
    as_json: JsonFlag = False,
) -> None:
    """Give a tenant another tier or name, or its audit another time."""
    run = invocation(ctx, as_json)
    days = _days(audit_days)
    if tier is None and name is None and days is None:
        raise typer.BadParameter("give one of them, or more", param_hint="--tier or --name or --audit-days")
    with run.client() as client:
        changed = client.tenants.change(
            tenant_id,
            tier=tier,  # type: ignore[arg-type]
            name=name,
            audit_days=days,
            if_version=if_version,
        )
    _show(run, changed)


@tenants.command("suspend")
def suspend(
    ctx: typer.Context,
    tenant_id: TenantId,
    reason: Annotated[str | None, typer.Option(help="Told to its callers.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Shut a tenant's callers out; its timers fire all the same."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        _show(run, client.tenants.suspend(tenant_id, reason))


@tenants.command("resume")
def resume(ctx: typer.Context, tenant_id: TenantId, as_json: JsonFlag = False) -> None:
    """Let a tenant's callers in again."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        _show(run, client.tenants.resume(tenant_id))


@tenants.command("reset-policies")
def reset_policies(ctx: typer.Context, tenant_id: TenantId, as_json: JsonFlag = False) -> None:
    """Let a tenant's roles decide again, as when its own policies have locked everybody out."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        now = client.tenants.reset_policies(tenant_id)

    def draw(console: Console) -> None:
        console.print(f"Roles decide, as version {now.version} of its policies; every server heeds it in a minute.")

    run.show(now.wire(), draw)


@tenants.command("key")
def key(
    ctx: typer.Context,
    tenant_id: TenantId,
    name: Annotated[str, typer.Argument(help="Who uses it.")],
    role: Annotated[list[str], typer.Option("--role", help="What it may do; may be given several times.")],
    as_json: JsonFlag = False,
) -> None:
    """Make an API key for a tenant, such as its first."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        made = client.tenants.create_key(tenant_id, name, role)  # type: ignore[arg-type]
    show_made(run, made)


def _days(text: str | None) -> int | Literal["default"] | None:
    if text is None or text == "default":
        return text  # type: ignore[return-value]  # mypy does not narrow a text by comparing it
    if not text.isdecimal():
        raise typer.BadParameter("write a number of days, or default", param_hint="--audit-days")
    return int(text)


def _show(run: Invocation, tenant: TenantReply) -> None:
    def draw(console: Console) -> None:
        from minoots.cli.identity_tables import tenant_details

        console.print(tenant_details(tenant))

    run.show(tenant.wire(), draw)
