"""Rich drawings of callers, keys and tenants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from minoots.cli.drawing import facts, instant, table
from minoots.cli.words import due
from minoots_contract.instants import format_instant

if TYPE_CHECKING:
    from minoots_contract.identity import KeyReply, KeyWithSecret, WhoAmIReply
    from minoots_contract.tenants import TenantReply, UsageReply

__all__ = ["caller", "key_table", "made_key", "tenant_details", "tenant_table", "usage_table"]


def caller(me: WhoAmIReply, *, now_ms: int) -> RenderableType:
    """Draw whom the service takes one for."""
    by = f"token of {me.issuer}" if me.authenticated_by == "oidc" else f"API key {me.key_id or ''}"
    return facts(
        [
            ("subject", me.subject),
            ("tenant", me.tenant_id),
            ("tier", me.tier),
            ("roles", ", ".join(me.roles)),
            ("by", by),
            ("ends", instant(me.expires_at, now_ms)),
        ]
    )


def key_table(keys: Sequence[KeyReply], *, now_ms: int) -> RenderableType:
    """Draw a listing of keys, or say that there are none."""
    headings = ("ID", "NAME", "ROLES", "STATUS", "ENDS", "LAST USED")
    return table("No keys.", headings, (_key_row(key, now_ms) for key in keys))


def _key_row(key: KeyReply, now_ms: int) -> Sequence[str | Text]:
    ends = "" if key.expires_at is None else due(key.expires_at, now_ms)
    used = "never" if key.last_used_at is None else due(key.last_used_at, now_ms)
    status = Text(key.status, style="green" if key.status == "active" else "dim")
    return key.id, key.name, ", ".join(key.roles), status, ends, used


def made_key(key: KeyWithSecret, *, now_ms: int) -> RenderableType:
    """Draw a key with its text."""
    until = key.works_until or key.overlap_until
    about = facts(
        [
            ("id", key.id),
            ("name", key.name),
            ("roles", ", ".join(key.roles)),
            ("ends", instant(key.expires_at, now_ms)),
            ("before", "" if until is None else f"works until {instant(until, now_ms)}"),
        ]
    )
    # On a line of its own, whole: it is there to be copied.
    return Group(
        about, "", Text(key.key, style="bold", no_wrap=True), Text("Keep it: it is not shown again.", style="dim")
    )


def tenant_table(tenants: Sequence[TenantReply]) -> RenderableType:
    """Draw a listing of tenants, or say that there are none."""
    return table("No tenants.", ("ID", "NAME", "TIER", "STATUS", "WHY"), (_tenant_row(one) for one in tenants))


def _tenant_row(tenant: TenantReply) -> Sequence[str | Text]:
    status = Text(tenant.status, style="green" if tenant.status == "active" else "red")
    return tenant.id, tenant.name or "", tenant.tier, status, tenant.suspended_reason or ""


def tenant_details(tenant: TenantReply) -> RenderableType:
    """Draw a tenant."""
    return facts(
        [
            ("id", tenant.id),
            ("name", tenant.name),
            ("tier", tenant.tier),
            ("status", tenant.status),
            ("since", "" if tenant.suspended_at is None else format_instant(tenant.suspended_at)),
            ("why", tenant.suspended_reason),
            ("audit kept", "" if tenant.audit_days is None else f"{tenant.audit_days} days"),
            ("created", format_instant(tenant.created_at)),
        ]
    )


def usage_table(usage: UsageReply, *, now_ms: int) -> RenderableType:
    """Draw what is used of a tier, or say that nothing is counted."""
    headings = (f"TIER {usage.tier.upper()}", "USED", "OF", "BEGINS ANEW")
    return table(f"Tier {usage.tier}: nothing is limited here.", headings, _usage_rows(usage, now_ms))


def _usage_rows(usage: UsageReply, now_ms: int) -> Iterator[Sequence[str]]:
    counted = (
        ("requests a minute", usage.requests),
        ("new timers a day", usage.creates),
        ("active", usage.active_timers),
    )
    for label, one in counted:
        if one is not None:
            yield label, str(one.used), str(one.limit), "" if one.resets_at is None else due(one.resets_at, now_ms)
