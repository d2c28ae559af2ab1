"""MCP servers: of the official SDK, and of bytes, which answer as no SDK would."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from minoots_contract.agents import AgentBinding
from minoots_kernel.adapters.agents.mcp import McpReceiver
from minoots_kernel.adapters.webhook.conversation import Conversations
from minoots_kernel.adapters.webhook.guard import AddressGuard
from minoots_kernel.application.ports import Performed
from minoots_kernel.domain.agents import AgentDelivery
from minoots_kernel.domain.errors import ActionError
from minoots_kernel.domain.webhooks import NO_CREDENTIALS, Credentials
from tests.unit.adapters.webhook.servers import TRUSTS_NOBODY, Server, Talk, raw_server, reply
from tests.unit.domain.builders import NOW_MS, fired

LOOPBACK = "127.0.0.0/8"


def delivery(
    url: str, payload: dict[str, Any] | None = None, credentials: Credentials = NO_CREDENTIALS, **binding: Any
) -> AgentDelivery:
    read = AgentBinding.model_validate({"adapter": "mcp", "target": url, "timeoutMs": 10_000} | binding)
    said = {"ticket": 7} if payload is None else payload
    return AgentDelivery(
        fired("a"), "a", "agent_prompt", 1, NOW_MS, read, None, said, templated=True, credentials=credentials
    )


def call(url: str, payload: dict[str, Any] | None = None, *, allowed: str = LOOPBACK, **binding: Any) -> Performed:
    return McpReceiver(Conversations(AddressGuard([allowed]), TRUSTS_NOBODY)).deliver(delivery(url, payload, **binding))


def failure(url: str, payload: dict[str, Any] | None = None, **more: Any) -> ActionError:
    with pytest.raises(ActionError) as caught:
        call(url, payload, **more)
    return caught.value


class Official:
    """A server of the SDK, and what its tools were told."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.server = MCPServer("tests", log_level="ERROR")
        self.server.add_tool(self.agent_prompt)
        self.server.add_tool(self.wake)
        self.server.add_tool(self.chatty)
        self.server.add_tool(self.broken)

    def agent_prompt(self, ticket: int) -> str:
        self.calls.append({"tool": "agent_prompt", "ticket": ticket})
        return "done"

    def wake(self, ticket: int, ctx: Context[Any, Any]) -> str:
        meta = ctx.request_context.meta
        self.calls.append({"tool": "wake", "ticket": ticket, "meta": dict(meta or {})})
        return "done"

    async def chatty(self, ticket: int, ctx: Context[Any, Any]) -> str:
        await ctx.report_progress(1, 2, "half")
        self.calls.append({"tool": "chatty", "ticket": ticket})
        return "done"

    def broken(self) -> str:
        raise ToolError("the coffee is out; token was abc-secret")

    def app(self, **how: Any) -> Any:
        inner = self.server.streamable_http_app(**how)

        async def noting(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                headers = {name.decode(): value.decode() for name, value in scope["headers"]}
                self.requests.append((scope["method"], headers))
            await inner(scope, receive, send)

        return noting


@contextmanager
def serving(app: Any) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, log_level="error", lifespan="on", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
        finally:
            server.should_exit = True
            thread.join()


HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "x", "version": "1"}}


def message(number: int, **content: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, **content}).encode()


def as_json(body: bytes, status: int = 200, *headers: str) -> bytes:
    return reply(status, "Content-Type: application/json", *headers, body=body)


HELLO_REPLY = as_json(message(1, result=HELLO))
HELLO_SESSION = as_json(message(1, result=HELLO), 200, "Mcp-Session-Id: s1")
STREAM = "Content-Type: text/event-stream"
ACCEPTED = reply(202)
DONE = as_json(message(2, result={"content": []}))


def stepping(*steps: bytes | Callable[[Talk], None]) -> Callable[[Talk], None]:
    """Answer one request after another, with bytes or as a function does."""

    def talk(connection: Talk) -> None:
        while connection.read_request():
            step = steps[min(len(connection.server.requests), len(steps)) - 1]
            if isinstance(step, bytes):
                connection.sock.sendall(step)
            else:
                step(connection)

    return talk


def talked(*steps: bytes, **more: Any) -> tuple[ActionError | Performed, Server]:
    with raw_server(stepping(*steps)) as server:
        try:
            return call(server.url, **more), server
        except ActionError as error:
            return error, server


def sent(request: bytes) -> tuple[str, dict[str, str], bytes]:
    """The method, the header fields and the body of a request."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return (
        first.split(" ")[0],
        {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)},
        body,
    )
