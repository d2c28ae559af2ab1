"""Hold the actions of a new timer to what this deployment can do, while there is somebody to tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from minoots_contract.actions import Action
from minoots_contract.targets import QueueTarget, TopicTarget
from minoots_contract.templates import TemplateError, field_path, render
from minoots_kernel.domain.action_context import MAX_CONTENT, action_context
from minoots_kernel.domain.errors import InvalidTimerError, TargetNotAllowedError
from minoots_kernel.domain.targets import AllowedTargets
from minoots_kernel.domain.timer import Timer

__all__ = ["PrepareActions"]


@dataclass(frozen=True, slots=True)
class PrepareActions:
    """Check what only the deployment and the whole timer can tell: targets that are allowed, placeholders that fit."""

    allowed: AllowedTargets

    def __call__(self, timer: Timer) -> Timer:
        """Return the timer with its actions ready to be stored.

        Raises:
            InvalidTimerError: If a template names what the timer does not have.
            TargetNotAllowedError: If an action's target is not one that the deployment allows.
        """
        for index, action in enumerate(timer.spec.bundle.actions if timer.spec.bundle else ()):
            field = f"actionBundle.actions[{index}].parameters"
            self._check_target(action, field)
            _check_templates(timer, action, field)
        return timer

    def _check_target(self, action: Action, field: str) -> None:
        if action.kind != "workflow_event":
            return
        refusal = self.allowed.refusal(action.workflow_event())
        if refusal is not None:
            raise TargetNotAllowedError("A timer may not call that.", ((f"{field}.arn", refusal),))


def _check_templates(timer: Timer, action: Action, field: str) -> None:
    context = action_context(timer, action.id, 1)
    for name, template in _templates(action):
        try:
            render(template, context, limit=MAX_CONTENT)
        except TemplateError as error:
            where = field_path(f"{field}.{name}", error.where)
            raise InvalidTimerError("A template cannot be filled in.", ((where, str(error)),)) from error


def _templates(action: Action) -> Iterator[tuple[str, JsonValue]]:
    """Yield the templates in an action's parameters, with their names."""
    if action.kind == "workflow_event":
        target = action.workflow_event()
        yield "detail" if target.target == "bus" else "payload", target.content
        if isinstance(target, QueueTarget | TopicTarget):
            yield "attributes", dict(target.attributes)
