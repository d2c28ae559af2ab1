"""Attempts at workflow events."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from minoots_contract.actions import Action
from minoots_kernel.application.ports import Performed, TargetSender
from minoots_kernel.domain.chains import Asking
from minoots_kernel.domain.errors import PermanentActionError
from minoots_kernel.domain.targets import AllowedTargets, target_message
from minoots_kernel.domain.timer import Timer

__all__ = ["WorkflowEventPerformer"]


@dataclass(frozen=True, slots=True)
class WorkflowEventPerformer:
    """Sends the message of a workflow event, if the deployment still allows its target."""

    targets: TargetSender
    allowed: AllowedTargets

    def perform(
        self, timer: Timer, action: Action, attempt: int, now_ms: int, asking: Asking | None = None
    ) -> Performed:
        """Make one attempt; see the port."""
        try:
            target = action.workflow_event()
        except (ValidationError, PydanticCustomError) as error:
            # Stored under older, laxer rules: it will not become valid by trying again.
            raise PermanentActionError("the action's parameters are no longer valid") from error
        refusal = self.allowed.refusal(target)
        if refusal is not None:
            raise PermanentActionError(refusal)
        self.targets.send(target_message(timer, action.id, attempt, target))
        return Performed()
