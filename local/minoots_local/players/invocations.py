"""Invocations: a call of Lambda's Invoke → a function of the template.

moto would need Docker to run a function. So an invocation that names one of the template's own functions is handed to
it here; any other is moto's to answer.
"""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote, urlsplit

from botocore.awsrequest import AWSPreparedRequest

from minoots_local.aws.gate import AwsReply
from minoots_local.clock import Clock
from minoots_local.functions import LocalFunction
from minoots_local.logs import logger

_log = logger("invocations")
_ACCEPTED = AwsReply(202, {"Content-Length": "0"}, b"")


class AsyncInvocations:
    """Hands invocations to functions, without the tries that Lambda makes after a failure.

    Args:
        functions: The functions of the template.
        clock: Is told what is under way.
    """

    def __init__(self, functions: Iterable[LocalFunction], clock: Clock) -> None:
        self._clock = clock
        self._functions = {function.arn: function for function in functions}
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="invocation")

    def __call__(self, request: AWSPreparedRequest) -> AwsReply | None:
        """Answer an Invoke; None to what is moto's."""
        if request.headers.get("X-Amz-Invocation-Type") not in {"Event", b"Event"}:
            return None
        named = unquote(urlsplit(request.url).path).removesuffix("/invocations").rpartition("/functions/")[2]
        function = self._functions.get(named)
        if function is None:
            # moto would answer so only after it looked for Docker.
            missing = {"Type": "User", "message": f"Function not found: {named}"}
            headers = {"x-amzn-ErrorType": "ResourceNotFoundException", "Content-Type": "application/json"}
            return AwsReply(404, headers, json.dumps(missing))
        body = request.body if isinstance(request.body, bytes) else b"{}"
        self._pool.submit(self._clock.hand_over(self._invoke), function, json.loads(body))
        return _ACCEPTED

    def close(self) -> None:
        """Begin none any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @staticmethod
    def _invoke(function: LocalFunction, event: object) -> None:
        try:
            function.invoke(event if isinstance(event, dict) else {"payload": event})
        except Exception:
            _log.exception("an invoked function failed", extra={"function": function.logical_id})
