"""The parameters of a webhook action."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, JsonValue, field_validator, model_validator

from minoots_contract.model import Identifier, WireModel, field_error
from minoots_contract.templates import placeholders
from minoots_contract.urls import CallersHeaders, WebhookUrl, WebhookUrlTemplate

__all__ = ["WEBHOOK_METHODS", "RenderedWebhook", "WebhookParameters"]

WEBHOOK_METHODS: Final = ("POST", "PUT", "PATCH", "GET", "DELETE")


class WebhookParameters(WireModel):
    """Parameters of an action of kind ``webhook``; `url`, `method`, values of `headers` and `body` are templates."""

    url: WebhookUrlTemplate | None = Field(
        default=None,
        description="Where to; may be left out when a destination is named, which has a URL itself. A host that is an "
        "address must be public, or allowed by the deployment.",
    )
    destination: Identifier | None = Field(
        default=None, description="The destination whose secrets sign the request; the URL must lie under its own."
    )
    method: str = Field(default="POST", max_length=256, description="POST, PUT, PATCH, GET or DELETE.")
    headers: CallersHeaders = Field(default_factory=dict)
    body: JsonValue = Field(default=None, description="Sent as JSON; without it the timer's own envelope is sent.")
    timeout_ms: int = Field(default=10_000, ge=100, le=30_000, description="Time for the whole exchange, milliseconds.")

    @field_validator("method")
    @classmethod
    def _method_is_one_or_a_template(cls, method: str) -> str:
        if method not in WEBHOOK_METHODS and not placeholders(method):
            raise ValueError(f"the method must be one of {', '.join(WEBHOOK_METHODS)}")
        return method

    @field_validator("headers", "body")
    @classmethod
    def _braces_are_placeholders(cls, value: JsonValue) -> JsonValue:
        placeholders(value)
        return value

    @model_validator(mode="after")
    def _goes_somewhere(self) -> WebhookParameters:
        # Given as null it is no URL either: a caller whose variable was empty did not mean the destination's.
        if self.url is None and (self.destination is None or "url" in self.model_fields_set):
            raise field_error("url", "give the URL, or name a destination")
        return self


class RenderedWebhook(WireModel):
    """The parameters once their placeholders are filled in: what they were filled with is held to the same rules."""

    url: WebhookUrl | None
    method: Literal["POST", "PUT", "PATCH", "GET", "DELETE"]
    headers: CallersHeaders
    body: JsonValue
    timeout_ms: int
