"""Faults between botocore and the service: lost answers, refusals; and one call at a time for moto."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from threading import RLock
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from moto.core.models import botocore_stubber

Send = Callable[[AWSPreparedRequest], AWSResponse]

MOTO_LOCK = RLock()
"""moto checks a condition and writes in separate steps; DynamoDB does both at once."""


def body_of(request: AWSPreparedRequest) -> dict[str, Any]:
    """Return the body of a request in a JSON protocol."""
    assert isinstance(request.body, bytes | str)
    body: dict[str, Any] = json.loads(request.body)
    return body


class Wire:
    """What lies between a client and its service.

    Every request of the client goes through here, is recorded, and is answered by the service unless a fault was asked
    for. botocore's own retries happen above, so they are under test as well.
    """

    def __init__(self, client: Any, *, moto: bool) -> None:
        self._client = client
        self._moto = moto
        self._faults: list[tuple[str, Send]] = []
        self.calls: list[str] = []
        service = client.meta.service_model.service_id.hyphenize()
        # botocore asks every handler, whatever an earlier one answered: moto's own would do each call a second time.
        client.meta.events.unregister("before-send", botocore_stubber)
        client.meta.events.register_first(f"before-send.{service}", self._before_send)

    def lose_answer(self, operation: str, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Let the next call of an operation happen, run `meanwhile`, and let the caller never hear of either."""

        def fault(request: AWSPreparedRequest) -> AWSResponse:
            self.send(request)
            meanwhile()
            raise ReadTimeoutError(endpoint_url=request.url)

        self._faults.append((operation, fault))

    def break_off(self, operation: str, times: int = 1) -> None:
        """Close the connection before the next calls of an operation reach the service."""

        def fault(request: AWSPreparedRequest) -> AWSResponse:
            raise ConnectionClosedError(endpoint_url=request.url)

        self._faults += [(operation, fault)] * times

    def refuse(self, operation: str, code: str, status: int = 400, times: int = 1) -> None:
        """Answer the next calls of an operation with an error, in the way of the JSON protocols."""

        def fault(request: AWSPreparedRequest) -> AWSResponse:
            body = json.dumps({"__type": code, "message": "injected"}).encode()
            headers = HTTPHeaders()
            headers["content-type"] = "application/x-amz-json-1.0"
            headers["x-amzn-errortype"] = code
            return AWSResponse(request.url, status, headers, _Raw(body))

        self._faults += [(operation, fault)] * times

    def refuse_entries(self, operation: str, refused: Callable[[dict[str, Any]], bool]) -> None:
        """Let the next call of a batch operation of SQS go through without some of its entries, and say so."""

        def fault(request: AWSPreparedRequest) -> AWSResponse:
            body = body_of(request)
            failed = [entry for entry in body["Entries"] if refused(entry)]
            body["Entries"] = [entry for entry in body["Entries"] if not refused(entry)]
            request.body = json.dumps(body).encode()
            request.headers["Content-Length"] = str(len(request.body))
            answer = self.send(request)
            reply = json.loads(answer.content)
            reply["Failed"] = [{"Id": one["Id"], "Code": "InternalError", "SenderFault": False} for one in failed]
            return self.answer(request, reply, answer.headers)

        self._faults.append((operation, fault))

    def _before_send(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse:
        operation = event_name.rpartition(".")[2]
        self.calls.append(operation)
        for index, (name, fault) in enumerate(self._faults):
            if name == operation:
                del self._faults[index]
                return fault(request)
        return self.send(request)

    def intercept(self, operation: str, fault: Send) -> None:
        """Let a function answer the next call of an operation."""
        self._faults.append((operation, fault))

    def answer(self, request: AWSPreparedRequest, reply: dict[str, Any], headers: Any = None) -> AWSResponse:
        """Make an answer of a JSON protocol."""
        return AWSResponse(request.url, 200, headers or HTTPHeaders(), _Raw(json.dumps(reply).encode()))

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        """Let the service answer."""
        if not self._moto:
            response: AWSResponse = self._client._endpoint.http_session.send(request)
            return response
        with MOTO_LOCK:
            answer = botocore_stubber("before-send", request)
        assert answer is not None, f"moto does not know {request.url}"
        return answer


class _Raw(BytesIO):
    def stream(self, **_: Any) -> Any:
        yield self.read()
