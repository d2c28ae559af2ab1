"""Rich drawings of callers and keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from minoots.cli.words import due, printable
from minoots_contract.instants import format_instant

if TYPE_CHECKING:
    from minoots_contract.identity import KeyReply, KeyWithSecret, WhoAmIReply
    from minoots_contract.tenants import TenantReply, UsageReply

__all__ = ["caller", "key_table", "made_key", "tenant_details", "tenant_table", "usage_table"]


def caller(me: WhoAmIReply, *, now_ms: int) -> RenderableType:
    """Draw whom the service takes one for."""
    by = f"token of {me.issuer}" if me.authenticated_by == "oidc" else f"API key {me.key_id or ''}"
    return _facts(
        [
            ("subject", me.subject),
            ("tenant", me.tenant_id),
            ("tier", me.tier),
            ("roles", ", ".join(me.roles)),
            ("by", by),
            ("ends", _instant(me.expires_at, now_ms)),
        ]
    )


def key_table(keys: Sequence[KeyReply], *, now_ms: int) -> RenderableType:
    """Draw a listing of keys, or say that there are none."""
    if not keys:
        return Text("No keys.")
    table = _table("ID", "NAME", "ROLES", "STATUS", "ENDS", "LAST USED")
    for key in keys:
        ends = "" if key.expires_at is None else due(key.expires_at, now_ms)
        used = "never" if key.last_used_at is None else due(key.last_used_at, now_ms)
        status = Text(key.status, style="green" if key.status == "active" else "dim")
        table.add_row(key.id, Text(printable(key.name)), ", ".join(key.roles), status, ends, used)
    return table


def made_key(key: KeyWithSecret, *, now_ms: int) -> RenderableType:
    """Draw a key with its text."""
    facts = _facts(
        [
            ("id", key.id),
            ("name", key.name),
            ("roles", ", ".join(key.roles)),
            ("ends", _instant(key.expires_at, now_ms)),
            ("before", "" if key.overlap_until is None else f"works until {_instant(key.overlap_until, now_ms)}"),
        ]
    )
    # On a line of its own, whole: it is there to be copied.
    return Group(
        facts, "", Text(key.key, style="bold", no_wrap=True), Text("Keep it: it is not shown again.", style="dim")
    )


def tenant_table(tenants: Sequence[TenantReply]) -> RenderableType:
    """Draw a listing of tenants, or say that there are none."""
    if not tenants:
        return Text("No tenants.")
    table = _table("ID", "NAME", "TIER", "STATUS", "WHY")
    for tenant in tenants:
        status = Text(tenant.status, style="green" if tenant.status == "active" else "red")
        name, why = printable(tenant.name or ""), printable(tenant.suspended_reason or "")
        table.add_row(tenant.id, Text(name), tenant.tier, status, Text(why))
    return table


def tenant_details(tenant: TenantReply) -> RenderableType:
    """Draw a tenant."""
    suspended_at = "" if tenant.suspended_at is None else format_instant(tenant.suspended_at)
    return _facts(
        [
            ("id", tenant.id),
            ("name", tenant.name or ""),
            ("tier", tenant.tier),
            ("status", tenant.status),
            ("since", suspended_at),
            ("why", tenant.suspended_reason or ""),
            ("audit kept", "" if tenant.audit_days is None else f"{tenant.audit_days} days"),
            ("created", format_instant(tenant.created_at)),
        ]
    )


def usage_table(usage: UsageReply, *, now_ms: int) -> RenderableType:
    """Draw what is used of a tier, or say that nothing is counted."""
    rows = (("requests a minute", usage.requests), ("new timers a day", usage.creates), ("active", usage.active_timers))
    counted = [(label, one) for label, one in rows if one is not None]
    if not counted:
        return Text(f"Tier {usage.tier}: nothing is limited here.")
    table = _table(f"TIER {usage.tier.upper()}", "USED", "OF", "BEGINS ANEW")
    for label, one in counted:
        table.add_row(label, str(one.used), str(one.limit), "" if one.resets_at is None else due(one.resets_at, now_ms))
    return table


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _instant(instant_ms: int | None, now_ms: int) -> str:
    return "" if instant_ms is None else f"{format_instant(instant_ms)} ({due(instant_ms, now_ms)})"


def _facts(facts: Iterable[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in facts:
        if value:
            grid.add_row(label, Text(printable(value)))
    return grid
