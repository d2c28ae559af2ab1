"""Rich drawings of versions of policies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from minoots.cli.words import due, printable

if TYPE_CHECKING:
    from minoots_contract.policies import PolicyVersionReply

__all__ = ["version_table"]


def version_table(versions: Sequence[PolicyVersionReply], *, now_ms: int) -> RenderableType:
    """Draw the versions of policies, or say that there are none."""
    if not versions:
        return Text("No policies of your own: roles decide.")
    table = listing("VERSION", "SINCE", "BY", "WHOSE")
    for one in versions:
        since = "" if one.created_at is None else due(one.created_at, now_ms)
        table.add_row(str(one.version), since, printable(one.created_by or ""), "own" if one.own else "roles decide")
    return table


def listing(*headings: str) -> Table:
    """Make a table with headings and no frame."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
