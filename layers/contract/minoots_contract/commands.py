"""Command templates: what an agent is told to carry out, kept in versions."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue

from minoots_contract.model import Instant, Line, WireModel

__all__ = ["CommandTemplatePage", "CommandTemplateReply", "CommandTemplateRequest", "DeletedReply"]


def _something(body: JsonValue) -> JsonValue:
    if body is None:
        raise ValueError("null tells an agent nothing: write what it is to do")
    return body


class CommandTemplateRequest(WireModel):
    """Body of `PUT /command-templates/{name}`."""

    body: Annotated[JsonValue, AfterValidator(_something)] = Field(
        description="JSON with placeholders: {{ arguments.… }} for what an action gives, {{ timer.… }} for its timer.",
        json_schema_extra={"not": {"type": "null"}},
    )
    description: Line | None = None
    arguments_schema: dict[str, JsonValue] | None = Field(
        default=None,
        description="JSON Schema 2020-12 that the `arguments` of actions have to fit; any will do without it.",
    )


class CommandTemplateReply(WireModel):
    """One version of a command template."""

    name: str
    version: int
    body: JsonValue
    description: str | None = None
    arguments_schema: dict[str, JsonValue] | None = None
    created_at: Instant


class CommandTemplatePage(WireModel):
    """A page of the latest versions, by name."""

    command_templates: list[CommandTemplateReply]
    next_cursor: str | None = None


class DeletedReply(WireModel):
    """What is out of sight now."""

    name: str
    deleted: bool = True
