"""Attempts at actions for agents: prompts, and commands of stored templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue, ValidationError

from minoots_contract.actions import Action
from minoots_contract.agents import AgentBinding
from minoots_kernel.application.agent_ports import AgentReceiver, CommandTemplateStore
from minoots_kernel.application.circuit_ports import NO_SHIELD, Shield
from minoots_kernel.application.ports import Performed
from minoots_kernel.domain.action_context import action_context, filled_in
from minoots_kernel.domain.agents import agent_delivery, receiver_of
from minoots_kernel.domain.chains import Asking
from minoots_kernel.domain.circuits import Call, receiver_of_url
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
        shield: Stands before agents that are reached over the network.
    """

    receivers: Mapping[str, AgentReceiver]
    templates: CommandTemplateStore
    shield: Shield = NO_SHIELD

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
        delivery = agent_delivery(timer, action, attempt, now_ms, binding=binding, said=said, asking=asking)
        if not binding.target.startswith(("http://", "https://")):
            return receiver.deliver(delivery)
        call = Call(timer.tenant_id, receiver_of_url(binding.target), turn=turn_of(timer, action.id))
        with self.shield.admitted(call):
            return receiver.deliver(delivery)

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
