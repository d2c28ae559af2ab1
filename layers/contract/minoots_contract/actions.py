"""What a timer does when it fires: an action bundle, its retry policy and the parameters of each kind of action."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, field_validator, model_validator

from minoots_contract.model import Identifier, WireModel, field_error

__all__ = [
    "ACTION_KINDS",
    "SUPPORTED_ACTION_KINDS",
    "Action",
    "ActionBundle",
    "RetryPolicy",
    "WebhookParameters",
    "WebhookUrl",
]

ACTION_KINDS: Final = ("webhook", "command", "agent_prompt", "workflow_event")
"""Every kind of action that the contract names."""

SUPPORTED_ACTION_KINDS: Final = ("webhook",)
"""The kinds that this release runs; a timer with another one is refused when it is created."""

_HEADER_NAME = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$"
# RFC 9110, 5.5: blanks and tabs stand between visible characters only, or the request could not be sent.
_HEADER_VALUE = r"^([\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?)?$"
# RFC 9110 framing and connection fields, and those that the service itself writes to every receiver.
_RESERVED_HEADERS: Final = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
_RESERVED_PREFIXES: Final = ("webhook-", "minoots-", "proxy-")
_UNSAFE_URL: Final = re.compile(r"[\x00-\x20\x7f-\x9f\\]")
# Some versions of Python's reader take the brackets of an IPv6 address for the whole host, whatever stands around them.
_AUTHORITY: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::[0-9]*)?")


def _webhook_url(url: str) -> str:
    if _UNSAFE_URL.search(url):
        raise ValueError("the URL has blanks, control characters or backslashes: percent-encode them")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise ValueError("the URL's scheme must be http or https")
    if not parts.hostname:
        raise ValueError("the URL has no host")
    if "@" in parts.netloc:
        raise ValueError("the URL must not carry a user name or password: use headers")
    if parts.fragment:
        raise ValueError("the URL must not have a fragment")
    if parts.port == 0:  # `port` itself raises ValueError when it is no number up to 65535
        raise ValueError("the URL's port must be from 1 to 65535")
    if not _AUTHORITY.fullmatch(parts.netloc):
        raise ValueError("the URL's host is not well formed")
    return url


WebhookUrl = Annotated[str, StringConstraints(min_length=1, max_length=2048), AfterValidator(_webhook_url)]
"""An absolute http or https URL without user info or fragment."""


class WebhookParameters(WireModel):
    """Parameters of an action of kind ``webhook``."""

    url: WebhookUrl
    method: Literal["POST", "PUT", "PATCH", "GET", "DELETE"] = "POST"
    headers: dict[
        Annotated[str, StringConstraints(pattern=_HEADER_NAME)],
        Annotated[str, StringConstraints(max_length=4096, pattern=_HEADER_VALUE)],
    ] = Field(default_factory=dict, max_length=32)
    body: JsonValue = Field(default=None, description="Sent as JSON; without it the timer's own envelope is sent.")
    timeout_ms: int = Field(default=10_000, ge=100, le=30_000, description="Time for the whole exchange, milliseconds.")

    @field_validator("headers")
    @classmethod
    def _headers_are_the_callers_own(cls, headers: dict[str, str]) -> dict[str, str]:
        seen: set[str] = set()
        for name in headers:
            lower = name.lower()
            if lower in _RESERVED_HEADERS or lower.startswith(_RESERVED_PREFIXES):
                raise ValueError(f"the header '{name}' is written by the service: leave it out")
            if lower in seen:
                raise ValueError(f"the header '{name}' is given twice: names do not differ by case")
            seen.add(lower)
        return headers


class RetryPolicy(WireModel):
    """When a failed attempt is made again: after attempt n a delay near ``initial · multiplier^(n-1)``."""

    max_attempts: int = Field(default=1, ge=1, le=100)
    backoff_initial_ms: int = Field(default=1_000, ge=1, le=86_400_000)
    backoff_multiplier: float = Field(default=2, ge=1, le=10)
    backoff_max_ms: int = Field(default=86_400_000, ge=1, le=604_800_000, description="Cap of one delay, milliseconds.")


class Action(WireModel):
    """One thing to do when the timer fires."""

    id: Identifier
    kind: Literal["webhook", "command", "agent_prompt", "workflow_event"]
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    escalation: None = Field(default=None, description="Not available yet: leave it out.")

    @field_validator("kind")
    @classmethod
    def _supported(cls, kind: str) -> str:
        if kind not in SUPPORTED_ACTION_KINDS:
            raise ValueError(f"actions of kind '{kind}' are not available yet: use 'webhook'")
        return kind

    @field_validator("escalation", mode="before")
    @classmethod
    def _no_escalation(cls, value: Any) -> None:
        if value is not None:
            raise ValueError("escalation is not available yet: leave it out")

    @model_validator(mode="after")
    def _parameters_fit_the_kind(self) -> Action:
        self.webhook()
        return self

    def webhook(self) -> WebhookParameters:
        """Return the parameters of a webhook action, defaults filled in.

        Raises:
            pydantic.ValidationError: If they do not fit; its locations begin with ``parameters``.
        """
        wire = {"parameters": self.parameters}
        return _WebhookAction.model_validate(wire, by_alias=True, by_name=False).parameters


class _WebhookAction(WireModel):
    parameters: WebhookParameters


class ActionBundle(WireModel):
    """The actions of a timer; up to ``concurrency`` of them run at a time, in the order given."""

    actions: list[Action] = Field(min_length=1, max_length=20)
    concurrency: int = Field(default=1, ge=1, le=20)
    retry_policy: RetryPolicy = RetryPolicy()

    @model_validator(mode="after")
    def _ids_are_distinct(self) -> ActionBundle:
        seen: set[str] = set()
        for index, action in enumerate(self.actions):
            if action.id in seen:
                raise field_error(f"actions[{index}].id", f"the action id '{action.id}' is used twice")
            seen.add(action.id)
        return self
