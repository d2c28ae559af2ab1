"""HTTP API → function: requests as payload format 2.0, answers as API Gateway reads them.

Source: "Working with AWS Lambda proxy integrations for HTTP APIs", API Gateway Developer Guide.
"""

import asyncio
import base64
import json
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from minoots_local.clock import Clock
from minoots_local.functions import LocalFunction
from minoots_local.logs import logger
from minoots_local.template.model import ACCOUNT

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# API Gateway's own bound on a request's payload.
LARGEST_BODY = 10 * 1024 * 1024
THREADS = 32
_TEXTUAL = ("text/", "application/json", "application/xml", "application/javascript")

_log = logger("http")


class HttpApi:
    """The ASGI application in front of one function, behind its `$default` route."""

    def __init__(self, function: LocalFunction, clock: Clock) -> None:
        self._function = function
        self._clock = clock
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="http")

    def close(self) -> None:
        """Start no more requests; those running end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError("an HTTP API has no websockets")
        started_ms = self._clock.now_ms()
        body = await read_body(receive)
        if body is None:
            reply = Reply.of_message(413, "Request Entity Too Large")
        else:
            event = to_event(scope, body, started_ms)
            loop = asyncio.get_running_loop()
            reply = await loop.run_in_executor(self._threads, self._clock.hand_over(self._answer), event)
        await reply.send(send)
        _log.debug(
            f"{scope['method']} {_shown(scope['path'])}",
            extra={"status": reply.status, "ms": round(self._clock.now_ms() - started_ms, 1)},
        )

    def _answer(self, event: dict[str, Any]) -> "Reply":
        try:
            return Reply.of_answer(self._function.invoke(event))
        except Exception:
            _log.exception(
                "the function failed",
                extra={"function": self._function.logical_id, "path": _shown(event["rawPath"])},
            )
            return Reply.of_message(500, "Internal Server Error")


def _shown(path: str) -> str:
    """Return a path as logs may have it: what follows `/acknowledgements/` lets its holder answer."""
    head, found, _ = path.partition("/acknowledgements/")
    return f"{head}{found}…" if found else path


async def read_body(receive: Receive) -> bytes | None:
    """The body; None when it is larger than API Gateway takes."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        size += len(message.get("body", b""))
        if size <= LARGEST_BODY:
            parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts) if size <= LARGEST_BODY else None


def to_event(scope: Scope, body: bytes, now_ms: float) -> dict[str, Any]:
    """A request as payload format 2.0."""
    headers, cookies = _headers(scope["headers"])
    query = scope["query_string"].decode("latin-1")
    raw_path = scope.get("raw_path", scope["path"].encode()).decode("latin-1").split("?", 1)[0]
    client = scope.get("client") or ("127.0.0.1", 0)
    when = datetime.fromtimestamp(now_ms / 1000, UTC)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw_path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "local",
            "domainName": headers.get("host", "localhost"),
            "domainPrefix": "local",
            "http": {
                "method": scope["method"],
                "path": raw_path,
                "protocol": f"HTTP/{scope['http_version']}",
                "sourceIp": client[0],
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": "$default",
            "stage": "$default",
            "time": when.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now_ms),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = cookies
    if parameters := _query(query):
        event["queryStringParameters"] = parameters
    if body:
        event["body"], event["isBase64Encoded"] = _body(body, headers.get("content-type", ""))
    return event


def _headers(raw: list[tuple[bytes, bytes]]) -> tuple[dict[str, str], list[str]]:
    grouped: dict[str, list[str]] = defaultdict(list)
    cookies: list[str] = []
    for name, value in raw:
        text = value.decode("latin-1")
        if name.lower() == b"cookie":
            cookies.extend(part.strip() for part in text.split(";"))
        else:
            grouped[name.decode("latin-1").lower()].append(text)
    return {name: ",".join(values) for name, values in grouped.items()}, cookies


def _query(raw: str) -> dict[str, str]:
    from urllib.parse import parse_qsl

    grouped: dict[str, list[str]] = defaultdict(list)
    for name, value in parse_qsl(raw, keep_blank_values=True):
        grouped[name].append(value)
    return {name: ",".join(values) for name, values in grouped.items()}


def _body(body: bytes, content_type: str) -> tuple[str, bool]:
    if not content_type or content_type.lower().startswith(_TEXTUAL) or "+json" in content_type:
        try:
            return body.decode("utf-8"), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode("ascii"), True


class Reply:
    """What goes back to the caller."""

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self._headers = headers
        self._body = body

    @classmethod
    def of_message(cls, status: int, message: str) -> "Reply":
        """An answer that API Gateway makes itself."""
        body = json.dumps({"message": message}).encode()
        return cls(status, [(b"content-type", b"application/json")], body)

    @classmethod
    def of_answer(cls, answer: Any) -> "Reply":
        """What a function's answer means; without a `statusCode` the whole of it is the body."""
        if not isinstance(answer, dict) or "statusCode" not in answer:
            body = answer if isinstance(answer, str) else json.dumps(answer)
            return cls(200, [(b"content-type", b"application/json")], body.encode())
        headers = [
            (name.lower().encode("latin-1"), _text(value).encode("latin-1"))
            for name, value in (answer.get("headers") or {}).items()
        ]
        for name, values in (answer.get("multiValueHeaders") or {}).items():
            headers += [(name.lower().encode("latin-1"), _text(v).encode("latin-1")) for v in values]
        headers += [(b"set-cookie", str(cookie).encode("latin-1")) for cookie in answer.get("cookies") or []]
        if not any(name == b"content-type" for name, _ in headers):
            headers.append((b"content-type", b"text/plain; charset=utf-8"))
        body = answer.get("body") or ""
        text = body if isinstance(body, str) else json.dumps(body)
        raw = base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()
        return cls(int(answer["statusCode"]), headers, raw)

    async def send(self, send: Send) -> None:
        """Send it."""
        headers = [(name, value) for name, value in self._headers if name != b"content-length"]
        headers.append((b"content-length", str(len(self._body)).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self._body})


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
