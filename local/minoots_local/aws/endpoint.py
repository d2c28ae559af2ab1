"""The emulated AWS over HTTP, for tools of other processes: the AWS CLI, `sam local`, SDKs."""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from minoots_local.aws.gate import AwsCall, AwsGate, AwsReply, NoAnswerError
from minoots_local.clock import Clock
from minoots_local.logs import logger

Environ = Mapping[str, Any]
StartResponse = Callable[..., Any]

# X-Amz-Target prefix -> the SDK's name of the service.
_TARGETS = {
    "DynamoDB_20120810": "dynamodb",
    "DynamoDBStreams_20120810": "dynamodbstreams",
    "AmazonSQS": "sqs",
    "AWSEvents": "eventbridge",
}
_REST_VERBS = {"POST": "Create", "PUT": "Update", "DELETE": "Delete", "GET": "Get"}
_log = logger("aws")


def _is_news(record: logging.LogRecord) -> bool:
    """Whether the server was surprised by anything but an answer that was withheld on purpose."""
    return not (record.exc_info and isinstance(record.exc_info[1], NoAnswerError))


logging.getLogger("uvicorn.error").addFilter(_is_news)


class AwsEndpoint:
    """moto's server as a WSGI application behind the gate.

    Args:
        gate: What every call passes through.
        clock: Time; told of each call.
    """

    def __init__(self, gate: AwsGate, clock: Clock) -> None:
        self._gate = gate
        self._clock = clock
        self._dispatch = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request. A long poll lets go of the gate's lock while it waits."""
        call = call_of(environ)
        try:
            reply = self._clock.hand_over(self._gate.call)(call, lambda: self._run(environ))
        except NoAnswerError:
            # Begun in chunks and never ended: the server closes the connection, and clients see it closed.
            start_response("200 OK", [])
            raise
        _log.debug(f"{call.service} {call.operation}", extra={"status": reply.status})
        body = reply.body.encode() if isinstance(reply.body, str) else reply.body
        headers = {name: value for name, value in reply.headers.items() if _is_ours(name)}
        headers["Content-Length"] = str(len(body))
        start_response(f"{reply.status} {_reason(reply.status)}", list(headers.items()))
        return [body]

    def _run(self, environ: Environ) -> AwsReply:
        seen: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_exc: Any) -> None:
            seen[:] = [int(status.split(" ", 1)[0]), dict(headers)]

        try:
            body = b"".join(self._dispatch(dict(environ), start_response))
        except Exception as error:  # moto raises where AWS would answer
            _log.exception("the emulated AWS failed")
            answer = {"__type": "InternalFailure", "message": str(error)}
            return AwsReply(500, {"Content-Type": "application/json"}, json.dumps(answer))
        return AwsReply(seen[0], seen[1], body)


def call_of(environ: Environ) -> AwsCall:
    """Which operation a request asks for."""
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if "." in target:
        prefix, operation = target.split(".", 1)
        return AwsCall(_TARGETS.get(prefix, prefix.lower()), operation)
    service = _signed_for(environ.get("HTTP_AUTHORIZATION", ""))
    query = parse_qs(environ.get("QUERY_STRING", ""))
    if "Action" in query:
        return AwsCall(service, query["Action"][0])
    resource = environ.get("PATH_INFO", "").strip("/").split("/")[0]
    noun = "".join(word.capitalize() for word in resource.removesuffix("s").split("-"))
    return AwsCall(service, f"{_REST_VERBS.get(environ['REQUEST_METHOD'], '')}{noun}")


def _signed_for(authorization: str) -> str:
    """The service in `Credential=KEY/DATE/REGION/SERVICE/aws4_request`."""
    scope = authorization.partition("Credential=")[2].partition(",")[0].split("/")
    return scope[3] if len(scope) == 5 else "unknown"


def _is_ours(header: str) -> bool:
    return header.lower() not in {"content-length", "connection", "transfer-encoding"}


def _reason(status: int) -> str:
    from http import HTTPStatus

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
