"""Faults between botocore and the service: lost answers, refusals; and one call at a time for moto."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from threading import RLock
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from moto.core.models import botocore_stubber

Send = Callable[[AWSPreparedRequest], AWSResponse]

MOTO_LOCK = RLock()
"""moto checks a condition and writes in separate steps; DynamoDB does both at once."""


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
        client.meta.events.register_first(f"before-send.{service}", self._before_send)

    def lose_answer(self, operation: str, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Let the next call of an operation happen, run `meanwhile`, and let the caller never hear of either."""

        def fault(request: AWSPreparedRequest) -> AWSResponse:
            self._send(request)
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
            headers = {"content-type": "application/x-amz-json-1.0", "x-amzn-errortype": code}
            return AWSResponse(request.url, status, headers, _Raw(body))

        self._faults += [(operation, fault)] * times

    def _before_send(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse:
        operation = event_name.rpartition(".")[2]
        self.calls.append(operation)
        for index, (name, fault) in enumerate(self._faults):
            if name == operation:
                del self._faults[index]
                return fault(request)
        return self._send(request)

    def _send(self, request: AWSPreparedRequest) -> AWSResponse:
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
