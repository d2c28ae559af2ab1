"""MINOOTS for Python: durable timers from a few lines.

    from minoots import Client

    with Client("http://localhost:4000", "mnt_example") as client:
        timer = client.timers.create("coffee-break", duration="30s")
        print(client.timers.wait(timer.id).lateness_ms)

The names below are loaded when they are first used, so that the command line, which lives in this package too, can
answer ``--help`` without loading an HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minoots.client import (
        APIConnectionError,
        APIStatusError,
        APITimeoutError,
        AuthenticationError,
        BadRequestError,
        Client,
        ConflictError,
        GoneError,
        MinootsClientError,
        NotFoundError,
        PermissionDeniedError,
        RateLimitError,
        ServerError,
        UnexpectedReplyError,
        WaitTimeoutError,
        acknowledge,
        agent_prompt,
        command,
        webhook,
        workflow_event,
    )

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "Client",
    "ConflictError",
    "GoneError",
    "MinootsClientError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ServerError",
    "UnexpectedReplyError",
    "WaitTimeoutError",
    "__version__",
    "acknowledge",
    "agent_prompt",
    "command",
    "webhook",
    "workflow_event",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'minoots' has no attribute '{name}'")
    return getattr(import_module("minoots.client"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
