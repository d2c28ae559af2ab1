"""What of a server's messages the SDK gets to read.

It reads strictly, and what it cannot read is no answer to it: the tool would be called again, though it has run. So
messages are read here first, as leniently as they can be understood, and written anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final

import httpx2
from anyio import to_thread

from minoots_kernel.adapters.agents.mcp_messages import Message
from minoots_kernel.domain.errors import ActionError, PermanentActionError, TransientActionError

__all__ = ["EVENTS", "NOT_MCP", "UNANSWERED", "Events", "answer_to", "refusal_of", "refused"]

NOT_MCP: Final = "the target's answer is not MCP"
UNANSWERED: Final = "the MCP server did not answer the request"
EVENTS: Final = "text/event-stream"
MAX_DEPTH: Final = 100
"""What is nested deeper is read as null. The SDK's parser takes 200 levels, and Python's nearly a thousand."""
_LARGEST_CODE: Final = 2**31
_LASTING: Final = frozenset({-32700, -32600, -32601, -32602, -32022})
"""By JSON-RPC 2.0, 5.1: parse error, invalid request, unknown method, invalid parameters; MCP's unsupported version."""
_END: Final = {"code": -32603, "message": "refused"}
# A bracket, or a string that need not end: so none is looked at twice.
_NESTING: Final = re.compile(r'[\[\]{}]|"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
# Of the greetings nothing but the revision is needed; by what a server leaves out of the rest it would be refused.
_GREETINGS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "initialize": ("protocolVersion", {"capabilities": {}, "serverInfo": {"name": "", "version": ""}}),
    "server/discover": (
        "supportedVersions",
        {"capabilities": {}, "resultType": "complete", "ttlMs": 0, "cacheScope": "public"},
    ),
}


def refused(code: Any) -> ActionError:
    """Return the failure that an error of JSON-RPC stands for; nothing of it is said but its code.

    Args:
        code: What stands there for one; may be anything, our own secrets too.
    """
    if type(code) is not int or abs(code) > _LARGEST_CODE:
        code = None
    said = f"the MCP server answered with error {code}"
    if code in _LASTING:
        return PermanentActionError(said, failure="clientError")
    return TransientActionError(said, failure="serverError")


def answer_to(request: Message, content: bytes) -> bytes:
    """Return the answer to a request as the SDK can read it.

    Args:
        request: What was asked.
        content: What came.

    Raises:
        PermanentActionError: If it is not MCP at all.
        TransientActionError: If it answers something else, or is an error without a code.
    """
    said = _read(content.decode("utf-8-sig", "replace"))
    if not _is_answer(said) or not _is_same(said.get("id"), request.number):
        raise TransientActionError(UNANSWERED, failure="connection")
    return _anew(request, said)


def refusal_of(request: Message, content: bytes) -> bytes | None:
    """Return the error of JSON-RPC in the content of an answer as the SDK can read it; nothing if there is none.

    Args:
        request: What was asked. The error's own id does not count: who refuses a message may not have read it.
        content: What came.
    """
    try:
        said = _read(content.decode("utf-8-sig", "replace"))
    except PermanentActionError:
        return None
    if not isinstance(said, dict) or not _is_readable(said.get("error")):
        return None
    return _anew(request, said)


class Events(httpx2.AsyncByteStream):
    """The events of a stream as they come. Of the answers in it, the SDK is shown only that to the request.

    Args:
        request: What was asked.
        carrier: The request of HTTP that was answered.
        chunks: The content.
        opened: What to close with it.
        note: Told of what went wrong.
    """

    def __init__(
        self,
        request: Message,
        carrier: httpx2.Request,
        chunks: Iterator[bytes],
        opened: ExitStack,
        note: Callable[[Exception], None],
    ) -> None:
        self._request = request
        self._source = httpx2.Response(200, headers={"content-type": EVENTS}, stream=_Chunks(chunks), request=carrier)
        self._opened = opened
        self._note = note

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the events, written anew."""
        try:
            async for event in httpx2.EventSource(self._source, max_event_size=None):
                yield _event(event, self._passed(event.data) if event.event == "message" else event.data)
        except Exception as error:
            self._note(error)
            if isinstance(error, ActionError):  # that nobody waits for an answer, or takes the stream up again
                yield b"data: %s\n\n" % _written(self._request, error=_END)

    async def aclose(self) -> None:
        """End it, and the connection that it comes over."""
        self._opened.close()

    def _passed(self, data: str) -> str:
        """Return what of an event's data the SDK is shown."""
        try:
            said = _read(data)
        except PermanentActionError:
            return data  # by which the SDK ends the stream, as by anything that is not JSON-RPC
        if not _is_answer(said):
            return _dumped(said).decode()
        return _anew(self._request, said).decode() if _is_same(said.get("id"), self._request.number) else ""


class _Chunks(httpx2.AsyncByteStream):
    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # In a thread, for what the server asks within its stream may have to be answered before it goes on.
        while (chunk := await to_thread.run_sync(next, self._chunks, None)) is not None:
            yield chunk


def _event(event: httpx2.ServerSentEvent, data: str) -> bytes:
    lines = [f"event: {event.event}", f"id: {event.id}", *(f"data: {line}" for line in data.split("\n"))]
    if event.retry is not None:
        lines.append(f"retry: {event.retry}")
    return ("\n".join(lines) + "\n\n").encode()


def _read(text: str) -> Any:
    try:
        return json.loads(_shallow(text), strict=False, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        raise PermanentActionError(NOT_MCP, failure="invalidResponse") from None


def _shallow(text: str) -> str:
    """Return JSON with null for what is nested too deeply."""
    depth, since, kept = 0, 0, []
    for found in _NESTING.finditer(text):
        if found[0] in ("[", "{"):
            depth += 1
            if depth == MAX_DEPTH + 1:
                kept.append(text[since : found.start()])
        elif found[0] in ("]", "}"):
            depth -= 1
            if depth == MAX_DEPTH:
                since = found.end()
    return "null".join([*kept, text[since:]]) if kept and depth == 0 else text


def _anew(request: Message, said: dict[str, Any]) -> bytes:
    error, result = said.get("error"), said.get("result")
    if error is not None:
        if not _is_readable(error):
            raise refused(error.get("code") if isinstance(error, dict) else None)
        return _written(request, error=error)
    if not isinstance(result, dict):
        raise PermanentActionError(NOT_MCP, failure="invalidResponse")
    if request.part in _GREETINGS:
        name, rest = _GREETINGS[request.part]
        result = rest | {name: result.get(name)}
    return _written(request, result=result)


def _written(request: Message, **said: Any) -> bytes:
    return _dumped({"jsonrpc": "2.0", "id": request.number, **said})


def _dumped(said: Any) -> bytes:
    """Write JSON; halves of surrogate pairs, which UTF-8 does not have, become question marks."""
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _is_answer(said: Any) -> bool:
    return isinstance(said, dict) and "method" not in said and bool(said.keys() & {"result", "error"})


def _is_same(found: Any, number: Any) -> bool:
    """Say whether an id is that of a request: some servers give it back as text."""
    return type(found) is not bool and (found == number or found == str(number))


def _is_readable(error: Any) -> bool:
    """Say whether an error is one that the SDK takes for one."""
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return False
    code = error.get("code")
    return type(code) is int and abs(code) <= _LARGEST_CODE
