"""State machines: executions are run by moto's interpreter, their tasks by the stack's own queues and functions.

The interpreter is large (its import takes a second), so it is there from the first execution on. It runs each execution
on threads of its own, which call AWS like everybody else, and wait on the machine's clock: a virtual clock that is set
forward does not end their waits. What waits beside an action is only a hint; the sweep, which goes by the virtual
clock, does its work then.
"""

import json
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from botocore.awsrequest import AWSPreparedRequest
from moto.core.request import normalize_request

from minoots_local.aws.account import Account
from minoots_local.aws.gate import AwsCall, AwsReply
from minoots_local.clock import Clock
from minoots_local.functions import LocalFunction
from minoots_local.logs import logger
from minoots_local.template.model import Template

if TYPE_CHECKING:
    from minoots_local.aws.interpreter import Interpreter

_log = logger("state_machines")


class StateMachines:
    """Answers calls of Step Functions, and the calls of functions that executions make.

    Args:
        account: The emulated AWS.
        template: Whose state machines are played.
        functions: The functions of the template.
        clock: Is told what is under way.
    """

    def __init__(self, account: Account, template: Template, functions: Iterable[LocalFunction], clock: Clock) -> None:
        self._account = account
        self._template = template
        self._machines = template.of_type("AWS::Serverless::StateMachine")
        self._functions = {function.arn: function for function in functions}
        self._clock = clock
        self._loading = threading.Lock()
        self._interpreter: Interpreter | None = None
        self._closed = False

    def __call__(self, call: AwsCall, request: AWSPreparedRequest) -> Callable[[], AwsReply] | None:
        """What answers a call; None to what is others'."""
        if call.service == "sfn" and self._machines:
            return lambda: self._dispatch(request)
        if (call.service, call.operation) != ("lambda", "Invoke"):
            return None
        if request.headers.get("X-Amz-Invocation-Type", "RequestResponse") not in {
            "RequestResponse",
            b"RequestResponse",
        }:
            return None
        named = unquote(urlsplit(request.url).path).removesuffix("/invocations").rpartition("/functions/")[2]
        function = self._functions.get(named)
        return None if function is None else lambda: self._invoke(function, request)

    def close(self) -> None:
        """End every execution and begin none any more."""
        with self._loading:
            self._closed = True
            if self._interpreter is not None:
                self._interpreter.close()

    def _dispatch(self, request: AWSPreparedRequest) -> AwsReply:
        with self._loading:
            if self._interpreter is None and not self._closed:
                # Deferred: see above.
                from minoots_local.aws.interpreter import Interpreter

                self._interpreter = Interpreter(self._account, self._template.path.parent, self._machines)
        if self._interpreter is None:
            return AwsReply(503, {}, b'{"__type": "ServiceUnavailable", "message": "the stack stops"}')
        normalized = normalize_request(request)
        return self._interpreter.dispatch(normalized)

    def _invoke(self, function: LocalFunction, request: AWSPreparedRequest) -> AwsReply:
        """Run a function and answer with what it returned, or raised, as Lambda words it."""
        body = request.body if isinstance(request.body, bytes) else b"{}"
        headers = {"Content-Type": "application/json"}
        try:
            answer = self._clock.hand_over(function.invoke)(json.loads(body))
        except Exception as error:
            _log.exception("an invoked function failed", extra={"function": function.logical_id})
            failed = {"errorMessage": str(error), "errorType": type(error).__name__}
            return AwsReply(200, {**headers, "X-Amz-Function-Error": "Unhandled"}, json.dumps(failed))
        return AwsReply(200, headers, json.dumps(answer))
