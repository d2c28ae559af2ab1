"""What the use cases about agents need of the world; as `ports`, of which this is a part by another name."""

from __future__ import annotations

from typing import Any, Protocol

from pydantic import JsonValue

from minoots_kernel.application.ports import Page, Performed
from minoots_kernel.domain.agents import AgentDelivery
from minoots_kernel.domain.argument_schemas import Effort, Misfit, Schema
from minoots_kernel.domain.command_templates import CommandTemplate
from minoots_kernel.domain.inbox import InboxMessage, LeasedMessage, Receipt

__all__ = ["AgentReceiver", "ArgumentSchemas", "CommandTemplateStore", "InboxStore"]


class AgentReceiver(Protocol):
    """One way to reach agents."""

    def prepare(self) -> None:
        """Get ready what takes this process time: before the attempt's time begins, and anybody's slowness counts."""
        ...

    def deliver(self, delivery: AgentDelivery) -> Performed:
        """Tell an agent something; that it returns means that the agent has it.

        Raises:
            TransientActionError: If another attempt may succeed.
            PermanentActionError: If none will.
            PutOffError: If it may not be told now; nothing was sent.
        """
        ...


class ArgumentSchemas(Protocol):
    """Knows JSON Schema. What it says repeats no value of the arguments: that may be a secret."""

    def faults(self, schema: Schema) -> list[Misfit]:
        """Return what is wrong with a schema, if anything: it is none, or not one that is taken here."""
        ...

    def misfits(self, schema: Schema, arguments: dict[str, Any], effort: Effort) -> list[Misfit]:
        """Return what of arguments does not fit a schema in which there are no faults, some of it if it is much.

        Args:
            schema: The schema.
            arguments: What is held to it.
            effort: What that may take.
        """
        ...


class CommandTemplateStore(Protocol):
    """Command templates, each version of which is written once."""

    def put(
        self,
        tenant_id: str,
        name: str,
        body: JsonValue,
        *,
        description: str | None,
        now_ms: int,
        arguments_schema: Schema | None = None,
        versions: frozenset[int] | None = None,
    ) -> CommandTemplate:
        """Store the next version of a name, and make it the latest. Numbers go on rising when a name is deleted.

        Args:
            tenant_id: Whose.
            name: Its name.
            body: The command.
            description: What it is, for people.
            now_ms: The service's clock, epoch milliseconds.
            arguments_schema: What its arguments have to fit; anything without it.
            versions: Only if the latest is one of these, 0 before the first; any when none.

        Raises:
            VersionMismatchError: If the latest is another.
        """
        ...

    def latest(self, tenant_id: str, name: str) -> CommandTemplate | None:
        """Return the latest version; none if the name was never stored, or is deleted."""
        ...

    def get(self, tenant_id: str, name: str, version: int | None) -> CommandTemplate | None:
        """Return a version, also of a name that is deleted: timers that were made before still need it.

        Args:
            tenant_id: Whose.
            name: Its name.
            version: Which one; the latest that there ever was without it.
        """
        ...

    def page(self, tenant_id: str, *, limit: int, position: str | None = None) -> Page[CommandTemplate]:
        """List the latest versions of a tenant's names, by name, eventually consistent."""
        ...

    def delete(self, tenant_id: str, name: str) -> bool:
        """Take a name out of sight; whether it was in sight."""
        ...


class InboxStore(Protocol):
    """Messages that wait for agents.

    A message is in its inbox until it is acknowledged. While it is leased it is not handed over; a lease that runs out
    brings it back.
    """

    def put(self, message: InboxMessage) -> None:
        """Put a message into its inbox.

        Of one of the same delivery that is there already, or is remembered as taken out, `arrives_at` tells what
        becomes.
        """
        ...

    def take(self, tenant_id: str, agent: str, *, limit: int, until_ms: int, now_ms: int) -> list[LeasedMessage]:
        """Lease messages that nobody has, the oldest firings first; of two who take at once each message goes to one.

        Args:
            tenant_id: Whose inbox.
            agent: The agent's name.
            limit: Most messages to lease.
            until_ms: When the leases run out, epoch milliseconds.
            now_ms: The service's clock, epoch milliseconds.
        """
        ...

    def leased(self, tenant_id: str, agent: str, receipt: Receipt) -> InboxMessage | None:
        """Return the message of a lease; none if it is not in the inbox.

        Raises:
            LeaseLostError: As `acknowledge`.
        """
        ...

    def acknowledge(self, tenant_id: str, agent: str, receipt: Receipt, *, remember: bool = False) -> None:
        """Take a message out for good; that it is gone already is no error.

        Args:
            tenant_id: Whose inbox.
            agent: The agent's name.
            receipt: Of the lease.
            remember: Whether the same asking may be put once more, and must not bring it back.

        Raises:
            LeaseLostError: If somebody else has leased it meanwhile, it was given back, or was put anew.
        """
        ...

    def lease_until(self, tenant_id: str, agent: str, receipt: Receipt, at_ms: int, *, give_back: bool) -> None:
        """Have a leased message come back at a time, epoch milliseconds.

        Args:
            tenant_id: Whose inbox.
            agent: The agent's name.
            receipt: Of the lease.
            at_ms: When the message can be leased again.
            give_back: Whether the receipt is worth nothing from now on.

        Raises:
            LeaseLostError: If the message is gone, somebody else has leased it meanwhile, or it was given back.
        """
        ...
