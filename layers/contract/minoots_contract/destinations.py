"""Requests and replies about destinations: where webhooks go, and the secrets that they are signed and let in with."""

from __future__ import annotations

import json
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints, field_validator

from minoots_contract.limits import MAX_IN_FLIGHT, RateLimit
from minoots_contract.model import Duration, Instant, Line, WireModel
from minoots_contract.signatures import parse_secret
from minoots_contract.templates import placeholders
from minoots_contract.urls import CallersHeaders, WebhookUrl

__all__ = [
    "DEFAULT_DESTINATION",
    "MAX_OVERLAP_MS",
    "UNNAMED_PREFIX",
    "AddSecretRequest",
    "DestinationPage",
    "DestinationReply",
    "DestinationWithSecret",
    "DisableDestinationRequest",
    "PutDestinationRequest",
    "SigningSecretReply",
]

DEFAULT_DESTINATION: Final = "default"
"""The destination of webhooks that name none: it has a signing secret, but no URL and no auth headers."""

UNNAMED_PREFIX: Final = "url-"
"""How the names begin that the service gives to URLs which answered 410 without being a named destination's."""

DAY_MS: Final = 86_400_000
MAX_OVERLAP_MS: Final = 30 * DAY_MS
MAX_AUTH_BYTES: Final = 4096
"""What AWS KMS encrypts at a time."""


def _signing_secret(secret: str) -> str:
    parse_secret(secret)
    return secret


_SigningSecret = Annotated[str, StringConstraints(max_length=128), AfterValidator(_signing_secret)]


class PutDestinationRequest(WireModel):
    """Body of ``PUT /destinations/{name}``."""

    url: WebhookUrl | None = Field(
        default=None,
        description="Where webhooks of this destination go: it, or below it. Not for `default`. A host that is an "
        "address must be public, or allowed by the deployment.",
    )
    auth_headers: CallersHeaders | None = Field(
        default=None,
        description="Added to every request, such as Authorization. Left out: as they were; {}: none any more. "
        "Must not be left out, if there are any, when `url` gets another scheme, host or port.",
    )
    signing_secret: _SigningSecret | None = Field(
        default=None, description="`whsec_` and base64, for a new destination; made here without it."
    )
    rate_limit: RateLimit | None = Field(
        default=None, description="How many attempts may begin. Left out: as it was; null: no limit any more."
    )
    max_in_flight: int | None = Field(
        default=None,
        ge=1,
        le=MAX_IN_FLIGHT,
        description="How many attempts may be under way at once. Left out: as it was; null: no limit any more.",
    )

    @field_validator("url")
    @classmethod
    def _is_a_prefix(cls, url: str | None) -> str | None:
        if url is not None and "?" in url:
            raise ValueError("a destination's URL has no query")
        return url

    @field_validator("auth_headers")
    @classmethod
    def _can_be_encrypted(cls, headers: dict[str, str] | None) -> dict[str, str] | None:
        if headers and len(json.dumps(headers, separators=(",", ":")).encode()) > MAX_AUTH_BYTES:
            raise ValueError(f"the auth headers are more than {MAX_AUTH_BYTES} bytes of JSON")
        if placeholders(dict(headers or {})):
            raise ValueError("auth headers are no templates")
        return headers


class AddSecretRequest(WireModel):
    """Body of ``POST /destinations/{name}/secrets``: the new secret signs at once, the old ones for a while longer."""

    signing_secret: _SigningSecret | None = Field(
        default=None, description="`whsec_` and base64; made here without it."
    )
    overlap: Duration = Field(default=DAY_MS, le=MAX_OVERLAP_MS, description="How long the old secrets sign as well.")


class DisableDestinationRequest(WireModel):
    """Body of ``POST /destinations/{name}/disable``."""

    reason: Line | None = Field(default=None, description="Told of every action that is not sent because of it.")


class SigningSecretReply(WireModel):
    """That there is a secret; what it is nobody is told again."""

    id: str
    created_at: Instant
    expires_at: Instant | None = Field(default=None, description="When it ceases to sign.")


class DestinationReply(WireModel):
    """A destination without what is secret."""

    name: str
    url: str | None = None
    status: Literal["enabled", "disabled"]
    disabled_at: Instant | None = None
    disabled_reason: str | None = None
    auth_headers: list[str] = Field(default_factory=list, description="The names; the values are never shown.")
    signing_secrets: list[SigningSecretReply] = Field(default_factory=list, description="The newest first.")
    rate_limit: RateLimit | None = None
    max_in_flight: int | None = None
    created_at: Instant
    updated_at: Instant
    version: int = Field(description="Rises with each change; the `ETag` has it, too.")


class DestinationWithSecret(DestinationReply):
    """A destination, with the signing secret that the service just made for it."""

    signing_secret: str | None = Field(default=None, description="Shown this once; absent if the caller gave its own.")


class DestinationPage(WireModel):
    """A page of destinations by name. A page may be short and still have a ``nextCursor``."""

    destinations: list[DestinationReply]
    next_cursor: str | None = None
