"""Commands that a tenant keeps for its agents, in versions that never change."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue

from minoots_kernel.domain.argument_schemas import Schema

__all__ = ["CommandTemplate"]


@dataclass(frozen=True, slots=True)
class CommandTemplate:
    """One version of a command template.

    Attributes:
        name: The tenant's name for it.
        version: From 1; each store of the name makes the next.
        body: JSON with placeholders; `{{ arguments.… }}` are those that an action gives.
        description: A line for people.
        created_at_ms: When this version was stored, epoch milliseconds.
        arguments_schema: The JSON Schema that arguments have to fit; none if any will do.
    """

    name: str
    version: int
    body: JsonValue
    description: str | None
    created_at_ms: int
    arguments_schema: Schema | None = None
