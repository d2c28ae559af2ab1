"""The synchronous client of the MINOOTS API: `Client`, its errors and what its calls return."""

from __future__ import annotations

from minoots.client.acknowledgements import acknowledge
from minoots.client.actions import agent_prompt, command, webhook, workflow_event
from minoots.client.api import Client
from minoots.client.audit import Audit
from minoots.client.command_templates import CommandTemplates
from minoots.client.dead_letters import DeadLetters
from minoots.client.destinations import KEEP, Destinations
from minoots.client.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    GoneError,
    MinootsClientError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    UnexpectedReplyError,
    WaitTimeoutError,
)
from minoots.client.inbox import Inbox
from minoots.client.keys import Keys
from minoots.client.policies import Policies
from minoots.client.settings import TenantSettings
from minoots.client.tenants import Tenants
from minoots.client.timers import Timers

__all__ = [
    "KEEP",
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "Audit",
    "AuthenticationError",
    "BadRequestError",
    "Client",
    "CommandTemplates",
    "ConflictError",
    "DeadLetters",
    "Destinations",
    "GoneError",
    "Inbox",
    "Keys",
    "MinootsClientError",
    "NotFoundError",
    "PermissionDeniedError",
    "Policies",
    "RateLimitError",
    "ServerError",
    "TenantSettings",
    "Tenants",
    "Timers",
    "UnexpectedReplyError",
    "WaitTimeoutError",
    "acknowledge",
    "agent_prompt",
    "command",
    "webhook",
    "workflow_event",
]
