"""Several requests to one receiver within one time, whose answers are read: what a protocol over HTTP needs."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import httpcore
import httpx

from minoots_kernel.adapters.webhook.backend import GuardedBackend
from minoots_kernel.adapters.webhook.exchange import Exchange, current_exchange, exchange_within
from minoots_kernel.adapters.webhook.guard import AddressGuard
from minoots_kernel.adapters.webhook.sender import failure_of
from minoots_kernel.domain.errors import PermanentActionError, PutOffError

__all__ = ["Answer", "Conversation", "Conversations"]

MAX_ANSWER_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """A receiver's answer, while its connection is open.

    Attributes:
        status: The HTTP status.
        headers: Names and values as they came.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    _response: httpcore.Response

    def header(self, name: str) -> str | None:
        """Return the first field of a name, whatever its case."""
        wanted = name.lower().encode()
        return next((value.decode("latin-1") for found, value in self.headers if found.lower() == wanted), None)

    def chunks(self) -> Iterator[bytes]:
        """Yield the content as it comes.

        Raises:
            PermanentActionError: If there is more than `MAX_ANSWER_BYTES`.
        """
        size = 0
        for chunk in self._response.iter_stream():
            size += len(chunk)
            if size > MAX_ANSWER_BYTES:
                raise PermanentActionError("the receiver's answer is too long", failure="invalidResponse")
            yield chunk

    def lines(self) -> Iterator[str]:
        """Yield the lines of the content as they come, without their ends.

        Raises:
            PermanentActionError: If there is more than `MAX_ANSWER_BYTES`.
        """
        rest = b""
        for chunk in self.chunks():
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (line.decode("utf-8", "replace").removesuffix("\r") for line in whole)
        if rest:
            yield rest.decode("utf-8", "replace")


class Conversation:
    """The requests to one receiver; each may use the connection of the one before."""

    def __init__(self, pool: httpcore.ConnectionPool, exchange: Exchange) -> None:
        self._pool = pool
        self._exchange = exchange

    def left_s(self) -> float:
        """Return the seconds that are left for all that is still to come, more than 0.

        Raises:
            httpcore.TimeoutException: If there are none.
        """
        return self._exchange.left_s(httpcore.ReadTimeout)

    @contextmanager
    def briefly(self, most_s: float) -> Iterator[None]:
        """Give what is asked within the block a time of its own: so much, or what is left for all if that is less.

        Args:
            most_s: So many seconds.

        Raises:
            httpcore.TimeoutException: If nothing is left.
        """
        left_s = min(most_s, self._exchange.left_s(httpcore.ConnectTimeout))
        with exchange_within(round(left_s * 1000), self._exchange.party):
            yield

    @contextmanager
    def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Iterator[Answer]:
        """Send a request and have its answer as long as the block lasts; redirects are not followed."""
        wire = httpx.Request(method, url, headers=dict(headers), content=body)
        target = httpcore.URL(
            scheme=wire.url.raw_scheme, host=wire.url.raw_host, port=wire.url.port, target=wire.url.raw_path
        )
        timeouts = {"pool": current_exchange().left_s(httpcore.ConnectTimeout)}
        with self._pool.stream(
            method, target, headers=wire.headers.raw, content=body, extensions={"timeout": timeouts}
        ) as response:
            yield Answer(response.status, list(response.headers), response)


class Conversations:
    """Opens conversations. Each has connections of its own, which end with it.

    Args:
        guard: Which addresses may be reached.
        tls: Which certificates to trust; those that certifi has without it.
    """

    def __init__(self, guard: AddressGuard, tls: ssl.SSLContext | None = None) -> None:
        self._backend = GuardedBackend(guard)
        self._tls = tls or httpx.create_ssl_context(trust_env=False)

    @contextmanager
    def within(self, timeout_ms: int, party: str = "") -> Iterator[Conversation]:
        """Open a conversation that has so many milliseconds in all.

        Args:
            timeout_ms: So many.
            party: The tenant that it is for; none for the service's own.

        Raises:
            PutOffError: If the receiver's name cannot be looked up now; nothing was sent.
            TransientActionError: If the receiver cannot be reached, breaks off or takes too long.
            PermanentActionError: If it may not be reached, or a request cannot be sent.
        """
        pool = httpcore.ConnectionPool(self._tls, max_connections=2, network_backend=self._backend)
        try:
            with exchange_within(timeout_ms, party) as exchange, pool:
                yield Conversation(pool, exchange)
        except PutOffError:
            raise
        except (httpx.InvalidURL, UnicodeError) as error:
            raise PermanentActionError(
                "the request cannot be sent: its URL or a header is not valid in HTTP"
            ) from error
        except Exception as error:
            # Not chained: a library's text may quote what a request carries, and would be printed with ours.
            raise failure_of(error, timeout_ms) from None
