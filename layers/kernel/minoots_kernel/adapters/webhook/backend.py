"""How httpcore's pool gets its connections: to checked addresses only, within the exchange's time."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any, Final

import httpcore

from minoots_kernel.adapters.webhook.exchange import Exchange, current_exchange
from minoots_kernel.adapters.webhook.guard import AddressGuard, BlockedAddressError
from minoots_kernel.adapters.webhook.resolver import Endpoint, Resolver
from minoots_kernel.adapters.webhook.stream import ConnectFailedError, DeadlineStream

__all__ = ["GuardedBackend"]

MAX_ADDRESSES: Final = 4


class GuardedBackend(httpcore.NetworkBackend):
    """Resolves a name itself and connects to the very addresses that passed the guard.

    Args:
        guard: Which addresses may be reached.
    """

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._resolver = Resolver()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve, check every answer, connect to the first of a few that answers.

        Raises:
            BlockedAddressError: If any of the host's addresses may not be reached.
            httpcore.ConnectError: If none of them answers.
            httpcore.ConnectTimeout: If the exchange's time ran out first.
            PutOffError: If its name cannot be looked up now.
        """
        exchange = current_exchange()
        exchange.connected = True
        endpoints = self._resolver.resolve(host, port, exchange)
        for _family, address in endpoints:
            self._guard.check(host, str(address[0]))
        stream = DeadlineStream(_connect(endpoints[:MAX_ADDRESSES], exchange))
        exchange.note_connection()
        return stream

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        """Refuse: webhooks go to the network."""
        raise BlockedAddressError("webhooks do not go to sockets of the machine")

    def sleep(self, seconds: float) -> None:
        """Return at once: httpcore sleeps between retries of its own, and there are none."""


def _connect(endpoints: list[Endpoint], exchange: Exchange) -> socket.socket:
    """Connect to the first endpoint that answers; one that does not has its share of the time, the next the rest."""
    failure: Exception = ConnectFailedError("the host's name leads to no address")
    for number, (family, address) in enumerate(endpoints):
        share_s = exchange.left_s(httpcore.ConnectTimeout) / (len(endpoints) - number)
        try:
            return _connected(family, address, share_s)
        except TimeoutError:
            failure = httpcore.ConnectTimeout("the host does not answer")
        except ConnectionRefusedError:
            failure = ConnectFailedError("the receiver refused the connection")
        except OSError:
            failure = ConnectFailedError("the receiver cannot be reached")
    raise failure


def _connected(family: socket.AddressFamily, address: Any, timeout_s: float) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout_s)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock
