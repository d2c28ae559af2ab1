"""One conversation with an MCP server, by the official SDK: agree on a revision, call the tool, end the session.

Importing this costs some 0.6 s of CPU: whoever calls a tool does it, and nobody before.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

import anyio
import httpcore
import httpx2
from mcp import ClientSession, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.dispatcher import CallOptions
from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher
from mcp.shared.transport_context import TransportContext
from mcp_types import (
    CONNECTION_CLOSED,
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    UNSUPPORTED_PROTOCOL_VERSION,
    CallToolRequest,
    CallToolRequestParams,
    Implementation,
    PaginatedRequestParams,
    Result,
    UnsupportedProtocolVersionErrorData,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from minoots_kernel.adapters.agents.mcp_answers import NOT_MCP, UNANSWERED, refused
from minoots_kernel.adapters.agents.mcp_messages import meta_of
from minoots_kernel.adapters.agents.mcp_transport import GuardedTransport
from minoots_kernel.adapters.webhook.conversation import Conversation
from minoots_kernel.application.ports import Clock
from minoots_kernel.domain.agents import AgentDelivery
from minoots_kernel.domain.errors import ActionError, PermanentActionError, TransientActionError

__all__ = ["call_tool"]

CLIENT: Final = Implementation(name="minoots", version="1")
UNKNOWN_REVISION: Final = "the MCP server speaks no revision of the protocol that is known here"
MAX_PAGES: Final = 100
WANTS_INPUT: Final = "the tool asks for input, and nobody here can give it"
# By these a server that knows no handshake refuses one.
_NO_HANDSHAKE: Final = frozenset({METHOD_NOT_FOUND, HEADER_MISMATCH, INVALID_PARAMS, INVALID_REQUEST})
# The SDK's own words, with codes that a server might use too, for a stream that ends or is not to be understood.
_UNANSWERED: Final = {CONNECTION_CLOSED: ("SSE stream", "Connection closed"), PARSE_ERROR: ("Failed to parse",)}

# What these log are other people's words, and URLs: of an attempt that failed we say what is to be said ourselves.
for _name in ("mcp", "client", "httpx2"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


def call_tool(conversation: Conversation, delivery: AgentDelivery, clock: Clock) -> dict[str, Any]:
    """Call a binding's tool and return its result.

    Args:
        conversation: Makes the requests, and has the time for all of it.
        delivery: What is delivered.
        clock: Tells what time it is when a server names one.

    Raises:
        ActionError: If the server refuses, or what it says is not MCP.
        Exception: Whatever the conversation broke off with.
    """
    talk = _Talk(conversation, delivery, clock)
    try:
        anyio.run(talk.run)
    except TimeoutError:
        talk.note(httpcore.ReadTimeout("the time is up"))
    except Exception as error:  # after the result nothing matters that may still go wrong
        talk.note(_alone(error))
    if talk.result is not None:
        return talk.result
    raise talk.failure or TransientActionError(UNANSWERED, failure="connection")


class _Talk:
    def __init__(self, conversation: Conversation, delivery: AgentDelivery, clock: Clock) -> None:
        self._left_s = conversation.left_s
        self._delivery = delivery
        self._transport = GuardedTransport(conversation, delivery, clock)
        self._failure: Exception | None = None
        self.result: dict[str, Any] | None = None

    @property
    def failure(self) -> Exception | None:
        """What the conversation failed of: what came of a request rather than what the SDK made of it."""
        return self._transport.failure or self._failure

    def note(self, error: Exception) -> None:
        """Take down what went wrong, unless something did before."""
        self._failure = self._failure or error

    async def run(self) -> None:
        """Have the conversation, within its time."""
        with anyio.fail_after(self._left_s()):
            async with (
                httpx2.AsyncClient(transport=self._transport, trust_env=False) as client,
                streamable_http_client(self._delivery.target, http_client=client, max_sse_event_size=None) as streams,
            ):
                dispatcher = _Dispatcher(*streams)
                async with ClientSession(dispatcher=dispatcher, client_info=CLIENT) as session:
                    try:
                        await _agree(session)
                        self.result = await self._call(session, dispatcher)
                    except (ActionError, MCPError, ValidationError) as error:
                        self.note(_said(error))

    async def _call(self, session: ClientSession, dispatcher: _Dispatcher) -> dict[str, Any]:
        tool = self._delivery.binding.tool or self._delivery.kind
        params = CallToolRequestParams(name=tool, arguments=self._delivery.payload, _meta=meta_of(self._delivery))
        try:
            answer = await _asked(session, dispatcher, params)
        except MCPError as error:
            if error.code != HEADER_MISMATCH or session.protocol_version not in MODERN_PROTOCOL_VERSIONS:
                raise
            # Some of the arguments have to be in header fields, too; which, the tool's listing says.
            await _list_until(session, tool)
            answer = await _asked(session, dispatcher, params)
        if answer.get("resultType") == "input_required":
            raise PermanentActionError(WANTS_INPUT, failure="clientError")
        return answer


class _Dispatcher(JSONRPCDispatcher[TransportContext]):
    """The SDK's, which keeps the last answer as it came."""

    def __init__(self, *streams: Any) -> None:
        super().__init__(*streams)
        self.answer: dict[str, Any] | None = None

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None, **related: Any
    ) -> dict[str, Any]:
        """Send a request, and note what comes back."""
        self.answer = await super().send_raw_request(method, params, opts, **related)
        return self.answer


async def _asked(session: ClientSession, dispatcher: _Dispatcher, params: CallToolRequestParams) -> dict[str, Any]:
    dispatcher.answer = None
    try:
        # Not the session's own call_tool: to check the result, that lists the server's tools first.
        await session.send_request(CallToolRequest(params=params), Result)
    except ValidationError:
        # The tool has run. That its result is not quite what the revision says makes that no failure.
        if dispatcher.answer is None:
            raise
    return dispatcher.answer or {}


async def _list_until(session: ClientSession, tool: str) -> None:
    """List the server's tools, page by page, until one of the name is there: the session remembers what it wants."""
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor))
        cursor = page.next_cursor
        if cursor is None or any(one.name == tool for one in page.tools):
            return


async def _agree(session: ClientSession) -> None:
    """Agree on a revision: by the handshake, or, if the server has none, by asking what it speaks.

    This order, and not the SDK's, because nearly every server still has the handshake: the question first would be one
    message more to all of them.

    Raises:
        MCPError: If the server refuses either.
        PermanentActionError: If there is no revision that both sides know.
    """
    try:
        try:
            await session.initialize()
        except MCPError as error:
            if not _has_no_handshake(error):
                raise
            await session.discover()
    except (RuntimeError, ValidationError):
        raise PermanentActionError(UNKNOWN_REVISION, failure="invalidResponse") from None


def _has_no_handshake(error: MCPError) -> bool:
    if error.code != UNSUPPORTED_PROTOCOL_VERSION:
        return error.code in _NO_HANDSHAKE
    try:
        supported = UnsupportedProtocolVersionErrorData.model_validate(error.error.data).supported
    except ValidationError:
        return False
    return not set(supported).isdisjoint(MODERN_PROTOCOL_VERSIONS)


def _alone(error: Exception) -> Exception:
    """Take an exception out of the groups that task groups put it in."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _said(error: ActionError | MCPError | ValidationError) -> ActionError:
    if isinstance(error, ActionError):
        return error
    if isinstance(error, ValidationError):
        return PermanentActionError(NOT_MCP, failure="invalidResponse")
    if error.message.startswith(_UNANSWERED.get(error.code, ())):
        return TransientActionError(UNANSWERED, failure="connection")
    return refused(error.code)
