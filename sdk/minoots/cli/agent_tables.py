"""Rich drawings of what agents are given: commands that are kept for them, and messages of their inboxes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import JsonValue
from rich.console import Group, RenderableType
from rich.text import Text

from minoots.cli.drawing import facts, instant, table, text
from minoots.cli.words import due
from minoots_contract.instants import format_instant

if TYPE_CHECKING:
    from minoots_contract.commands import CommandTemplateReply
    from minoots_contract.inbox import InboxMessageReply

__all__ = ["command_details", "command_table", "message_details"]


def command_table(found: Sequence[CommandTemplateReply], *, now_ms: int) -> RenderableType:
    """Draw a listing of commands, or say that there are none."""
    rows = ((one.name, str(one.version), due(one.created_at, now_ms), one.description or "") for one in found)
    return table("No commands.", ("NAME", "VERSION", "STORED", "WHAT FOR"), rows)


def command_details(one: CommandTemplateReply) -> RenderableType:
    """Draw one version of a command."""
    about: RenderableType = facts(
        [
            ("name", one.name),
            ("version", str(one.version)),
            ("what for", one.description),
            ("stored", format_instant(one.created_at)),
        ]
    )
    parts: list[RenderableType] = [about, Text(""), _json(one.body)]
    if one.arguments_schema is not None:
        parts += [Text(""), Text("arguments", style="dim"), _json(one.arguments_schema)]
    return Group(*parts)


def message_details(message: InboxMessageReply, *, now_ms: int) -> RenderableType:
    """Draw a message of an inbox."""
    answer = (message.acknowledgement or {}).get("url")
    about = facts(
        [
            ("receipt", message.receipt),
            ("delivery", message.delivery_id),
            ("kind", message.kind),
            ("fired", instant(message.fired_at, now_ms)),
            ("handed over", f"{message.received} times" if message.received > 1 else ""),
            ("yours until", instant(message.leased_until, now_ms)),
            ("answer at", answer),
        ]
    )
    return Group(about, "", _json(message.payload), "")


def _json(content: JsonValue) -> RenderableType:
    lines = json.dumps(content, ensure_ascii=False, indent=2).splitlines()
    return Text("\n").join(text(line) for line in lines)
