"""What a timer does when it fires: an action bundle, and the parameters of each kind of action."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal

from pydantic import Field, JsonValue, model_validator

from minoots_contract.agents import AgentPromptParameters, CommandParameters, read_command, read_prompt
from minoots_contract.model import Identifier, WireModel, field_error
from minoots_contract.retry import RetryPolicy
from minoots_contract.targets import WorkflowTarget, read_target
from minoots_contract.webhooks import WebhookParameters

__all__ = [
    "ACTION_KINDS",
    "Action",
    "ActionBundle",
    "Escalation",
    "RetryPolicy",
    "WebhookParameters",
]

ACTION_KINDS: Final = ("webhook", "command", "agent_prompt", "workflow_event")
"""Every kind of action that the contract names."""


class Escalation(WireModel):
    """What happens when an action does not get through."""

    after_attempts: int = Field(default=1, ge=1, le=100, description="Failed attempts; or fewer if it gave up before.")
    escalates_to: Identifier | None = Field(
        default=None,
        description="Another action of the bundle, which stands by until then. Nothing is started without it.",
    )


class Action(WireModel):
    """One thing to do when the timer fires."""

    id: Identifier
    kind: Literal["webhook", "command", "agent_prompt", "workflow_event"]
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    retry_policy: RetryPolicy | None = Field(
        default=None, description="What it says of a field counts for this action."
    )
    escalation: Escalation | None = None

    @model_validator(mode="after")
    def _parameters_fit_the_kind(self) -> Action:
        _READERS[self.kind](self)
        return self

    @model_validator(mode="after")
    def _escalates_in_one_way(self) -> Action:
        if self.escalates_to is not None and self.parameters.get("requiresAcknowledgement"):
            raise field_error("escalation", "an action that has to be acknowledged has an escalation of its own there")
        return self

    @property
    def escalates_to(self) -> str | None:
        """The id of the action that is started when this one does not get through."""
        return self.escalation.escalates_to if self.escalation else None

    def webhook(self) -> WebhookParameters:
        """Return the parameters of a webhook action, defaults filled in.

        Raises:
            pydantic.ValidationError: If they do not fit; its locations begin with ``parameters``.
        """
        wire = {"parameters": self.parameters}
        return _WebhookAction.model_validate(wire, by_alias=True, by_name=False).parameters

    def workflow_event(self) -> WorkflowTarget:
        """Return the parameters of a workflow event, defaults filled in.

        Raises:
            pydantic.ValidationError: If they do not fit; its locations begin with ``parameters``.
            pydantic_core.PydanticCustomError: If they name no target.
        """
        return read_target(self.parameters)

    def agent_prompt(self) -> AgentPromptParameters:
        """Return the parameters of an agent prompt, defaults filled in.

        Raises:
            pydantic.ValidationError: If they do not fit; its locations begin with ``parameters``.
        """
        return read_prompt(self.parameters)

    def command(self) -> CommandParameters:
        """Return the parameters of a command, defaults filled in.

        Raises:
            pydantic.ValidationError: If they do not fit; its locations begin with ``parameters``.
        """
        return read_command(self.parameters)


class _WebhookAction(WireModel):
    parameters: WebhookParameters


_READERS: Final[dict[str, Callable[[Action], object]]] = {
    "webhook": Action.webhook,
    "workflow_event": Action.workflow_event,
    "agent_prompt": Action.agent_prompt,
    "command": Action.command,
}


class ActionBundle(WireModel):
    """The actions of a timer; up to ``concurrency`` of them run at a time, in the order given.

    An action that another one escalates to stands by: it is started by that one's failures, at once and beside the
    ``concurrency``, or not at all. When every action has ended, one of the callbacks runs, if there is one.
    """

    actions: list[Action] = Field(min_length=1, max_length=20)
    concurrency: int = Field(default=1, ge=1, le=20)
    retry_policy: RetryPolicy = Field(default_factory=RetryPolicy)
    on_success: Action | None = Field(
        default=None, description="Run once when every other action has ended and the outcome is no failure."
    )
    on_failure: Action | None = Field(default=None, description="The same when the outcome is a failure.")

    @property
    def callbacks(self) -> list[Action]:
        """The actions that run when all others have ended, of which one runs at most."""
        return [action for action in (self.on_success, self.on_failure) if action is not None]

    @property
    def started_by_others(self) -> frozenset[str]:
        """The ids of the actions that do not begin by themselves: stand-bys and callbacks."""
        targets = (action.escalates_to for action in self.actions)
        return frozenset(
            {*(target for target in targets if target is not None), *(action.id for action in self.callbacks)}
        )

    def placed(self) -> Iterator[tuple[str, Action]]:
        """Yield every action, callbacks last, with its place in the bundle: `actions[0]`, `onSuccess`."""
        for index, action in enumerate(self.actions):
            yield f"actions[{index}]", action
        if self.on_success is not None:
            yield "onSuccess", self.on_success
        if self.on_failure is not None:
            yield "onFailure", self.on_failure

    @model_validator(mode="after")
    def _ids_are_distinct(self) -> ActionBundle:
        seen: set[str] = set()
        for place, action in self.placed():
            if action.id in seen:
                raise field_error(f"{place}.id", f"the action id '{action.id}' is used twice")
            seen.add(action.id)
        return self

    @model_validator(mode="after")
    def _escalations_lead_somewhere(self) -> ActionBundle:
        targets = {action.id: action.escalates_to for action in self.actions}
        for place, action in self.placed():
            field, target = f"{place}.escalation.escalatesTo", action.escalates_to
            if target is None:
                continue
            if action.id not in targets:
                raise field_error(f"{place}.escalation", "a callback does not escalate: it runs when all is over")
            if target not in targets:
                raise field_error(field, f"there is no action '{target}' in the bundle's actions")
            _check_no_cycle(action.id, targets, field)
        return self


def _check_no_cycle(begin: str, targets: dict[str, str | None], field: str) -> None:
    """Follow the escalations of an action to their end."""
    path, following = [begin], targets[begin]
    while following is not None:
        if following in path:
            raise field_error(field, f"escalations go round: {' → '.join([*path, following])}")
        path.append(following)
        following = targets.get(following)
