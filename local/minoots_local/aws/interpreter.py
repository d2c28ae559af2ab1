"""moto's interpreter of state machines, made fit for a stack that runs for days.

Importing this module imports the interpreter, which takes about a second.
"""

import contextlib
import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from moto.stepfunctions.parser.api import ExecutionStatus, TaskTimedOut
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_sqs
from moto.stepfunctions.parser.models import StepFunctionsParserBackend, stepfunctions_parser_backends
from moto.stepfunctions.parser.utils import TMP_THREADS
from moto.stepfunctions.responses import StepFunctionResponse

from minoots_local.aws.account import Account
from minoots_local.aws.gate import AwsReply
from minoots_local.errors import TemplateError
from minoots_local.template.model import ACCOUNT, PARTITION, REGION, Resource

_SUBSTITUTION = re.compile(r"\$\{([A-Za-z0-9]+)\}")
_KEPT_ENDED = 200


class LeanStateMachines(StepFunctionsParserBackend):
    """moto's backend, which forgets executions that ended long ago and knows a token that is over."""

    def start_execution(self, state_machine_arn: str, *args: Any, **kwargs: Any) -> Any:
        """Start an execution; moto keeps every one, and every thread, for ever."""
        executions = self.describe_state_machine(state_machine_arn).executions
        ended = [one for one in executions if one.status != ExecutionStatus.RUNNING]
        for one in ended[: max(0, len(ended) - _KEPT_ENDED)]:
            executions.remove(one)
        TMP_THREADS[:] = [thread for thread in TMP_THREADS if thread.is_alive()]
        return super().start_execution(state_machine_arn, *args, **kwargs)

    def send_task_success(self, task_token: str, outcome: str) -> Any:
        """Let an execution go on that waits; AWS refuses the token of a wait that is over."""
        self._refuse_what_is_over(task_token)
        return super().send_task_success(task_token, outcome)

    def send_task_heartbeat(self, task_token: str) -> Any:
        """Have an execution wait anew; AWS refuses the token of a wait that is over."""
        self._refuse_what_is_over(task_token)
        return super().send_task_heartbeat(task_token)

    def _refuse_what_is_over(self, task_token: str) -> None:
        for execution in self._get_executions(ExecutionStatus.RUNNING):
            env = execution.exec_worker.env
            waiting = env.callback_pool_manager.get(task_token) if env else None
            if waiting is not None and waiting._notify_event.is_set():
                raise TaskTimedOut("the wait is over")


class Interpreter:
    """The state machines of a template, and moto's answers to calls about them.

    Args:
        account: The emulated AWS; what tasks call.
        root: The directory that `DefinitionUri` is relative to.
        machines: The template's state machines.

    Raises:
        TemplateError: A definition cannot be read.
    """

    def __init__(self, account: Account, root: Path, machines: Sequence[Resource]) -> None:
        self._backend = LeanStateMachines(REGION, ACCOUNT)
        # moto's calls check and write in separate steps.
        self._lock = threading.RLock()
        self._patches = contextlib.ExitStack()
        self._patches.enter_context(_answering_from(account))
        # What was made from outside, over the AWS endpoint, before any function called.
        self._backend.state_machines += stepfunctions_parser_backends[ACCOUNT][REGION].state_machines
        stepfunctions_parser_backends[ACCOUNT][REGION] = self._backend
        for machine in machines:
            self._backend.create_state_machine(
                name=machine.name,
                definition=definition_of(machine, root),
                roleArn=f"arn:{PARTITION}:iam::{ACCOUNT}:role/{machine.name}Role",
                sm_type=str(machine.properties.get("Type", "STANDARD")),
            )

    def dispatch(self, request: Any) -> AwsReply:
        """Moto's answer to a request."""
        with self._lock:
            status, headers, body = StepFunctionResponse.dispatch(request, request.raw_url, request.headers)
        return AwsReply(int(status), dict(headers), body)

    def close(self) -> None:
        """End every execution, and let go of what waits in it."""
        now = datetime.now(UTC)  # noqa: TID251 - moto stamps its own history so
        for execution in self._backend._get_executions(ExecutionStatus.RUNNING):
            execution.stop(stop_date=now, error=None, cause="the stack stops")
            env = execution.exec_worker.env
            for waiting in list(env.callback_pool_manager._pool.values()) if env else ():
                waiting.interrupt_all()
        self._patches.close()


def definition_of(machine: Resource, root: Path) -> str:
    """The definition of a state machine, with its substitutions made.

    Raises:
        TemplateError: There is none, it is not JSON, or it names what is not substituted.
    """
    path = root / str(machine.properties.get("DefinitionUri", ""))
    values: Mapping[str, Any] = machine.properties.get("DefinitionSubstitutions") or {}

    def substituted(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise TemplateError(f"{machine.logical_id}: {path.name} names {match[1]}, which is not substituted")
        return str(values[match[1]])

    try:
        definition = _SUBSTITUTION.sub(substituted, path.read_text(encoding="utf-8"))
        json.loads(definition)
    except OSError as error:
        raise TemplateError(f"{machine.logical_id}: {path} cannot be read: {error}") from error
    except ValueError as error:
        raise TemplateError(f"{machine.logical_id}: {path.name} is not JSON: {error}") from error
    return definition


@contextlib.contextmanager
def _answering_from(account: Account) -> Iterator[None]:
    """Have tasks call this account; moto would look for a server of its own."""
    clients = {service: account.client(service) for service in ("lambda", "sqs")}
    closed = threading.Event()

    def client_for(region: str, service: str, state_credentials: Any = None) -> Any:
        if closed.is_set():
            raise RuntimeError("the stack has stopped")
        return clients[service]

    with contextlib.ExitStack() as patches:
        for module in (lambda_eval_utils, state_task_service_sqs):
            patches.enter_context(patch.object(module, "boto_client_for", client_for))
        try:
            yield
        finally:
            closed.set()
