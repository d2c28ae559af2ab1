"""Rich drawings of versions of policies and of the audit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from minoots.cli.words import due, printable
from minoots_contract.instants import format_instant

if TYPE_CHECKING:
    from minoots_contract.audit import AuditEntryReply
    from minoots_contract.policies import PolicyVersionReply

__all__ = ["audit_table", "version_table"]


def version_table(versions: Sequence[PolicyVersionReply], *, now_ms: int) -> RenderableType:
    """Draw the versions of policies, or say that there are none."""
    if not versions:
        return Text("No policies of your own: roles decide.")
    table = listing("VERSION", "SINCE", "BY", "WHOSE")
    for one in versions:
        since = "" if one.created_at is None else due(one.created_at, now_ms)
        table.add_row(str(one.version), since, printable(one.created_by or ""), "own" if one.own else "roles decide")
    return table


def audit_table(entries: Sequence[AuditEntryReply]) -> RenderableType:
    """Draw entries of the audit, or say that there are none."""
    if not entries:
        return Text("Nothing in the audit.")
    table = listing("WHEN", "WHO", "FROM", "ACTION", "RESOURCE", "OUTCOME")
    for one in entries:
        times = "" if one.count is None else f" ({one.count} times)"
        why = f": {one.reason}" if one.reason else ""
        style = "green" if one.outcome == "allowed" else "red"
        about = f"{one.resource.type} {one.resource.id or ''}".rstrip()
        outcome = Text(printable(f"{one.outcome}{times}{why}"), style=style)
        who = Text(printable(one.caller.subject))
        table.add_row(format_instant(one.at), who, one.ip or "", one.action, Text(printable(about)), outcome)
    return table


def listing(*headings: str) -> Table:
    """Make a table with headings and no frame."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
