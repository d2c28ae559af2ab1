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

__all__ = ["caller", "key_table", "made_key"]


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
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for heading in ("ID", "NAME", "ROLES", "STATUS", "ENDS", "LAST USED"):
        table.add_column(heading, overflow="fold")
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
