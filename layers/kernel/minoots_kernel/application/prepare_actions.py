"""Hold the actions of a new timer to what this deployment can do, while there is somebody to tell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pydantic import JsonValue

from minoots_contract.actions import Action
from minoots_contract.agents import AGENT_KINDS, AgentBinding
from minoots_contract.targets import QueueTarget, TopicTarget
from minoots_contract.templates import Budget, TemplateError, field_path, render
from minoots_kernel.application.agent_ports import ArgumentSchemas, CommandTemplateStore
from minoots_kernel.domain.action_context import MAX_CONTENT, action_context, timer_budget
from minoots_kernel.domain.agents import receiver_of
from minoots_kernel.domain.argument_schemas import Effort, Schema, placed
from minoots_kernel.domain.chains import chain_of, example_asking
from minoots_kernel.domain.errors import InvalidArgumentsError, InvalidTimerError, TargetNotAllowedError
from minoots_kernel.domain.targets import AllowedTargets
from minoots_kernel.domain.timer import Timer

__all__ = ["PrepareActions"]


@dataclass(frozen=True, slots=True)
class PrepareActions:
    """Check what only the deployment and the whole timer can tell, and settle what may change before it fires.

    Targets have to be allowed, placeholders to name what is there, commands to exist. A command without a version gets
    the latest one, so that the timer keeps its meaning when the template gets another.
    """

    allowed: AllowedTargets
    templates: CommandTemplateStore
    schemas: ArgumentSchemas

    def __call__(self, timer: Timer) -> Timer:
        """Return the timer with its actions ready to be stored.

        Raises:
            InvalidTimerError: If a template names what the timer does not have, or a command is not known.
            InvalidArgumentsError: If the arguments of a command do not fit its schema.
            TargetNotAllowedError: If an action's target is not one that the deployment allows.
            DependencyUnavailableError: If the command templates cannot be read.
        """
        bundle = timer.spec.bundle
        if bundle is None:
            return timer
        whole, effort = timer_budget(), Effort()
        prepared = {
            place: self._prepared(timer, action, place, _Means(Budget(whole=whole), effort))
            for place, action in bundle.placed()
        }
        if all(prepared[place] is action for place, action in bundle.placed()):
            return timer
        update: dict[str, Any] = {
            "actions": [prepared[f"actions[{index}]"] for index in range(len(bundle.actions))],
            "on_success": prepared.get("onSuccess"),
            "on_failure": prepared.get("onFailure"),
        }
        return replace(timer, spec=replace(timer.spec, bundle=bundle.model_copy(update=update)))

    def _prepared(self, timer: Timer, action: Action, place: str, means: _Means) -> Action:
        field = f"actionBundle.{place}.parameters"
        if action.kind == "workflow_event":
            self._check_event(timer, action, field, means.budget)
        elif action.kind in AGENT_KINDS:
            return self._for_agent(timer, action, field, means)
        return action

    def _check_event(self, timer: Timer, action: Action, field: str, budget: Budget) -> None:
        target = action.workflow_event()
        refusal = self.allowed.refusal(target)
        if refusal is not None:
            raise TargetNotAllowedError("A timer may not call that.", ((f"{field}.arn", refusal),))
        context = action_context(timer, action.id, 1)
        _try(target.content, context, f"{field}.{'detail' if target.target == 'bus' else 'payload'}", budget)
        if isinstance(target, QueueTarget | TopicTarget):
            _try(dict(target.attributes), context, f"{field}.attributes", budget)

    def _for_agent(self, timer: Timer, action: Action, field: str, means: _Means) -> Action:
        budget = means.budget
        chain = chain_of(timer, action.id)
        more: dict[str, JsonValue] = {"acknowledgement": example_asking(chain.steps[0]).context()} if chain else {}
        said: dict[str, JsonValue] = {}
        if action.kind == "command":
            given, action, said = self._command(timer, action, field, means)
        else:
            prompt = action.agent_prompt()
            given = prompt.binding
            if prompt.prompt is not None:
                context = action_context(timer, action.id, 1, **more)
                said["prompt"] = _try(prompt.prompt, context, f"{field}.prompt", budget)
        context, binding = action_context(timer, action.id, 1, **said, **more), receiver_of(timer, given)
        if binding is not None:
            where = "agentBinding.payloadTemplate" if given is None else f"{field}.binding.payloadTemplate"
            _try(binding.payload_template, context, where, budget)
        for step in chain.steps[1:] if chain else ():
            where = f"{field}.requiresAcknowledgement.escalation[{step.number - 1}].binding.payloadTemplate"
            if step.binding is not None:
                _try(step.binding.payload_template, context, where, budget)
        return action

    def _command(
        self, timer: Timer, action: Action, field: str, means: _Means
    ) -> tuple[AgentBinding | None, Action, dict[str, JsonValue]]:
        command = action.command()
        template = self.templates.latest(timer.tenant_id, command.template)
        if template is not None and command.version not in {None, template.version}:
            template = self.templates.get(timer.tenant_id, command.template, command.version)
        if template is None:
            raise InvalidTimerError(
                "A command is not known.",
                (
                    (
                        f"{field}.template",
                        "store it first: PUT /command-templates/{name}; or name a version that exists",
                    ),
                ),
            )
        if template.arguments_schema is not None:
            self._check_arguments(template.arguments_schema, command.arguments, f"{field}.arguments", means.effort)
        said: dict[str, JsonValue] = {"arguments": command.arguments}
        # Its faults are the arguments': the template itself was in order when it was stored.
        said["command"] = _try(
            template.body, action_context(timer, action.id, 1, **said), f"{field}.arguments", means.budget, exactly=True
        )
        settled = action.model_copy(update={"parameters": {**action.parameters, "version": template.version}})
        return command.binding, settled, said

    def _check_arguments(self, schema: Schema, arguments: dict[str, JsonValue], field: str, effort: Effort) -> None:
        misfits = self.schemas.misfits(schema, arguments, effort)
        if misfits:
            fields = tuple((field_path(field, one.place), placed(one)) for one in misfits)
            raise InvalidArgumentsError("The arguments do not fit the schema of their command.", fields)


@dataclass(frozen=True, slots=True)
class _Means:
    """What an action's checks may take.

    Attributes:
        budget: Of look-ups; a part of the timer's.
        effort: For arguments; the timer's own.
    """

    budget: Budget
    effort: Effort


def _try(
    template: JsonValue, context: dict[str, Any], field: str, budget: Budget, *, exactly: bool = False
) -> JsonValue:
    """Fill a template in, or say which field is at fault.

    Args:
        template: The template.
        context: What is known when the timer is made.
        field: Where the template stands in the request.
        budget: What the action's templates may spend on look-ups.
        exactly: Whether to name that field and not the place within it.
    """
    try:
        return render(template, context, limit=MAX_CONTENT, budget=budget)
    except TemplateError as error:
        where = field if exactly else field_path(field, error.where)
        raise InvalidTimerError("A template cannot be filled in.", ((where, str(error)),)) from error
