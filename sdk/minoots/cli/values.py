"""Option values: read, checked, and refused in words that say what to write instead."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import typer

from minoots_contract.durations import InvalidDurationError, parse_duration
from minoots_contract.instants import InvalidInstantError, parse_instant

if TYPE_CHECKING:
    from minoots.client.batches import NewTimer

__all__ = ["duration", "instant", "json_object", "json_value", "late_policy", "new_timer", "pairs", "seconds"]


def duration(text: str | None) -> str | None:
    """Check a duration such as ``1h30m`` and return it as written.

    Raises:
        typer.BadParameter: If it is none.
    """
    try:
        if text is not None:
            parse_duration(text)
    except InvalidDurationError as error:
        raise typer.BadParameter(str(error)) from error
    return text


def seconds(text: str, option: str) -> int:
    """Read a duration in whole seconds.

    Raises:
        typer.BadParameter: If it is none, or a part of a second.
    """
    try:
        whole, part_ms = divmod(parse_duration(text), 1_000)
    except InvalidDurationError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
    if part_ms:
        raise typer.BadParameter("give whole seconds, as 30s or 2m", param_hint=option)
    return whole


def instant(text: str | None) -> str | None:
    """Check an RFC 3339 instant and return it as written.

    Raises:
        typer.BadParameter: If it is none.
    """
    try:
        if text is not None:
            parse_instant(text)
    except InvalidInstantError as error:
        raise typer.BadParameter(str(error)) from error
    return text


def json_value(text: str | None, option: str) -> Any:
    """Read JSON; None without text.

    Raises:
        typer.BadParameter: If it is no JSON.
    """
    try:
        return None if text is None else json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"this is not JSON ({error}); text needs quotes of its own: '\"hello\"'", param_hint=option
        ) from error


def json_object(text: str | None, option: str) -> dict[str, Any] | None:
    """Read a JSON object; None without text.

    Raises:
        typer.BadParameter: If it is anything else.
    """
    value = json_value(text, option)
    if value is not None and not isinstance(value, dict):
        raise typer.BadParameter('this is JSON but no object: write \'{"key": "value"}\'', param_hint=option)
    return value


_FIELDS = {
    "name": "name",
    "duration": "duration",
    "fireAt": "fire_at",
    "actionBundle": "action_bundle",
    "agentBinding": "agent_binding",
    "metadata": "metadata",
    "labels": "labels",
    "latePolicy": "late_policy",
    "heartbeat": "heartbeat",
    "requestedBy": "requested_by",
    "idempotencyKey": "idempotency_key",
}


def new_timer(line: str, number: int) -> NewTimer:
    """Read a timer from a line of JSON, in the API's own names.

    Args:
        line: The line.
        number: Which it is in its file, from 1.

    Raises:
        typer.BadParameter: If it is no JSON object, or has a name that is none of a timer's.
    """
    fields = json_object(line, f"line {number}") or {}
    unknown = sorted(fields.keys() - _FIELDS)
    if unknown:
        raise typer.BadParameter(f"a new timer has no '{unknown[0]}'", param_hint=f"line {number}")
    return cast("NewTimer", {_FIELDS[name]: value for name, value in fields.items()})


def pairs(texts: Sequence[str] | None, separator: str, option: str) -> dict[str, str] | None:
    """Read repeated ``name<separator>value`` options; None without any.

    Raises:
        typer.BadParameter: If one has no name or no separator, or a name comes twice.
    """
    found: dict[str, str] = {}
    for text in texts or ():
        name, present, value = text.partition(separator)
        name = name.strip()
        if not present or not name:
            raise typer.BadParameter(f"'{text}': write name{separator}value", param_hint=option)
        if name in found:
            raise typer.BadParameter(f"'{name}' is given twice", param_hint=option)
        found[name] = value.strip()
    return found or None


def late_policy(text: str | None, option: str) -> dict[str, str] | None:
    """Read a late policy in one word, such as ``skip:60s``; None without text.

    Raises:
        typer.BadParameter: If it is none.
    """
    if text is None:
        return None
    mode, colon, after = text.partition(":")
    if mode not in {"fire", "skip", "deadLetter"} or bool(colon) is (mode == "fire"):
        raise typer.BadParameter("write fire, skip:60s or deadLetter:5m", param_hint=option)
    if not colon:
        return {"mode": mode}
    try:
        parse_duration(after)
    except InvalidDurationError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
    return {"mode": mode, "afterMs": after}
