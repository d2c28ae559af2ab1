"""The one gate through which every AWS call of the process reaches moto.

boto3 clients made anywhere in the process send their requests here instead of to the network (by
botocore's `before-send` hook, moto's own way), and so does the HTTP endpoint. The gate serialises
calls, because moto checks and writes in separate steps where DynamoDB is atomic, and answers a
table call only once everything that it wrote or may have read is durable.
"""

import contextlib
import functools
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import moto.core.responses as moto_responses
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.handlers import BUILTIN_HANDLERS
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber
from moto.core.request import normalize_request
from moto.core.utils import method_names_from_class
from moto.dynamodb.responses import DynamoHandler
from moto.events.responses import EventsHandler
from moto.kms.responses import KmsResponse
from moto.scheduler.responses import EventBridgeSchedulerResponse
from moto.sqs.responses import SQSResponse

from minoots_local.errors import JournalWriteError

# moto finds the class for a URL by trying hundreds of patterns; these few are all we ever need.
_RESPONSES: dict[str, Any] = {
    "dynamodb": DynamoHandler,
    "events": EventsHandler,
    "kms": KmsResponse,
    "scheduler": EventBridgeSchedulerResponse,
    "sqs": SQSResponse,
}
_DOMAIN = ".amazonaws.com"
_HOST = re.compile(r"(dynamodb|events|kms|scheduler|sqs)\.us-east-1\.amazonaws\.com")

_REFLECTION = "method_names_from_class"

DISK_REFUSED = b'{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"%s"}'


@dataclass(frozen=True, slots=True)
class AwsCall:
    """One call of an AWS operation, as observers see it.

    Attributes:
        service: The SDK's name of the service, such as `dynamodb`, `sqs`, `eventbridge`.
        operation: Name of the operation, such as `PutItem`.
    """

    service: str
    operation: str


@dataclass(frozen=True, slots=True)
class AwsReply:
    """An answer on the wire."""

    status: int
    headers: dict[str, str]
    body: bytes | str


class NoAnswerError(Exception):
    """A caller is to see its connection close, or no answer in time, whatever was done.

    Attributes:
        timed_out: Whether it is the latter.
    """

    def __init__(self, *, timed_out: bool) -> None:
        super().__init__("no answer in time" if timed_out else "the connection was closed")
        self.timed_out = timed_out


class Durability(Protocol):
    """What makes table writes durable; see `minoots_local.aws.write_path`."""

    def seal(self, *, succeeded: bool) -> int:
        """Under the lock, as a call ends: take note of its writes and return a ticket."""
        ...

    def settle(self, ticket: int) -> None:
        """Outside the lock: return once the ticket is durable; raises `JournalWriteError`."""
        ...


class AwsGate:
    """Serialises AWS calls and orders each answer after the disk.

    Attributes:
        lock: Held while moto runs. Players that read moto's state directly hold it too.
        observers: Called after each successful call, under the lock.
        wire: What lies between the callers and this: makes the call or does not, answers or raises `NoAnswerError`.
        direct: Asked for the answer to a DynamoDB operation and its body before moto is, which is slow at them.
        invocations: Asked for the answer to an invocation of a function before moto is, which would need Docker.
        unlocked: Asked first of all, without the lock: for what runs functions, or waits, before it answers.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.observers: list[Callable[[AwsCall], None]] = []
        self.wire: Callable[[AwsCall, Callable[[], AwsReply]], AwsReply] | None = None
        self.durability: Durability | None = None
        self.direct: Callable[[str, bytes], AwsReply | None] | None = None
        self.invocations: Callable[[AWSPreparedRequest], AwsReply | None] | None = None
        self.unlocked: Callable[[AwsCall, AWSPreparedRequest], Callable[[], AwsReply] | None] | None = None

    def answer(self, call: AwsCall, request: AWSPreparedRequest) -> AwsReply:
        """Answer a request, by whatever here can.

        Raises:
            NoAnswerError: The caller is not to get one.
        """
        run = self.unlocked(call, request) if self.unlocked else None
        if run is not None:
            return self.wire(call, run) if self.wire else run()
        return self.call(call, lambda: self.answered_directly(call, request) or answer(request))

    def call(self, call: AwsCall, run: Callable[[], AwsReply]) -> AwsReply:
        """Run one call, and return its answer when it may be given.

        Raises:
            NoAnswerError: The caller is not to get one.
        """
        return self.wire(call, lambda: self._done(call, run)) if self.wire else self._done(call, run)

    def _done(self, call: AwsCall, run: Callable[[], AwsReply]) -> AwsReply:
        with self.lock:
            succeeded = False
            try:
                reply = run()
                succeeded = reply.status < 400
            finally:
                ticket = self.durability.seal(succeeded=succeeded) if self.durability else 0
            if succeeded:
                for observer in self.observers:
                    observer(call)
        if self.durability and call.service == "dynamodb":
            try:
                self.durability.settle(ticket)
            except JournalWriteError as error:
                message = str(error).replace('"', "'").encode()
                return AwsReply(500, {"x-amzn-requestid": "local"}, DISK_REFUSED % message)
        return reply

    def answered_directly(self, call: AwsCall, request: AWSPreparedRequest) -> AwsReply | None:
        """The answer to a call that needs no moto, under the lock; None to most calls."""
        if self.invocations is not None and (call.service, call.operation) == ("lambda", "Invoke"):
            return self.invocations(request)
        if self.direct is None or call.service != "dynamodb" or not isinstance(request.body, bytes):
            return None
        # Tables of another region are not these.
        return self.direct(call.operation, request.body) if _HOST.fullmatch(urlsplit(request.url).netloc) else None

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lock for a change of tables that no API call makes (TTL); durable on leaving.

        Raises:
            JournalWriteError: The disk refused.
        """
        ticket = 0
        with self.lock:
            try:
                yield
            finally:
                ticket = self.durability.seal(succeeded=True) if self.durability else 0
        if self.durability:
            self.durability.settle(ticket)


def answer(request: AWSPreparedRequest) -> AwsReply:
    """Moto's answer to a request."""
    host = _HOST.fullmatch(urlsplit(request.url).netloc)
    if host is None:
        found = botocore_stubber.process_request(request)
    else:
        normalized = normalize_request(request)
        found = _RESPONSES[host.group(1)].dispatch(normalized, normalized.raw_url, normalized.headers)
    if found is None:
        return AwsReply(404, {}, b"moto does not know this service")
    status, headers, body = found
    return AwsReply(int(status), dict(headers), body)


class _Hook:
    """Handles `before-call` and `before-send` of every boto3 client; passes requests to the open gate."""

    def __init__(self) -> None:
        self.gate: AwsGate | None = None

    def leave_unsigned(self, params: dict[str, Any], **_kwargs: Any) -> None:
        """Have a request that the gate will answer go unsigned.

        Nothing here checks signatures, and making one is 0.15 ms of a call. botocore leaves operations whose model
        says `authtype: none` unsigned, and reads that from the context (`set_operation_specific_signer`).
        """
        if self.gate is not None and _is_ours(params["url"]):
            params["context"]["auth_type"] = "none"

    def __call__(self, event_name: str, request: AWSPreparedRequest, **_kwargs: Any) -> AWSResponse | None:
        """Answer a request for AWS; None lets it go to the network."""
        gate = self.gate
        if gate is None or not _is_ours(request.url):
            return None  # to the network: a client with an endpoint of its own
        _, service, operation = event_name.split(".", 2)
        call = AwsCall(service, operation)
        try:
            reply = gate.answer(call, request)
        except NoAnswerError as error:
            # What botocore makes of urllib3's errors; it tries again as it would after those.
            raise (ReadTimeoutError if error.timed_out else ConnectionClosedError)(endpoint_url=request.url) from None
        return AWSResponse(
            request.url,
            reply.status,
            reply.headers,  # type: ignore[arg-type] # moto passes a dict, too
            MockRawResponse(reply.body),
        )


def _is_ours(url: str) -> bool:
    return (urlsplit(url).hostname or "").endswith(_DOMAIN)


_hook = _Hook()
# Clients take their handlers from this list when they are made; so does moto's own.
BUILTIN_HANDLERS[:0] = [("before-send", _hook), ("before-call", _hook.leave_unsigned)]


@contextlib.contextmanager
def opened(gate: AwsGate) -> Iterator[None]:
    """Send every AWS call of the process through `gate`."""
    if _hook.gate is not None:
        raise RuntimeError("one local stack per process: moto keeps its state in the process")
    looked_up = vars(moto_responses)[_REFLECTION]
    # moto lists a class's methods by reflection on every call; they do not change.
    setattr(moto_responses, _REFLECTION, functools.cache(method_names_from_class))
    _hook.gate = gate
    # botocore asks every handler, and moto's would run each call a second time.
    botocore_stubber.enabled = False
    try:
        yield
    finally:
        botocore_stubber.enabled = True
        _hook.gate = None
        setattr(moto_responses, _REFLECTION, looked_up)
