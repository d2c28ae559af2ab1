"""The synchronous client of the MINOOTS API: `Client`, its errors and what its calls return."""

from __future__ import annotations

from minoots.client.actions import webhook
from minoots.client.api import Client
from minoots.client.dead_letters import DeadLetters
from minoots.client.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    MinootsClientError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    UnexpectedReplyError,
    WaitTimeoutError,
)
from minoots.client.timers import Timers

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "Client",
    "ConflictError",
    "DeadLetters",
    "MinootsClientError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ServerError",
    "Timers",
    "UnexpectedReplyError",
    "WaitTimeoutError",
    "webhook",
]
