"""The state machine that waits beside actions, over Step Functions."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from botocore.exceptions import ClientError

from minoots_kernel.adapters.aws import answering, error_code
from minoots_kernel.domain.executions import Execution, NextMove

__all__ = ["StepFunctionsWorkflow", "next_move_to_json"]

_WHO: Final = "The state machine"
_OVER: Final = frozenset({"InvalidToken", "TaskDoesNotExist", "TaskTimedOut"})
"""What is said of a token whose execution went on, or ended, without it."""


class StepFunctionsWorkflow:
    """The port over Step Functions.

    Args:
        client: Gives the client; asked when it is first needed, because it is dear to make and few timers need it.
        machine_arn: The state machine's ARN.
    """

    def __init__(self, client: Callable[[], Any], machine_arn: str) -> None:
        self._client = client
        self._machine_arn = machine_arn

    def start(self, execution: Execution) -> None:
        """Start an execution; one of that name is left as it is."""
        content = {
            "tenantId": execution.tenant_id,
            "timerId": execution.timer_id,
            "actionId": execution.action_id,
            "next": next_move_to_json(execution.first),
        }
        body = json.dumps(content, separators=(",", ":"))
        with answering(_WHO):
            try:
                self._client().start_execution(stateMachineArn=self._machine_arn, name=execution.name, input=body)
            except ClientError as error:
                if error_code(error) != "ExecutionAlreadyExists":
                    raise

    def wake(self, task_token: str) -> bool:
        """Let a waiting execution go on; see the port."""
        return self._tell(lambda client: client.send_task_success(taskToken=task_token, output="{}"))

    def keep(self, task_token: str) -> bool:
        """Have a waiting execution begin its wait anew; see the port."""
        return self._tell(lambda client: client.send_task_heartbeat(taskToken=task_token))

    def _tell(self, call: Callable[[Any], object]) -> bool:
        with answering(_WHO):
            try:
                call(self._client())
            except ClientError as error:
                if error_code(error) not in _OVER:
                    raise
                return False
        return True


def next_move_to_json(move: NextMove) -> dict[str, Any]:
    """Return what an execution does next, as its definition reads it."""
    return {"do": move.do, "attempt": move.attempt, "seconds": move.seconds}
