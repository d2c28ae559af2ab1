"""Attempts at actions for agents: prompts, and commands of stored templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pydantic import JsonValue, ValidationError

from minoots_contract.actions import Action
from minoots_contract.agents import AgentBinding
from minoots_kernel.application.address_book import AddressBook
from minoots_kernel.application.agent_ports import AgentReceiver, CommandTemplateStore
from minoots_kernel.application.ports import Performed
from minoots_kernel.domain.action_context import action_context, filled_in
from minoots_kernel.domain.agents import AgentDelivery, agent_delivery, receiver_of
from minoots_kernel.domain.chains import Asking
from minoots_kernel.domain.circuits import NO_LIMITS, Call, receiver_of_url
from minoots_kernel.domain.errors import PermanentActionError
from minoots_kernel.domain.putting_off import turn_of
from minoots_kernel.domain.timer import Timer

__all__ = ["AgentPerformer"]


@dataclass(frozen=True, slots=True)
class AgentPerformer:
    """Tells an agent what an action has to say.

    Attributes:
        receivers: The ways to reach an agent, by the binding's adapter.
        templates: Where commands come from.
        book: Knows the destinations that bindings name, and stands before agents that are reached over the network.
    """

    receivers: Mapping[str, AgentReceiver]
    templates: CommandTemplateStore
    book: AddressBook

    def perform(
        self, timer: Timer, action: Action, attempt: int, now_ms: int, asking: Asking | None = None
    ) -> Performed:
        """Make one attempt; see the port."""
        try:
            given, said = self._said(timer, action, attempt)
        except ValidationError as error:
            # Stored under older, laxer rules: it will not become valid by trying again.
            raise PermanentActionError("the action's parameters are no longer valid") from error
        binding = asking.step.binding if asking else receiver_of(timer, given)
        receiver = self.receivers.get(binding.adapter) if binding else None
        if binding is None or receiver is None:
            raise PermanentActionError("the action has no agent that could be reached")
        receiver.prepare()
        delivery = agent_delivery(timer, action, attempt, now_ms, binding=binding, said=said, asking=asking)
        if binding.adapter == "inbox":
            return receiver.deliver(delivery)
        return self._call(receiver, delivery)

    def _call(self, receiver: AgentReceiver, delivery: AgentDelivery) -> Performed:
        """Reach an agent over the network; for one that names no destination nothing is looked up or written."""
        binding, timer = delivery.binding, delivery.timer
        if binding.destination is None:
            turn = turn_of(timer, delivery.action_id)
            call = Call(timer.tenant_id, receiver_of_url(delivery.target), NO_LIMITS, binding.timeout_ms, turn)
            with self.book.shield.admitted(call):
                return receiver.deliver(delivery)
        entry = self.book.look_up(timer.tenant_id, binding.destination, binding.target)
        signed = replace(delivery, credentials=self.book.credentials(entry, delivery.now_ms))
        with self.book.calling(entry, timer, delivery.action_id, binding.timeout_ms):
            return receiver.deliver(signed)

    def _said(self, timer: Timer, action: Action, attempt: int) -> tuple[AgentBinding | None, dict[str, JsonValue]]:
        if action.kind == "agent_prompt":
            prompt = action.agent_prompt()
            return prompt.binding, {} if prompt.prompt is None else {"prompt": prompt.prompt}
        command = action.command()
        template = self.templates.get(timer.tenant_id, command.template, command.version)
        if template is None:
            raise PermanentActionError(f"the command template '{command.template}' is gone")
        said: dict[str, JsonValue] = {"arguments": command.arguments}
        said["command"] = filled_in(template.body, action_context(timer, action.id, attempt, **said))
        return command.binding, said
