"""Rich drawings of versions of policies and of the audit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from minoots.cli.drawing import table
from minoots.cli.words import due, printable
from minoots_contract.instants import format_instant

if TYPE_CHECKING:
    from minoots_contract.audit import AuditEntryReply
    from minoots_contract.policies import PolicyVersionReply

__all__ = ["audit_table", "version_table"]


def version_table(versions: Sequence[PolicyVersionReply], *, now_ms: int) -> RenderableType:
    """Draw the versions of policies, or say that there are none."""
    empty, headings = "No policies of your own: roles decide.", ("VERSION", "SINCE", "BY", "WHOSE")
    return table(empty, headings, (_version_row(one, now_ms) for one in versions))


def _version_row(one: PolicyVersionReply, now_ms: int) -> Sequence[str]:
    since = "" if one.created_at is None else due(one.created_at, now_ms)
    return str(one.version), since, one.created_by or "", "own" if one.own else "roles decide"


def audit_table(entries: Sequence[AuditEntryReply]) -> RenderableType:
    """Draw entries of the audit, or say that there are none."""
    headings = ("WHEN", "WHO", "FROM", "ACTION", "RESOURCE", "OUTCOME")
    return table("Nothing in the audit.", headings, (_audit_row(one) for one in entries))


def _audit_row(one: AuditEntryReply) -> Sequence[str | Text]:
    times = "" if one.count is None else f" ({one.count} times)"
    why = f": {one.reason}" if one.reason else ""
    about = f"{one.resource.type} {one.resource.id or ''}".rstrip()
    outcome = Text(printable(f"{one.outcome}{times}{why}"), style="green" if one.outcome == "allowed" else "red")
    return format_instant(one.at), one.caller.subject, one.ip or "", one.action, about, outcome
