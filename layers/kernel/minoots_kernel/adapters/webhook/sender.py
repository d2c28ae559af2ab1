"""Sends webhooks; says of every failure whether another attempt may help."""

from __future__ import annotations

import logging
import ssl
import traceback
import weakref
from typing import Final

import httpcore
import httpx

from minoots_contract.retry import Failure
from minoots_kernel.adapters.clock import SystemClock
from minoots_kernel.adapters.webhook.backend import GuardedBackend
from minoots_kernel.adapters.webhook.exchange import Exchange, exchange_within, shortage
from minoots_kernel.adapters.webhook.guard import AddressGuard, BlockedAddressError
from minoots_kernel.adapters.webhook.replies import Reply, refusal
from minoots_kernel.adapters.webhook.stream import ConnectFailedError
from minoots_kernel.application.ports import Clock
from minoots_kernel.domain.answers import EXCERPT_CHARACTERS, Answer, excerpt_of
from minoots_kernel.domain.errors import ActionError, PermanentActionError, PutOffError, TransientActionError
from minoots_kernel.domain.webhooks import WebhookRequest

__all__ = ["UNSENDABLE", "HttpWebhookSender", "failure_of"]

logger = logging.getLogger(__name__)

MAX_REPLY_BYTES: Final = 64 * 1024
# An excerpt and the longest header value, in characters of four bytes: no secret may be cut before it is masked.
BEGINNING_BYTES: Final = 6 * (EXCERPT_CHARACTERS + 4096)
# Receivers and balancers close idle connections after a minute, some after 15 s or less.
KEEPALIVE_EXPIRY_S: Final = 15
UNSENDABLE: Final = "the request cannot be sent: its URL or a header is not valid in HTTP"
# The first that fits; `{}` is the exchange's time.
_WORDS: Final[tuple[tuple[tuple[type[Exception], ...], type[ActionError], Failure, str], ...]] = (
    ((httpcore.LocalProtocolError, httpcore.UnsupportedProtocol), PermanentActionError, "unsendable", UNSENDABLE),
    ((httpcore.PoolTimeout,), TransientActionError, "internal", "no connection was free"),
    ((httpcore.TimeoutException,), TransientActionError, "timeout", "no answer within {} ms"),
    (
        (httpcore.RemoteProtocolError,),
        TransientActionError,
        "connection",
        "the receiver's answer is incomplete, or not HTTP",
    ),
    ((httpcore.NetworkError,), TransientActionError, "connection", "the connection broke"),
)


class HttpWebhookSender:
    """The webhook port over HTTP/1.1: connections that outlive an invocation, no redirects, cookies or proxies.

    The requests of all tenants go through the same connections, so nothing but these is kept from one to the next:
    this is httpcore's pool without httpx's client above it.

    Args:
        guard: Which addresses may be reached.
        max_connections: Most connections open at once, those of repeated requests not counted.
        clock: Tells what time it is when a receiver names one; the system's without it.
        tls: Which certificates to trust; those that certifi has without it.
    """

    def __init__(
        self,
        guard: AddressGuard,
        max_connections: int = 64,
        clock: Clock | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        backend = GuardedBackend(guard)
        tls = tls or httpx.create_ssl_context(trust_env=False)
        self._pool = httpcore.ConnectionPool(
            tls, max_connections=max_connections, keepalive_expiry=KEEPALIVE_EXPIRY_S, network_backend=backend
        )
        # Keeps none, so that each of its requests has a new connection.
        self._fresh = httpcore.ConnectionPool(
            tls, max_connections=max_connections, max_keepalive_connections=0, network_backend=backend
        )
        weakref.finalize(self, _close, self._pool, self._fresh)

    def send(self, request: WebhookRequest) -> Answer:
        """Send one request; see the port. No other exception leaves it, and no reason has a library's words in it."""
        with exchange_within(request.timeout_ms, request.tenant_id) as exchange:
            try:
                reply = self._ask(_wire(request), request.body, exchange)
                failure = refusal(reply, self._clock.now_ms())
            except PutOffError:
                raise  # nothing was sent
            except httpcore.PoolTimeout:
                raise shortage("as many connections are open as may be, and all are in use") from None
            except Exception as error:
                broken = failure_of(error, request.timeout_ms)
                broken.answer = _answer(exchange)
                # Not chained: a library's text may quote what the request carries, and would be printed with ours.
                raise broken from None
        if failure is not None:
            failure.answer = _answer(exchange, reply.status, excerpt_of(reply.body, request.secrets))
            raise failure
        return _answer(exchange, reply.status)

    def close(self) -> None:
        """Close the connections; later requests open new ones."""
        _close(self._pool, self._fresh)

    def _ask(self, wire: httpx.Request, body: bytes | None, exchange: Exchange) -> Reply:
        try:
            return _exchange(self._pool, wire, body, exchange)
        except (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError):
            if exchange.connected or exchange.answered:
                raise
        # The receiver closed a kept connection while we wrote (RFC 9112, 9.3.1): that says nothing about the request,
        # which must not lose an attempt to it. Should it have been read after all, the delivery's id is the same.
        return _exchange(self._fresh, wire, body, exchange)


def _close(*pools: httpcore.ConnectionPool) -> None:
    for pool in pools:
        pool.close()


def _wire(request: WebhookRequest) -> httpx.Request:
    """Write the request down as HTTP has it: the URL percent-encoded, its host in IDNA, `Host`, `Content-Length`."""
    try:
        return httpx.Request(request.method, request.url, headers=request.headers, content=request.body)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise PermanentActionError(UNSENDABLE, failure="unsendable") from None


def _exchange(pool: httpcore.ConnectionPool, wire: httpx.Request, body: bytes | None, exchange: Exchange) -> Reply:
    url = httpcore.URL(scheme=wire.url.raw_scheme, host=wire.url.raw_host, port=wire.url.port, target=wire.url.raw_path)
    # Only for a free place in the pool; the steps after it look at the exchange.
    timeouts = {"pool": exchange.patience_s()}
    with pool.stream(wire.method, url, headers=wire.headers.raw, content=body, extensions={"timeout": timeouts}) as got:
        # Read a little, so that the connection can be used again; a longer reply is not worth its bytes.
        size, beginning = 0, bytearray()
        for chunk in got.iter_stream():
            size += len(chunk)
            beginning += chunk[: BEGINNING_BYTES - len(beginning)]
            if size > MAX_REPLY_BYTES:
                break
        return Reply(got.status, got.headers, bytes(beginning))


def _answer(exchange: Exchange, status: int | None = None, excerpt: str | None = None) -> Answer:
    connect_ms = exchange.since_start_ms(exchange.connected_s)
    return Answer(status, connect_ms, exchange.since_start_ms(exchange.answered_s), excerpt)


def failure_of(error: Exception, timeout_ms: int) -> ActionError:
    """Return the failed attempt that an exception within an exchange stands for.

    Args:
        error: What was raised.
        timeout_ms: The exchange's time, milliseconds.
    """
    if isinstance(error, ActionError):
        return error
    if isinstance(error, BlockedAddressError):
        return PermanentActionError(str(error), failure="unsendable")
    if isinstance(error, ConnectFailedError):
        return TransientActionError(str(error), failure="connection")
    for classes, kind, failure, words in _WORDS:
        if isinstance(error, classes):
            return kind(words.format(timeout_ms), failure=failure)
    where = traceback.extract_tb(error.__traceback__)[-1]
    logger.error("webhook broke off: %s at %s:%s", type(error).__name__, where.name, where.lineno)
    return TransientActionError(f"the attempt broke off: {type(error).__name__}", failure="internal")
