"""`Client`: what a program holds on to."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import httpx
from pydantic import JsonValue

from minoots.client.acknowledgements import acknowledged_over
from minoots.client.audit import Audit
from minoots.client.command_templates import CommandTemplates
from minoots.client.dead_letters import DeadLetters
from minoots.client.destinations import Destinations
from minoots.client.inbox import Inbox
from minoots.client.keys import Keys
from minoots.client.policies import Policies
from minoots.client.retry import RetryPolicy
from minoots.client.session import Call, Session
from minoots.client.settings import TenantSettings
from minoots.client.tenants import Tenants
from minoots.client.timers import Timers
from minoots.clock import Clock, SystemClock
from minoots_contract.acknowledgements import AcknowledgementReply, Answered
from minoots_contract.identity import WhoAmIReply
from minoots_contract.tenants import UsageReply
from minoots_contract.timers import HealthReply

__all__ = ["Client"]


class Client:
    """A connection to one MINOOTS API with one key. Thread-safe; close it, or use it in a ``with``.

    Attributes:
        timers: Create, read, change and await timers.
        dead_letters: Actions that exhausted their attempts.
        destinations: Where webhooks go, with their secrets and limits.
        command_templates: Commands that are kept for agents.
        keys: The tenant's API keys.
        policies: What callers may do, beyond what roles say.
        settings: What the tenant settles for all its timers.
        audit: Who did what in the tenant.
        tenants: All tenants, for operators.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        transport: httpx.BaseTransport | None = None,
        timeout: float | httpx.Timeout = 30.0,
        max_retries: int = 2,
        requested_by: str = "sdk",
        clock: Clock | None = None,
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            base_url: Where the API is, such as ``http://localhost:4000``; a path prefix (a stage) is kept.
            api_key: Sent as ``X-API-Key``; it names the tenant.
            transport: Carries the requests instead of the network, as in ``httpx.MockTransport(handler)``.
            timeout: Seconds for each phase of a request, or httpx's own settings.
            max_retries: Further tries of a call that is safe to repeat, as `minoots.client.retry` tells.
            requested_by: Who creates and changes, unless a call says otherwise.
            clock: Time for retries and `Timers.wait`.

        Raises:
            ValueError: If the URL or the key cannot be right.
        """
        self._session = Session(
            base_url,
            api_key,
            transport=transport,
            timeout=timeout,
            retry=RetryPolicy(max_retries=max_retries),
            clock=clock or SystemClock(),
        )
        self.timers = Timers(self._session, requested_by)
        self.dead_letters = DeadLetters(self._session, requested_by)
        self.destinations = Destinations(self._session)
        self.command_templates = CommandTemplates(self._session)
        self.keys = Keys(self._session)
        self.policies = Policies(self._session)
        self.settings = TenantSettings(self._session)
        self.audit = Audit(self._session)
        self.tenants = Tenants(self._session)

    def inbox(self, agent: str) -> Inbox:
        """Return the inbox of an agent; nothing is sent yet."""
        return Inbox(self._session, agent)

    def acknowledge(
        self,
        token: str,
        status: Answered,
        *,
        by: str | None = None,
        reason: str | None = None,
        result: JsonValue = None,
    ) -> AcknowledgementReply:
        """Answer for an action by the token that the agent was given; see `minoots.acknowledge`, which needs no client.

        Raises:
            NotFoundError: If the token was never given out.
            ConflictError: If the action has ended.
            GoneError: If this receiver was given up already.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        return acknowledged_over(self._session, token, status, by=by, reason=reason, result=result)

    def health(self) -> HealthReply:
        """Ask whether the API is up.

        Raises:
            MinootsClientError: If it is not.
        """
        return self._session.send(Call("GET", "/healthz"), HealthReply)

    def whoami(self) -> WhoAmIReply:
        """Ask whom the service takes this client for.

        Raises:
            AuthenticationError: If it knows nobody with this key.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        return self._session.send(Call("GET", "/whoami"), WhoAmIReply)

    def usage(self) -> UsageReply:
        """Ask what the tenant has used of what its tier allows.

        Raises:
            MinootsClientError: One of the tree in `minoots.client.errors`.
        """
        return self._session.send(Call("GET", "/usage"), UsageReply)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
